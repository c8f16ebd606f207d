"""Answers that come as they are written: server-sent events (WHATWG HTML, 9.2), the same for every protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from conductor_core.api.errors import INTERNAL, Problem, problem_of
from conductor_core.api.visit import Visit

SILENCE = 15.0
"""Seconds without an event after which a comment is sent: what stands between us and the client keeps waiting."""
HEARTBEAT = b": waiting\n\n"

_log = structlog.get_logger()


class EventStream(Response):
    """Sends the events of a generator, each whole as bytes with its blank line.

    What is raised before the first of them becomes an answer of its own status; only after `SILENCE` the stream begins
    without one. What is raised later is told as an event.

    Args:
        events: closed in the end, also when the client goes before.
        failed: the event that tells of a problem.
        facts: headers, asked for when the first event is there.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes, None],
        failed: Callable[[Problem], bytes],
        facts: Callable[[], Mapping[str, str]] = dict,
        silence: float = SILENCE,
    ) -> None:
        self._events = events
        self.failed = failed
        self.facts = facts
        self.silence = silence
        self.status_code = 200
        self.background = None
        # A proxy that gathers what it passes on (nginx) would make one answer of the stream.
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = Visit.of(scope)
        pulse = _Pulse(self, visit, send)
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    await pulse.send(event)
                    pulse.waits()
        except Exception as error:  # the boundary: once the answer has begun, its fault is told inside of it
            await pulse.stop()
            if not pulse.begun:
                raise
            problem = problem_of(error)
            if problem.code == INTERNAL:
                _log.error("stream failed unforeseen", request_id=visit.id, exc_info=error)
            visit.ended = problem.code
            await pulse.send(self.failed(problem))
        finally:
            await pulse.stop()
        await pulse.end()


class _Pulse:
    """What an `EventStream` sends: its events, and a comment whenever there was none for a while."""

    def __init__(self, stream: EventStream, visit: Visit, send: Send) -> None:
        self._stream = stream
        self._visit = visit
        self._send = send
        self._silence = stream.silence
        self._loop = asyncio.get_running_loop()
        self._quiet_since: float | None = self._loop.time()
        self._beating: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(self._silence, self._look)
        self.begun = False

    async def send(self, event: bytes) -> None:
        """Sends an event; before the first one, how the answer begins."""
        self._quiet_since = None
        if self._beating and not self._beating.done():
            await self._beating
        await self._pass_on(event)

    def waits(self) -> None:
        """The next event is waited for."""
        self._quiet_since = self._loop.time()

    async def stop(self) -> None:
        """No comments any more."""
        self._timer.cancel()
        if self._beating and not self._beating.done():
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating

    async def end(self) -> None:
        if not self.begun:
            await self._pass_on(b"")
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pass_on(self, event: bytes) -> None:
        if not self.begun:
            self.begun = True
            self._visit.tell(self._stream.facts())
            start = {"type": "http.response.start", "status": 200, "headers": self._stream.raw_headers}
            await self._send(start)
        await self._send({"type": "http.response.body", "body": event, "more_body": True})

    def _look(self) -> None:
        quiet = 0.0 if self._quiet_since is None else self._loop.time() - self._quiet_since
        if quiet >= self._silence * 0.99:
            if self._beating is None or self._beating.done():  # else the client takes nothing: one comment is enough
                self._beating = self._loop.create_task(self._pass_on(HEARTBEAT))
            quiet = 0.0
            self._quiet_since = self._loop.time()
        self._timer = self._loop.call_later(self._silence - quiet, self._look)
