"""Load on a server that speaks OpenAI's Chat Completions: raw sockets, so that the generator is never the slow side.

A `Target` is asked one request at a time, many at once, and for streams. Every answer is read whole and must be a 200.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import orjson

MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Say something about benchmarks. " * 6},
]
CHUNKS = 200
LONGEST = 60.0
"""Seconds that any answer may take."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. `model` is the name a target knows the upstream's by, the pieces it is to stream after it."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    model: str = "gpt-4.1-mini"

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 80

    def request(self, *, stream: bool = False) -> bytes:
        """The bytes of a request."""
        model = f"{self.model}-chunks-{CHUNKS}" if stream else self.model
        body = orjson.dumps({"model": model, "messages": MESSAGES, **({"stream": True} if stream else {})})
        host, port = self.address
        lines = [
            f"POST {urlsplit(self.url).path} HTTP/1.1",
            f"host: {host}:{port}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Answer:
    """Takes in bytes until one whole answer is there."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self._ends_at: int | None = None
        self._chunked = False

    def take(self, data: bytes) -> bool:
        """Whether that was the last of it.

        Raises:
            AssertionError: it is no 200.
        """
        self.bytes += data
        if self._ends_at is None:
            end = self.bytes.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(self.bytes[:end]).lower()
            assert head[9:12] == b"200", bytes(self.bytes[:600])
            _, found, length = head.partition(b"\r\ncontent-length:")
            self._chunked = not found
            self._ends_at = end + 4 + (int(length.split(b"\r\n")[0]) if found else 0)
        return self.bytes.endswith(b"0\r\n\r\n") if self._chunked else len(self.bytes) >= self._ends_at

    @property
    def events(self) -> int:
        return self.bytes.count(b"data: ")


def one_at_a_time(target: Target, calls: int, *, stream: bool = False) -> Iterator[tuple[float, float]]:
    """Seconds to the first byte of the body (of a stream: to its first event) and to the end of each call."""
    request = target.request(stream=stream)
    with socket.create_connection(target.address, LONGEST) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(calls):
            answer, first, started = Answer(), 0.0, time.perf_counter()
            connection.sendall(request)
            done = False
            while not done:
                data = connection.recv(262_144)
                assert data, "the server closed the connection"
                done = answer.take(data)
                first = first or (time.perf_counter() - started if answer.bytes.find(b'"content"') > 0 else 0.0)
            yield first, time.perf_counter() - started


class _Client(asyncio.Protocol):
    """Keeps one connection busy until nothing is left to ask."""

    def __init__(self, request: bytes, left: Iterator[int], took: list[float], ended: asyncio.Future[None]) -> None:
        self._request = request
        self._left = left
        self._took = took
        self._ended = ended
        self.events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        try:
            done = self._answer.take(data)
        except AssertionError as refusal:
            if not self._ended.done():
                self._ended.set_exception(refusal)
            self._transport.abort()
            return
        if done:
            self._took.append(time.perf_counter() - self._started)
            self.events += self._answer.events
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _ask(self) -> None:
        if next(self._left, None) is None:
            self._transport.close()
            return
        self._answer, self._started = Answer(), time.perf_counter()
        self._transport.write(self._request)


def _itself(client: _Client) -> _Client:
    return client


@dataclass(frozen=True, slots=True)
class Load:
    """What many at once came to: each one's seconds, all in all, and the events of streams."""

    took: list[float]
    seconds: float
    events: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.took) / self.seconds


async def at_once(target: Target, calls: int, width: int, *, stream: bool = False) -> Load:
    """So many calls, `width` of them at any time."""
    loop = asyncio.get_running_loop()
    request, left, took = target.request(stream=stream), iter(range(calls)), list[float]()
    ends = [loop.create_future() for _ in range(width)]
    started = time.perf_counter()
    clients = [_Client(request, left, took, end) for end in ends]
    for client in clients:
        await loop.create_connection(partial(_itself, client), *target.address)
    async with asyncio.timeout(LONGEST):
        await asyncio.gather(*ends)
    assert len(took) == calls
    return Load(took, time.perf_counter() - started, sum(client.events for client in clients))
