"""Guard: what every connection passes before Streamlit sees it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conductor_core.errors import ConductorError
from dashboard.guard.headers import with_security_headers
from dashboard.guard.hosts import header_values, is_allowed_host, is_loopback, is_same_origin
from dashboard.guard.policy import Policy
from dashboard.guard.sessions import Sessions

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Streamlit's own doors that this dashboard does not use: metrics, remote control, its OIDC login.
_CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check", "/auth", "/oauth2callback")


class Guard:
    """ASGI middleware around everything the process serves.

    `load` is called once, on the server's loop, before the application starts; when it raises a `ConductorError`, the
    server refuses to start with that sentence. Where the server runs no lifespan, nothing is served.
    """

    def __init__(self, app: ASGIApp, load: Callable[[], Policy]) -> None:
        self._app = app
        self._load = load
        self._policy: Policy | None = None
        self._sessions: Sessions | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._start(scope, receive, send)
            return
        send = with_security_headers(send)
        answer = self._refusal(scope)
        if answer is None and self._sessions is not None:
            answer = await self._sessions.answer(scope, receive)
        if answer is None:
            await self._app(scope, receive, send)
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

    def _refusal(self, scope: Scope) -> Response | None:
        """Why this connection is none of ours, or None."""
        policy = self._policy
        if policy is None:
            return PlainTextResponse("Conductor did not start: its server ran no ASGI lifespan.", 503)
        local = _local_address(scope)
        if policy.login is None and local is not None and not is_loopback(local):
            return PlainTextResponse("This address needs a password. Set CONDUCTOR_PASSWORD and restart.", 403)
        hosts = header_values(scope["headers"], b"host")
        if len(hosts) != 1 or not is_allowed_host(hosts[0], policy.allowed_hosts, local):
            return PlainTextResponse(
                "This host name is not Conductor's. A proxy's is set by CONDUCTOR_ALLOWED_HOSTS.", 400
            )
        if not _is_own_origin(scope, hosts[0]):
            return PlainTextResponse("This request came from another site.", 403)
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


def _local_address(scope: Scope) -> str | None:
    """The server's end of this connection, or None on a Unix socket."""
    server = scope.get("server")
    return str(server[0]) if server and server[1] is not None else None


def _is_own_origin(scope: Scope, host: str) -> bool:
    """Whether the Origin header, where it matters, is this very host and port.

    A browser always sends it with a WebSocket and with every unsafe method (Fetch standard, "append a request Origin
    header"). So on a WebSocket it must be there; elsewhere its absence means a program, which no other site can steer.
    """
    origins = header_values(scope["headers"], b"origin")
    if scope["type"] == "websocket":
        return len(origins) == 1 and is_same_origin(origins[0], host)
    return scope["method"] in _SAFE_METHODS or all(is_same_origin(origin, host) for origin in origins)
