"""The API on a real socket: a Conductor at the tests' upstream, its application behind uvicorn on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from conductor_core import logs
from conductor_core.api import create_app
from conductor_core.conductor import Conductor
from conductor_core.keys.key import Scope, Wish
from conductor_core.metrics.call import Call
from conductor_core.redaction import Redactor
from tests.installation import installation
from tests.upstream import Upstream

TOKEN = "tests-own-key-0123456789"
"""`CONDUCTOR_API_KEY`: every scope."""
HELLO: dict[str, Any] = {"provider": "openai", "messages": [{"role": "user", "content": "Hello"}]}


@dataclass(frozen=True, slots=True)
class Open:
    """An open door.

    Attributes:
        client: sends the key with everything; `stranger` sends none.
    """

    conductor: Conductor
    upstream: Upstream
    port: int
    client: httpx.AsyncClient
    stranger: httpx.AsyncClient

    async def chat(self, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        """`POST /api/chat` of a greeting with some fields changed."""
        return await self.client.post("/api/chat", json=HELLO | fields, headers=headers or {})

    async def calls(self, number: int = 1) -> list[Call]:
        """The newest rows, newest first, once so many have ended."""
        while True:
            found = self.conductor.store.recent_calls(1_000)
            if len(found) >= number and all(call.latency_ms is not None for call in found):
                return found
            await asyncio.sleep(0.01)

    def afresh(self) -> Open:
        """The same, with nothing asked through it yet and an upstream that behaves."""
        self.upstream.requests.clear()
        self.upstream.behaviour = ""
        return self

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def served(app: ASGIApp, **options: Any) -> AsyncIterator[int]:
    """The port that uvicorn serves an application on."""
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, **{"lifespan": "off", **options})
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
        assert not serving.done(), "the server did not start"
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def opened(home: Path, **variables: str) -> AsyncIterator[Open]:
    """The door of an installation of its own."""
    async with (
        Upstream() as upstream,
        installation(home / "conductor", upstream, CONDUCTOR_API_KEY=TOKEN, **variables) as conductor,
        served(create_app(conductor)) as port,
        _client(port, {"authorization": f"Bearer {TOKEN}"}) as client,
        _client(port) as stranger,
    ):
        yield Open(conductor, upstream, port, client, stranger)


async def new_token(home: Path) -> str:
    """The token of a key without limits, made in an installation that is closed again."""
    async with installation(home) as conductor:
        _, token = await conductor.keys.create(Wish("tests", (Scope.CHAT, Scope.READ), requests_per_minute=None))
    return token.reveal()


@contextmanager
def logged(redactor: Redactor | None = None) -> Iterator[list[dict[str, Any]]]:
    """The records that are logged meanwhile, as they are written; complete at the end."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = StringIO()
    found: list[dict[str, Any]] = []
    handler = logs.configure(redactor or Redactor(), stream)
    try:
        yield found
    finally:
        handler.flush()
        root.handlers[:] = before
        root.setLevel(level)
        found += [json.loads(line) for line in stream.getvalue().splitlines()]


def events(body: str) -> list[tuple[str, Any]]:
    """Name and data of every event of a stream."""
    found = []
    for block in body.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            fields = dict(line.split(": ", 1) for line in lines)
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def _client(port: int, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers or {}, timeout=30.0, trust_env=False, verify=False
    )
