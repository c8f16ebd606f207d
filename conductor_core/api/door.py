"""The door: what every request to the API passes, whatever route answers it.

It gives the request its id, notices when the client has gone or takes nothing any more, turns what nobody foresaw into
a 500 that can be quoted, and writes one line to the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conductor_core import logs
from conductor_core.api.errors import problem_of, response_of
from conductor_core.api.visit import Visit
from conductor_core.settings import Settings

LINGER_SECONDS = 5.0
LINGER_BYTES = 64 * 1024 * 1024
"""After an early refusal so much more of the body is taken, and thrown away: a socket closed on unread bytes resets the
connection, and the client never reads why. (As nginx's `lingering_close`)"""

WATCHED_AFTER = 0.05
"""Seconds until it is looked whether the client is still there: what takes less is not worth a task of its own."""

_log = structlog.get_logger()
_lines = logging.getLogger(__name__)


class Door:
    """ASGI middleware around all routes of the API.

    Args:
        settings: those in force now.
    """

    def __init__(self, app: ASGIApp, settings: Callable[[], Settings]) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = Visit.of(scope)
        inbound = _Inbound(receive, _announces_body(scope))
        outbound = _Outbound(send, visit, inbound, self._settings().api_send_timeout)
        try:
            await self._answer(scope, visit, inbound, outbound)
        except asyncio.CancelledError:
            visit.ended = inbound.why or outbound.why or "cut_off"
            task = asyncio.current_task()
            if visit.ended == "cut_off" or task is None:  # the process ends
                raise
            task.uncancel()
        finally:
            inbound.close()
            outbound.close()
            if visit.admission:
                visit.admission.settle(0)
            _note(scope, visit, outbound.status)

    async def _answer(self, scope: Scope, visit: Visit, inbound: _Inbound, outbound: _Outbound) -> None:
        try:
            await self._app(scope, inbound.receive, outbound.send)
        except ClientDisconnect:
            visit.ended = "client_gone"
            return
        except Exception as error:  # noqa: BLE001 - the boundary: a fault of ours ends this request and nothing else
            _log.error("request failed unforeseen", request_id=visit.id, exc_info=error)
            visit.ended = type(error).__name__
            if outbound.status == 0:
                await response_of(problem_of(error), scope, visit.id)(scope, inbound.receive, outbound.send)
        await outbound.end()


class _Inbound:
    """What comes from the client. Once its body is there, nothing more comes but the news that it has gone."""

    def __init__(self, receive: Receive, has_body: bool) -> None:
        self._receive = receive
        self._has_body = has_body
        self._task = asyncio.current_task()
        self._soon: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._read = False
        self.answered = False
        self.why = ""

    @property
    def unread(self) -> bool:
        """Whether there is more of the body."""
        return self._has_body and not self._read

    async def receive(self) -> Message:
        if self._read:
            self._begin_watch()
            await self._gone.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._read, self.why = True, "client_gone"
            self._gone.set()
        elif not message.get("more_body", False):
            self._read = True
            self._soon = asyncio.get_running_loop().call_later(WATCHED_AFTER, self._begin_watch)
        return message

    def _begin_watch(self) -> None:
        if self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        """Cancels the request when its client goes: nothing is asked upstream that nobody waits for."""
        await self._receive()
        self._gone.set()
        if self._task and not self.answered:
            self.why = "client_gone"
            self._task.cancel()

    async def drain(self) -> None:
        """Takes what else the client sends of a body nobody wants, for a moment."""
        left = LINGER_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while left > 0:
                    message = await self._receive()
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return
                    left -= len(message.get("body", b""))

    def close(self) -> None:
        if self._soon:
            self._soon.cancel()
        if self._watcher:
            self._watcher.cancel()


class _Outbound:
    """What goes to the client. One that takes nothing for too long loses its request."""

    def __init__(self, send: Send, visit: Visit, inbound: _Inbound, seconds: float) -> None:
        self._send = send
        self._visit = visit
        self._inbound = inbound
        self._seconds = seconds
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._look: asyncio.TimerHandle | None = None
        self._held: Message | None = None
        self.status = 0
        self.why = ""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begin(message)
        elif message["type"] == "http.response.body" and self._inbound.unread and not message.get("more_body", False):
            self._held = {"type": "http.response.body", "body": b"", "more_body": False}
            message = {**message, "more_body": True}
        self._inbound.answered = message["type"] == "http.response.body" and not message.get("more_body", False)
        self._since = self._loop.time()
        await self._send(message)
        self._since = None

    async def end(self) -> None:
        """Ends an answer that was given before the body had been read."""
        if self._held:
            await self._inbound.drain()
            await self._send(self._held)

    def close(self) -> None:
        if self._look:
            self._look.cancel()

    def _begin(self, message: Message) -> None:
        self.status = message["status"]
        headers = [*message.get("headers", ()), (b"x-request-id", self._visit.id.encode())]
        names = {name for name, _ in headers}
        if b"cache-control" not in names:
            headers.append((b"cache-control", b"no-store"))
        told = ((name.encode(), value.encode("latin-1", "replace")) for name, value in self._visit.headers.items())
        headers += [(name, value) for name, value in told if name not in names]
        if self._inbound.unread:
            headers.append((b"connection", b"close"))
        message["headers"] = headers
        self._look = self._loop.call_later(self._seconds / 4, self._check)

    def _check(self) -> None:
        if self._since is not None and self._loop.time() - self._since >= self._seconds:
            self.why = "slow_reader"
            if self._task:
                self._task.cancel()
            return
        self._look = self._loop.call_later(self._seconds / 4, self._check)


def _announces_body(scope: Scope) -> bool:
    return any(
        (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )


def _note(scope: Scope, visit: Visit, status: int) -> None:
    """The line of the log. Of the address only which route it is: the rest may be what somebody wrote."""
    route = getattr(scope.get("route"), "path", None)
    ended = {"ended": visit.ended} if visit.ended else {}
    logs.harmless(
        _lines,
        "request",
        method=scope["method"] if scope["method"].isalpha() else "?",
        route=route,
        status=status,
        ms=round(visit.elapsed_ms, 1),
        key=visit.key.id if visit.key else None,
        request_id=visit.id,
        **ended,
    )
