"""Guard: what every connection passes before Streamlit sees it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conductor_core.api.errors import refusal_of
from conductor_core.api.paths import content_security_policy, is_api
from conductor_core.errors import ConductorError
from conductor_core.net.entrance import Entrance, local_address
from conductor_core.net.headers import with_security_headers
from conductor_core.net.hosts import is_loopback
from dashboard.guard.headers import CONTENT_SECURITY_POLICY
from dashboard.guard.policy import Policy
from dashboard.guard.sessions import Sessions

# Streamlit's own doors that this dashboard does not use: metrics, remote control, its OIDC login.
_CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check", "/auth", "/oauth2callback")


class Guard:
    """ASGI middleware around everything the process serves.

    `load` is called once, on the server's loop, before the application starts; when it raises a `ConductorError`, the
    server refuses to start with that sentence. Where the server runs no lifespan, nothing is served.

    Args:
        api: what answers programs. It asks for keys of its own, so nobody logs in there; and since it is chosen here,
            by the same look at the path that passes the login by, no path can do the one without the other.
    """

    def __init__(self, app: ASGIApp, load: Callable[[], Policy], api: ASGIApp | None = None) -> None:
        self._app = app
        self._load = load
        self._api = api
        self._policy: Policy | None = None
        self._entrance = Entrance()
        self._sessions: Sessions | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._start(scope, receive, send)
            return
        api = self._api if scope["type"] == "http" and is_api(scope["path"]) else None
        send = with_security_headers(send, content_security_policy(scope["path"]) if api else CONTENT_SECURITY_POLICY)
        answer = self._refusal(scope, api is not None)
        if answer is None and api is None and self._sessions is not None:
            answer = await self._sessions.answer(scope, receive)
        if answer is None:
            await (api or self._app)(scope, receive, send)
        else:
            await refuse(answer, scope, receive, send)

    async def _start(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the lifespan. A refusal reaches the server as its sentence, in place of a traceback."""
        sent: list[str] = []
        failures: list[Message] = []

        async def send_or_hold(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                failures.append(message)
                return
            sent.append(message["type"])
            await send(message)

        try:
            self._policy = self._load()
            self._entrance = Entrance(self._policy.allowed_hosts)
            self._sessions = Sessions(self._policy.login) if self._policy.login else None
            await self._app(scope, receive, send_or_hold)
        except ConductorError as refusal:
            if sent:
                raise
            await send({"type": "lifespan.startup.failed", "message": str(refusal)})
        except BaseException:
            for failure in failures:
                await send(failure)
            raise

    def _refusal(self, scope: Scope, of_api: bool) -> Response | None:
        """Why this connection is none of ours, or None."""
        policy = self._policy
        if policy is None:
            return PlainTextResponse("Conductor did not start: its server ran no ASGI lifespan.", 503)
        local = local_address(scope)
        if policy.login is None and local is not None and not is_loopback(local):
            return PlainTextResponse("This address needs a password. Set CONDUCTOR_PASSWORD and restart.", 403)
        refused = self._entrance.refusal(scope, policy.cors_origins if of_api else ())
        if refused:
            return refusal_of(scope, *refused) if of_api else PlainTextResponse(refused[1], refused[0])
        if any(scope["path"] == path or scope["path"].startswith(f"{path}/") for path in _CLOSED):
            return PlainTextResponse("There is nothing here.", 404)
        return None


async def refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Sends a refusal; a WebSocket whose server can't carry a response is closed with 1008 (RFC 6455, 7.4.1)."""
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
        await answer(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close", "code": 1008})
