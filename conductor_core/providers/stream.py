"""A streamed answer: its events as they come, its silence and its length watched."""

from __future__ import annotations

import asyncio
import json
import logging
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from conductor_core.errors import ProviderError
from conductor_core.providers.faults import Faults, SilenceTimeout, TotalTimeout
from conductor_core.providers.sse import SSEDecoder
from conductor_core.settings import Settings

_MALFORMED_ALLOWED = 3
_LINGER = 0.1
"""Seconds a stream may take to end after its last event; a connection that ends in time is used again."""

_STREAM_FAULTS = (aiohttp.ClientError, TimeoutError, OSError, SilenceTimeout, TotalTimeout)

_log = logging.getLogger(__name__)


class EventStream:
    """The events of one streamed answer, as lists of parsed payloads: one list per piece the network delivered.

    Leaving its `async with` block, for whatever reason, closes the connection at once unless the answer was complete.
    After the loop `done` says whether the server announced the end with `[DONE]`. `payloads` are the events of the last
    list as they came; None for one that only a lenient parser could read.
    """

    __slots__ = (
        "_content",
        "_decoder",
        "_end",
        "_faults",
        "_first",
        "_last_bad",
        "_limit",
        "_loop",
        "_malformed",
        "_received",
        "_response",
        "_silence",
        "_timer",
        "_waiting_since",
        "done",
        "payloads",
    )

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        faults: Faults,
        first: bytes,
        settings: Settings,
        started: float,
    ) -> None:
        self.done = False
        self.payloads: list[bytes | None] = []
        self._response = response
        self._content = response.content
        self._faults = faults
        self._first: bytes | None = first
        self._decoder = SSEDecoder()
        self._limit = settings.max_answer_bytes
        self._received = 0
        self._malformed = 0
        self._last_bad = False
        self._silence = settings.silence_timeout
        self._end = started + settings.total_timeout
        self._waiting_since: float | None = None
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(min(self._silence, settings.total_timeout), self._watch)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        while not self.done:
            data = await self._read()
            events = self._parse(self._decoder.feed(data) if data else self._decoder.flush())
            if events:
                return events
            if not data:
                self._check_end()
                raise StopAsyncIteration
        await self._finish()
        raise StopAsyncIteration

    def error(self, event: Any) -> ProviderError:
        """The fault that an error object among the events stands for."""
        return self._faults.of_event(event)

    def unreadable(self) -> ProviderError:
        """The fault of an event that is JSON, yet not of the dialect."""
        return self._faults.unknown_shape()

    def cut(self) -> ProviderError:
        """The fault of a stream that ended without saying why."""
        return self._faults.no_reason()

    def close(self) -> None:
        """Ends the upstream call; nothing happens when it had ended by itself."""
        self._timer.cancel()
        self._response.close()

    async def _read(self) -> bytes:
        """The next bytes; none at the end."""
        if self._first is not None:
            data, self._first = self._first, None
        else:
            self._waiting_since = self._loop.time()
            try:
                data = await self._content.readany()
            except _STREAM_FAULTS as error:
                raise self._faults.of_exception(error, answering=True) from error
            self._waiting_since = None
        self._received += len(data)
        if self._received > self._limit:
            raise self._faults.too_long(self._limit, streamed=True)
        return data

    def _parse(self, payloads: list[bytes]) -> list[Any]:
        events: list[Any] = []
        self.payloads = kept = []
        for payload in payloads:
            try:
                events.append(orjson.loads(payload))
                kept.append(payload)
                self._last_bad = False
            except orjson.JSONDecodeError:
                if payload.strip() == b"[DONE]":
                    self.done = True
                    break
                if not payload.strip():
                    continue
                self._salvage(payload, events)
        return events

    def _salvage(self, payload: bytes, events: list[Any]) -> None:
        """Reads again what orjson refuses and Python's own parser takes: half a surrogate pair as an escape."""
        try:
            events.append(lenient_json(payload))
            self.payloads.append(None)
        except ValueError as error:
            self._malformed += 1
            self._last_bad = True
            _log.warning("skipped a malformed event, number %d of its stream", self._malformed)
            if self._malformed > _MALFORMED_ALLOWED:
                raise self._faults.too_malformed() from error
        else:
            self._last_bad = False

    def _check_end(self) -> None:
        if self._last_bad:
            raise self._faults.broken_off()

    async def _finish(self) -> None:
        """Lets the connection end by itself, so that it can be used again."""
        if self._content.at_eof():
            return
        try:
            async with asyncio.timeout(_LINGER):
                while await self._content.readany():
                    pass
        except _STREAM_FAULTS:
            return  # the answer is complete; close() drops the connection

    def _watch(self) -> None:
        """Runs once per deadline, not once per piece: looks whether one has passed, else when the next one may."""
        now = self._loop.time()
        silent_since = self._waiting_since or now
        if now >= self._end:
            self._content.set_exception(TotalTimeout())
        elif now >= silent_since + self._silence:
            self._content.set_exception(SilenceTimeout())
        else:
            self._timer = self._loop.call_at(min(silent_since + self._silence, self._end), self._watch)


def lenient_json(payload: bytes) -> Any:
    """JSON as Python's own parser reads it, which takes lone surrogates and larger numbers than orjson.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return json.loads(payload, parse_constant=_refused)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
