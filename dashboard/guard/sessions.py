"""The password's routes and the cookie: nothing else answers before someone has logged in."""

from __future__ import annotations

import asyncio
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope

from conductor_core.net.hosts import header_values
from dashboard.guard.login import COOKIE, SESSION_SECONDS, Login
from dashboard.guard.login_page import login_page, logout_page

LOGIN, LOGOUT = "/login", "/logout"
# Liveness probes carry no cookie, and the answer says nothing but "ok".
_OPEN = frozenset({"/_stcore/health"})
_LONGEST_FORM = 8_192
_FORM_SECONDS = 10.0


class Sessions:
    """Answers for whoever is not logged in, and for the two forms."""

    def __init__(self, login: Login) -> None:
        self._login = login

    async def answer(self, scope: Scope, receive: Receive) -> Response | None:
        """Our own answer to a connection, or None when it may go on."""
        path = scope["path"]
        cookie = session_cookie(scope)
        known = cookie is not None and self._login.is_session(cookie)
        if scope["type"] == "http" and path == LOGIN:
            return await self._log_in(Request(scope, receive))
        if scope["type"] == "http" and path == LOGOUT and known:
            return self._log_out(scope, cookie or "")
        if known or (scope["type"] == "http" and path in _OPEN):
            return None
        return _please_log_in(scope)

    async def _log_in(self, request: Request) -> Response:
        if request.method != "POST":
            return _form(_own_path(request.query_params.get("next", "/")))
        client = request.client.host if request.client else ""
        wait = self._login.tries.wait(client)
        if wait:
            answer = _form("/", f"Too many wrong passwords. Try again in {wait} s.", 429)
            answer.headers["retry-after"] = str(wait)
            return answer
        # Counted before the body is read, else many requests at once would each see no tries yet.
        self._login.tries.count(client)
        fields = await _read_form(request)
        next_path = _own_path(fields.get("next", "/"))
        if not self._login.is_right(fields.get("password", "")):
            return _form(next_path, "This is not the password. Check it and try again.", 401)
        self._login.tries.forgive(client)
        return self._admitted(next_path, secure=request.url.scheme == "https")

    def _admitted(self, next_path: str, *, secure: bool) -> Response:
        answer = RedirectResponse(next_path, 303)
        answer.set_cookie(
            COOKIE,
            self._login.start_session(),
            max_age=SESSION_SECONDS,
            secure=secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    def _log_out(self, scope: Scope, cookie: str) -> Response:
        if scope["method"] != "POST":
            return HTMLResponse(logout_page(), headers={"cache-control": "no-store"})
        self._login.end_session(cookie)
        answer = RedirectResponse(LOGIN, 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer


def session_cookie(scope: Scope) -> str | None:
    """The session cookie a connection carries."""
    for header in header_values(scope["headers"], b"cookie"):
        try:
            morsel = SimpleCookie(header).get(COOKIE)
        except CookieError:
            continue
        if morsel is not None:
            return morsel.value
    return None


def _please_log_in(scope: Scope) -> Response:
    """A browser that opens a page is sent to the form; everything else is told 401 (a WebSocket: 403)."""
    if scope["type"] == "websocket":
        return PlainTextResponse("Log in first.", 403)
    accepts = ",".join(header_values(scope["headers"], b"accept"))
    if scope["method"] not in {"GET", "HEAD"} or "text/html" not in accepts:
        return PlainTextResponse("Log in first.", 401, {"cache-control": "no-store"})
    query = scope["query_string"].decode("latin-1")
    wanted = scope["path"] + (f"?{query}" if query else "")
    return RedirectResponse(f"{LOGIN}?next={quote(wanted, safe='')}", 303, {"cache-control": "no-store"})


def _form(next_path: str, problem: str = "", status: int = 200) -> Response:
    return HTMLResponse(login_page(next_path, problem), status, {"cache-control": "no-store"})


def _own_path(path: str) -> str:
    """`path` when it is one of this site's pages, else `/`: the form must not forward to another host."""
    is_ours = path.startswith("/") and not path.startswith(("//", LOGIN, LOGOUT)) and "\\" not in path
    return path if is_ours and path.isprintable() else "/"


async def _read_form(request: Request) -> dict[str, str]:
    """The fields of a small url-encoded form; none when it is too long, too slow or not one."""
    body = bytearray()
    try:
        async with asyncio.timeout(_FORM_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LONGEST_FORM:
                    return {}
    except (TimeoutError, ClientDisconnect):
        return {}
    try:
        return {name: values[0] for name, values in parse_qs(body.decode(), max_num_fields=8).items()}
    except ValueError:
        return {}
