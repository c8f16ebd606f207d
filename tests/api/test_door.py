"""What only shows on a real socket: clients that go, that stall, that send too much, and faults nobody foresaw."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from conductor_core.api import create_app
from conductor_core.api.access import needs
from conductor_core.keys.key import Scope
from conductor_core.kinds import Outcome
from tests.api.door import HELLO, TOKEN, Open, logged, opened, served

SOON = 1.0
"""Seconds within which an upstream call has to end that nobody waits for."""


def written(body: dict[str, Any] | bytes, *headers: str, length: int | None = None) -> bytes:
    """A chat as it goes over the wire."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [
        "POST /api/chat HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {TOKEN}",
        "Content-Type: application/json",
        f"Content-Length: {len(content) if length is None else length}",
        *headers,
    ]
    return "\r\n".join([*head, "", ""]).encode() + content


async def asked(door: Open) -> Any:
    """What upstream was asked, as soon as it was."""
    while not door.upstream.requests:
        await asyncio.sleep(0.005)
    return door.upstream.last


@pytest.mark.parametrize(
    ("stream", "model"), [(False, "a-silent"), (False, "a-stall-1"), (True, "a-silent"), (True, "a-gap-200-words-500")]
)
async def test_a_client_that_goes_ends_the_call_upstream(door: Open, stream: bool, model: str) -> None:
    """F48: before the first byte and in the middle; upstream sees it within a second, the row says so."""
    reader, writer = await door.connect()
    writer.write(written({**HELLO, "model": model, "stream": stream}))
    upstream = await asked(door)
    if "gap" in model:
        await reader.readuntil(b"event: chunk\n")
    writer.close()
    async with asyncio.timeout(SOON):
        await upstream.hung_up.wait()
    [call] = await door.calls()
    assert call.outcome is Outcome.CANCELLED
    assert door.conductor.gateway.bulkheads.requests == 0


async def test_a_client_that_shuts_its_side_is_gone(door: Open) -> None:
    """Half closed is closed."""
    _, writer = await door.connect()
    writer.write(written({**HELLO, "model": "a-silent"}))
    upstream = await asked(door)
    writer.write_eof()
    async with asyncio.timeout(SOON):
        await upstream.hung_up.wait()
    writer.close()


async def test_a_client_that_reads_nothing_loses_its_place(tmp_path: Path) -> None:
    """B62: what is sent waits in buffers until they are full; then the call ends and its place is free."""
    async with opened(tmp_path, CONDUCTOR_API_SEND_TIMEOUT="0.3") as door:
        with logged() as records:
            _, writer = await door.connect()
            writer.transport.pause_reading()  # type: ignore[attr-defined] # the socket's own buffers fill up
            writer.write(written({**HELLO, "model": "a-big-256-words-500", "stream": True}))
            upstream = await asked(door)
            async with asyncio.timeout(20):
                await upstream.hung_up.wait()
                while door.conductor.gateway.bulkheads.requests:
                    await asyncio.sleep(0.01)
            writer.close()
        [line] = [record for record in records if record["event"] == "request"]
        assert line["ended"] == "slow_reader"


@pytest.mark.parametrize("sent", [0, 20])
async def test_a_sender_that_stalls_is_told_408(tmp_path: Path, sent: int) -> None:
    """A body that never comes, or stops coming."""
    async with opened(tmp_path, CONDUCTOR_API_READ_TIMEOUT="0.2") as door:
        reader, writer = await door.connect()
        writer.write(written(json.dumps(HELLO).encode()[:sent], length=5_000))
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 408 ")
            assert b"connection: close" in head.lower()
        writer.close()
        assert door.upstream.requests == []


async def test_a_sender_that_drips_is_told_408(tmp_path: Path) -> None:
    """A byte now and then does not keep a request alive."""
    async with opened(tmp_path, CONDUCTOR_API_READ_TIMEOUT="0.3") as door:
        reader, writer = await door.connect()
        writer.write(written(b"", length=5_000))

        async def drip() -> None:
            while True:
                writer.write(b" ")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        dripping.cancel()
        writer.close()


async def test_a_body_without_end_is_told_413(tmp_path: Path) -> None:
    """B05: no more of it is kept than may come, and the client gets to read why."""
    async with opened(tmp_path, CONDUCTOR_API_TEXT_BYTES="4096") as door:
        reader, writer = await door.connect()
        writer.write(written(b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b""))

        async def pour() -> None:
            while True:
                writer.write(b"1000\r\n" + b" " * 4096 + b"\r\n")
                await writer.drain()

        pouring = asyncio.create_task(pour())
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 413 ")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            assert json.loads(await reader.readexactly(length))["error"] == "request_too_large"
        pouring.cancel()
        writer.close()


@pytest.mark.parametrize("length", ["-1", "1e3", "+5", "9" * 30])
async def test_a_length_that_is_none_is_refused(door: Open, length: str) -> None:
    """By us or by the server; nothing is asked upstream."""
    reader, writer = await door.connect()
    head = written(HELLO).replace(
        f"Content-Length: {len(json.dumps(HELLO))}".encode(), f"Content-Length: {length}".encode()
    )
    writer.write(head)
    writer.write_eof()
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert not answer.startswith(b"HTTP/1.1 200")
    assert door.upstream.requests == []


async def test_a_connection_serves_many_requests(door: Open) -> None:
    """One that was answered after its body was read stays open."""
    reader, writer = await door.connect()
    for _ in range(3):
        writer.write(written(HELLO))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


def _broken() -> APIRouter:
    router = APIRouter(dependencies=[needs(Scope.CONVERSATIONS)])

    @router.get("/api/broken")
    async def broken() -> None:
        raise RuntimeError(f"nobody foresaw this, with {TOKEN}")

    @router.get("/api/breaks")
    async def breaks(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"so far"
            raise RuntimeError("in the middle")

        return StreamingResponse(pieces())

    return router


async def test_a_fault_nobody_foresaw_is_a_500_to_quote(door: Open) -> None:
    """Of the fault itself nothing is told; the log has it without the key; the process goes on."""
    app = create_app(door.conductor)
    app.router.routes.extend(_broken().routes)
    async with served(app) as port:
        url = f"http://127.0.0.1:{port}"
        with logged(door.conductor.redactor) as records:
            answer = await door.client.get(f"{url}/api/broken")
            assert answer.status_code == 500
            assert answer.json()["error"] == "internal_error"
            assert "foresaw" not in answer.text
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET /api/breaks HTTP/1.1\r\nHost: x\r\nx-api-key: {TOKEN}\r\n\r\n".encode())
            assert b"so far" in await reader.read()
            writer.close()
            assert (await door.client.get(f"{url}/api/health")).status_code == 200
    faults = [record for record in records if record["event"] == "request failed unforeseen"]
    assert faults[0]["request_id"] == answer.headers["x-request-id"]
    assert "nobody foresaw this" in faults[0]["exception"]
    assert TOKEN not in json.dumps(records)
    assert len(faults) == 2
