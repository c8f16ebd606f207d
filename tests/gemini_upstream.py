"""Gemini's REST interface on loopback, answering with exactly the objects a test gives it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

JSON = {"Content-Type": "application/json; charset=UTF-8"}


def part(text: str, **fields: Any) -> dict[str, Any]:
    """An object of the array: the next text of the one candidate."""
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **fields}]}


def error(code: int, status: str, *details: dict[str, Any]) -> dict[str, Any]:
    """Google's error object."""
    return {"error": {"code": code, "message": "told by upstream", "status": status, "details": list(details)}}


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    url: str
    headers: dict[str, str]
    body: Any


@dataclass
class GeminiUpstream:
    """What the server answers, and what it saw.

    Attributes:
        objects: the answer; a stream sends them one by one, a whole answer is the first of them.
        status: of the answer; another than 200 sends the first object as Google does, inside an array when streamed.
        headers: sent with the answer.
        step: when set, a stream waits for it to be released before each object.
        endless: a stream repeats its first object for ever; bytes instead of an object are sent as they are.
        pages: the answers to one listing of models after the other.
        seen: the requests, in order.
        hung_up: set once a client closed the connection in the middle of a stream.
    """

    url: str = ""
    objects: list[Any] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    step: asyncio.Semaphore | None = None
    endless: bool = False
    pages: list[Any] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """`POST …/models/<model>:<method>`."""
        self.seen.append(Seen(request.raw_path, dict(request.headers), await request.json()))
        streamed = ":streamGenerateContent" in request.path
        if streamed and self.status == 200:
            return await self._stream(request)
        answer = [self.objects[0]] if streamed else self.objects[0]
        return web.Response(status=self.status, text=json.dumps(answer), headers=JSON | self.headers)

    async def models(self, request: web.Request) -> web.Response:
        """`GET …/models`."""
        self.seen.append(Seen(request.raw_path, dict(request.headers), None))
        return web.Response(text=json.dumps(self.pages[len(self.seen) - 1]), headers=JSON)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=JSON | self.headers)
        await response.prepare(request)
        try:
            for position, data in enumerate(self._pieces()):
                if self.step:
                    await self.step.acquire()
                await response.write((b"" if self.endless else b",\r\n" if position else b"[") + data)
            await response.write(b"\n]\n")
        except (ConnectionError, asyncio.CancelledError):
            self.hung_up.set()
            raise
        return response

    def _pieces(self) -> Iterable[bytes]:
        data = [each if isinstance(each, bytes) else json.dumps(each, indent=1).encode() for each in self.objects]
        return itertools.repeat(data[0]) if self.endless else data


@asynccontextmanager
async def gemini_upstream() -> AsyncIterator[GeminiUpstream]:
    """Serves on a free port of loopback, at the root and under the path prefix `/gateway`."""
    upstream = GeminiUpstream()
    app = web.Application()
    for prefix in ("", "/gateway"):
        app.router.add_post(prefix + "/v1beta/models/{call}", upstream.answer)
        app.router.add_get(prefix + "/v1beta/models", upstream.models)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield upstream
    finally:
        await runner.cleanup()
