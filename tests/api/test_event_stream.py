"""Streams against a client that only writes down what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from conductor_core.api.errors import Problem
from conductor_core.api.event_stream import HEARTBEAT, EventStream
from conductor_core.api.visit import Visit
from conductor_core.errors import NotFound


class Client:
    """What was sent to it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.visit = Visit()

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    async def receive(self) -> Message:
        raise AssertionError("a stream reads nothing")

    async def takes(self, stream: EventStream) -> None:
        scope = {"type": "http", "conductor.visit": self.visit}
        await stream(scope, self.receive, self.send)

    @property
    def status(self) -> int:
        return next((message["status"] for message in self.messages if "status" in message), 0)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


def told(problem: Problem) -> bytes:
    return f"error {problem.status} {problem.code}\n".encode()


async def _events(*steps: bytes | float | Exception) -> AsyncGenerator[bytes, None]:
    for step in steps:
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float):
            await asyncio.sleep(step)
        else:
            yield step


async def test_events_come_one_by_one() -> None:
    """Each as it is, then the end; the facts are asked for when the first is there."""
    client = Client()
    await client.takes(EventStream(_events(b"a", b"b"), told, lambda: {"x-fact": "1"}))
    assert [message.get("body") for message in client.messages[1:]] == [b"a", b"b", b""]
    assert [message.get("more_body") for message in client.messages[1:]] == [True, True, False]
    headers = dict(client.messages[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert b"content-length" not in headers
    assert client.visit.headers == {"x-fact": "1"}


async def test_a_fault_before_the_first_event_has_its_own_status() -> None:
    """Nothing was sent, so whoever handles errors answers."""
    client = Client()
    with pytest.raises(NotFound):
        await client.takes(EventStream(_events(NotFound()), told))
    assert client.messages == []


async def test_a_fault_after_it_is_an_event() -> None:
    """And the stream ends as it should."""
    client = Client()
    await client.takes(EventStream(_events(b"a\n", NotFound()), told))
    assert client.body == b"a\nerror 404 not_found\n"
    assert client.messages[-1]["more_body"] is False


async def test_silence_is_filled_with_comments() -> None:
    """Between events, and before the first one: then the answer begins without it."""
    client = Client()
    stream = EventStream(_events(0.15, b"1", 0.15, b"2"), told, silence=0.04)
    await client.takes(stream)
    before, after = client.body.split(b"1")
    assert before.count(HEARTBEAT) >= 2
    assert after.count(HEARTBEAT) >= 2
    assert client.body.replace(HEARTBEAT, b"") == b"12"


async def test_a_fault_after_a_comment_is_an_event() -> None:
    """The answer has begun by then."""
    client = Client()
    await client.takes(EventStream(_events(0.1, NotFound()), told, silence=0.03))
    assert client.status == 200
    assert client.body.endswith(b"error 404 not_found\n")


async def test_a_steady_stream_has_no_comments() -> None:
    """However long it lasts."""
    client = Client()
    steps = [step for number in range(20) for step in (0.01, b"%d " % number)]
    await client.takes(EventStream(_events(*steps), told, silence=0.1))
    assert HEARTBEAT not in client.body


async def test_a_client_that_takes_nothing_is_sent_one_comment() -> None:
    """A second one would wait behind it, out of reach of the stream's end, and look as if the client took something."""
    sending = 0

    class Stuck(Client):
        async def send(self, message: Message) -> None:
            nonlocal sending
            await super().send(message)
            if message.get("body") == HEARTBEAT:
                sending += 1
                await asyncio.Event().wait()

    client = Stuck()
    taking = asyncio.create_task(client.takes(EventStream(_events(0.3, b"late"), told, silence=0.02)))
    await asyncio.sleep(0.2)  # ten silences
    assert sending == 1
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_events_are_closed_when_the_client_goes() -> None:
    """Whatever they wait for."""
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            yield b"a"
            await asyncio.Event().wait()
        finally:
            closed.set()

    client = Client()
    taking = asyncio.create_task(client.takes(EventStream(endless(), told)))
    while not client.body:
        await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert closed.is_set()
