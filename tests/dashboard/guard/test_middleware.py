"""Through a real uvicorn on loopback, with a small application behind the guard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from conductor_core.errors import SettingsError
from conductor_core.net.headers import SECURITY_HEADERS
from conductor_core.secret import Secret
from dashboard.guard import Guard, Policy
from dashboard.guard.headers import CONTENT_SECURITY_POLICY, INLINE_SCRIPT
from dashboard.guard.login import COOKIE, TRIES_PER_CLIENT, Login

PASSWORD = "open sesame, please"


async def _anything(request: Request) -> Response:
    return PlainTextResponse(f"inside {request.url.path}", headers={"x-frame-options": "ALLOWALL"})


async def _echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("inside")
    await socket.close()


@asynccontextmanager
async def _served(policy: Policy | None) -> AsyncIterator[str]:
    """Host and port of the guarded application; without a policy its start was skipped."""

    def load() -> Policy:
        assert policy is not None
        return policy

    routes = [
        Route("/{path:path}", _anything, methods=["GET", "POST", "PUT"]),
        WebSocketRoute("/_stcore/stream", _echo),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Guard, load=load)])
    config = uvicorn.Config(app, port=0, log_config=None, ws="websockets-sansio", lifespan="on" if policy else "off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def open_door() -> AsyncIterator[str]:
    async with _served(Policy()) as place:
        yield place


@pytest.fixture
async def locked_door(tmp_path: Path) -> AsyncIterator[str]:
    async with _served(Policy(login=Login.open(Secret(PASSWORD), tmp_path))) as place:
        yield place


async def _get(place: str, path: str = "/", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"http://{place}{path}", headers=headers)


async def _socket_status(place: str, **headers: str) -> int:
    """101 when the WebSocket opened, else the status it was refused with."""
    origin = headers.pop("Origin", None)
    try:
        async with connect(
            f"ws://{place}/_stcore/stream",
            origin=Origin(origin) if origin else None,
            additional_headers=headers,
            proxy=None,
        ) as socket:
            assert await socket.recv() == "inside"
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_a_visitor_on_this_machine_comes_in(open_door: str) -> None:
    """Loopback without a password is open, for pages and for the WebSocket."""
    assert (await _get(open_door)).text == "inside /"
    assert await _socket_status(open_door, Origin=f"http://{open_door}") == 101


async def test_every_response_carries_the_headers(open_door: str) -> None:
    """On answers, refusals and blocked paths, in place of the application's own value."""
    for answer in (
        await _get(open_door),
        await _get(open_door, Host="evil.example"),
        await _get(open_door, "/_stcore/metrics"),
    ):
        for name, value in {"content-security-policy": CONTENT_SECURITY_POLICY, **SECURITY_HEADERS}.items():
            assert answer.headers.get_list(name) == [value]


@pytest.mark.parametrize("host", ["rebind.evil.example:8501", "evil.example", "127.0.0.1.nip.io", "192.0.2.9:8501"])
async def test_dns_rebinding_gets_400(open_door: str, host: str) -> None:
    """A foreign Host is refused for pages, even health, and for the WebSocket with a matching Origin."""
    assert (await _get(open_door, Host=host)).status_code == 400
    assert (await _get(open_door, "/_stcore/health", Host=host)).status_code == 400
    name = host.partition(":")[0]
    reader, writer = await asyncio.open_connection(*open_door.split(":"))
    writer.write(
        (
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{name}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ).encode()
    )
    assert b" 400 " in await reader.readline()
    writer.close()


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "null", None])
async def test_a_foreign_socket_is_refused(open_door: str, origin: str | None) -> None:
    """Another site, another port of this machine, and whoever hides where they come from."""
    assert await _socket_status(open_door, **({"Origin": origin} if origin else {})) == 403


async def test_a_foreign_site_cannot_post(open_door: str) -> None:
    """Unsafe methods take our own Origin or none, as a program sends."""
    async with httpx.AsyncClient(base_url=f"http://{open_door}") as client:
        foreign = await client.post("/x", headers={"Origin": "http://evil.example"})
        ours = await client.post("/x", headers={"Origin": f"http://{open_door}"})
        program = await client.put("/x")
    assert [foreign.status_code, ours.status_code, program.status_code] == [403, 200, 200]


@pytest.mark.parametrize(
    "path", ["/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/agent/mcp", "/auth/login", "/oauth2callback"]
)
async def test_doors_nobody_needs_are_closed(open_door: str, path: str) -> None:
    """Streamlit's metrics, remote control and login answer 404."""
    assert (await _get(open_door, path)).status_code == 404


async def test_without_a_lifespan_nothing_is_served() -> None:
    """A server that skips the start-up checks gets a sentence instead of the dashboard."""
    async with _served(None) as place:
        answer = await _get(place)
    assert answer.status_code == 503
    assert "lifespan" in answer.text


async def test_a_refused_start_is_a_sentence() -> None:
    """What `load` raises is what the server is told, without a traceback."""

    def load() -> Policy:
        raise SettingsError("Set CONDUCTOR_PASSWORD.")

    sent = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    guard = Guard(Starlette(), load)
    await guard({"type": "lifespan"}, receive, send)
    assert sent == [{"type": "lifespan.startup.failed", "message": "Set CONDUCTOR_PASSWORD."}]


async def test_a_public_address_without_a_password_is_refused() -> None:
    """Should the check at the start ever miss it, the connection itself tells which address was reached."""
    guard = Guard(Starlette(routes=[Route("/", _anything)]), Policy)
    guard._policy = Policy(frozenset({"192.0.2.1"}))
    transport = httpx.ASGITransport(app=_with_server(guard, "192.0.2.1"))
    async with httpx.AsyncClient(transport=transport, base_url="http://192.0.2.1") as client:
        assert (await client.get("/")).status_code == 403


def _with_server(app: Guard, address: str):  # type: ignore[no-untyped-def] # an ASGI application in two lines
    async def served(scope, receive, send):  # type: ignore[no-untyped-def] # as above
        await app({**scope, "server": (address, 80)}, receive, send)

    return served


async def test_the_password_covers_everything_but_health(locked_door: str) -> None:
    """Pages go to the form; media, files, unknown paths and the WebSocket are refused; liveness answers."""
    page = await _get(locked_door, "/compare?cmp=1", Accept="text/html")
    assert page.status_code == 303
    assert page.headers["location"] == "/login?next=%2Fcompare%3Fcmp%3D1"
    for path in ("/media/abc.png", "/static/js/a.js", "/component/x", "/_stcore/host-config", "/_stcore/health/", "/x"):
        assert (await _get(locked_door, path)).status_code == 401
    assert await _socket_status(locked_door, Origin=f"http://{locked_door}") == 403
    assert (await _get(locked_door, "/_stcore/health")).text == "inside /_stcore/health"


async def test_logging_in_and_out(locked_door: str) -> None:
    """The right password opens pages and WebSocket with one cookie; logging out ends it for good."""
    origin = {"Origin": f"http://{locked_door}"}
    async with httpx.AsyncClient(base_url=f"http://{locked_door}") as client:
        form = await client.get("/login?next=/compare", headers={"Accept": "text/html"})
        assert 'name="password"' in form.text
        answer = await client.post("/login", data={"password": PASSWORD, "next": "/compare"}, headers=origin)
        assert (answer.status_code, answer.headers["location"]) == (303, "/compare")
        cookie = answer.headers["set-cookie"]
        assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
        assert "Secure" not in cookie
        kept = f"{COOKIE}={client.cookies[COOKIE]}"
        assert (await client.get("/compare")).text == "inside /compare"
        assert await _socket_status(locked_door, Cookie=kept, **origin) == 101
        assert (await client.get("/logout")).status_code == 200
        assert (await client.get("/compare")).status_code == 200
        assert (await client.post("/logout", headers=origin)).status_code == 303
        assert (await _get(locked_door, "/compare", Cookie=kept)).status_code == 401


async def test_behind_tls_the_cookie_is_secure(locked_door: str) -> None:
    """A proxy on this machine that ended TLS says so, and the cookie then never travels in the clear."""
    async with httpx.AsyncClient(base_url=f"http://{locked_door}") as client:
        answer = await client.post("/login", data={"password": PASSWORD}, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nSet-Cookie: x", "javascript:alert(1)"]
)
async def test_the_form_forwards_nowhere_else(locked_door: str, target: str) -> None:
    """`next` is a path of this site or it is /."""
    async with httpx.AsyncClient(base_url=f"http://{locked_door}") as client:
        answer = await client.post("/login", data={"password": PASSWORD, "next": target})
    assert answer.headers["location"] == "/"


async def test_five_wrong_passwords_a_minute(locked_door: str) -> None:
    """Then even the right one has to wait, with the time in the sentence and in Retry-After."""
    async with httpx.AsyncClient(base_url=f"http://{locked_door}") as client:
        for _ in range(TRIES_PER_CLIENT):
            assert (await client.post("/login", data={"password": "wrong"})).status_code == 401
        answer = await client.post("/login", data={"password": PASSWORD})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert f"Try again in {answer.headers['retry-after']} s" in answer.text


async def test_guesses_at_the_same_moment_are_counted(locked_door: str) -> None:
    """Twenty guesses at once get no more tries than twenty in a row."""
    async with httpx.AsyncClient(base_url=f"http://{locked_door}") as client:
        answers = await asyncio.gather(*(client.post("/login", data={"password": "wrong"}) for _ in range(20)))
    assert sum(answer.status_code == 401 for answer in answers) == TRIES_PER_CLIENT


@pytest.mark.parametrize("body", [b"", b"password=" + b"x" * 100_000, b"\xff\xfe=\xff", b"a&" * 1000])
async def test_a_strange_form_is_a_wrong_password(locked_door: str, body: bytes) -> None:
    """Too long, not text, too many fields: 401, and the server goes on."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with httpx.AsyncClient(base_url=f"http://{locked_door}") as client:
        assert (await client.post("/login", content=body, headers=headers)).status_code == 401
        assert (await client.get("/_stcore/health")).status_code == 200


async def test_the_form_shows_nothing_as_html_that_came_with_the_address(locked_door: str) -> None:
    """`next` is text in an attribute, whatever it holds."""
    page = await _get(locked_door, '/login?next=/"><script>alert(1)</script>')
    assert "<script>" not in page.text
    assert page.headers["cache-control"] == "no-store"


def test_streamlits_inline_script_is_the_one_we_allow() -> None:
    """After an upgrade of Streamlit its page may hold another script; then the hash has to be looked at again."""
    import base64
    import hashlib

    import streamlit

    html = (Path(streamlit.__file__).parent / "static" / "index.html").read_text()
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert [f"'sha256-{value}'" for value in hashes] == [INLINE_SCRIPT]
