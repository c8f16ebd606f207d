"""The webhook: incidents posted as JSON to an address of the user's own. No call ever waits for it.

The address is reached by the rules of providers' addresses: link-local and metadata addresses never, loopback and
private ones only on the owner's word, no redirect. It is kept like a key, because that is what many of them are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from conductor_core.errors import ProviderError
from conductor_core.incidents import Step
from conductor_core.kinds import Fault, IncidentKind
from conductor_core.providers.base import Endpoint, Vendor
from conductor_core.providers.wire import Target, Wire
from conductor_core.redaction import Redactor
from conductor_core.secret import Secret
from conductor_core.store.records import Incident

VARIABLE = "CONDUCTOR_WEBHOOK_URL"
TIMEOUT = 5.0
"""Longest time for one attempt, in seconds."""
PAUSES = (1.0, 5.0, 30.0)
"""Seconds before each further attempt."""
WAITING = 100
"""Messages that may wait; while it is down, later ones are dropped."""
SAME_SECONDS = 60.0
"""Fallbacks of one provider are told at most this often: a busy installation has many a minute."""
CLOSE_SECONDS = 1.0

_VENDOR = Vendor("webhook", "The webhook", "webhook", base_url_variable=VARIABLE)
_TRANSIENT = frozenset({408, 425, 429})
_log = structlog.get_logger()


class Webhook:
    """Posts what it is told, one after the other. Made on the event loop; `post` may be called in any thread.

    Args:
        wire: the HTTP client.
        redactor: learns the address and cleans what is posted.
        timeout: `TIMEOUT`.
        pauses: `PAUSES`.

    Attributes:
        trouble: why the last message was not taken, as a sentence; empty when it was.
    """

    def __init__(
        self, wire: Wire, redactor: Redactor, *, timeout: float = TIMEOUT, pauses: Sequence[float] = PAUSES
    ) -> None:
        self._wire = wire
        self._redactor = redactor
        self._timeout = timeout
        self._pauses = pauses
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(WAITING)
        self._task: asyncio.Task[None] | None = None
        self._target: Target | None = None
        self._told: dict[str, float] = {}
        self.trouble = ""

    def apply(self, url: Secret | None, *, trusted: bool) -> None:
        """Posts to another address from now on, or nowhere; an address that may not be reached is said in `trouble`.

        Args:
            trusted: the owner's word, so loopback and private addresses are allowed.
        """
        self._target, self.trouble = None, ""
        if url is None:
            return
        self._redactor.learn(url)
        try:
            self._target = self._wire.target(_VENDOR, Endpoint(url.reveal(), trusted=trusted), {})
        except ProviderError as error:
            self.trouble = str(error)
            _log.warning(f"{VARIABLE}: {error}")

    def post(self, incident: Incident, step: Step) -> None:
        """Queues one message; returns at once."""
        if self._target is None:
            return
        if incident.kind is IncidentKind.FALLBACK:
            now = time.monotonic()
            if now - self._told.get(incident.provider, -SAME_SECONDS) < SAME_SECONDS:
                return
            self._told[incident.provider] = now
        self._loop.call_soon_threadsafe(self._put, message(incident, step))

    async def close(self) -> None:
        """Gives what waits a moment to leave, then ends."""
        await asyncio.sleep(0)  # what was posted in this very moment is queued first
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._queue.join()
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _put(self, told: dict[str, Any]) -> None:
        try:
            self._queue.put_nowait(told)
        except asyncio.QueueFull:
            self.trouble = f"The webhook is too slow: {WAITING} messages wait, later ones are dropped."
            return
        if self._task is None:
            self._task = self._loop.create_task(self._send_all())

    async def _send_all(self) -> None:
        while True:
            told = await self._queue.get()
            try:
                await self._send(self._redactor.clean(orjson.dumps(told).decode()).encode())
            finally:
                self._queue.task_done()

    async def _send(self, body: bytes) -> None:
        """One message, as often as it takes and is allowed."""
        for pause in (*self._pauses, None):
            if self._target is None:
                return
            try:
                await self._wire.notify(self._target, body, self._timeout)
            except ProviderError as error:
                self.trouble = _sentence(error)
                if pause is None or not _may_pass(error):
                    _log.warning("webhook failed", reason=self.trouble)
                    return
                await asyncio.sleep(pause)
            else:
                self.trouble = ""
                return


def message(incident: Incident, step: Step) -> dict[str, Any]:
    """What is posted: `text` for people (chat services show it), the rest for programs; times in ISO 8601, UTC."""
    who = incident.provider or "all providers"
    return {
        "event": step,
        "text": f"Conductor: {incident.kind.replace('_', ' ')} {step} ({who}). {incident.reason}",
        "incident": {
            "id": incident.id,
            "kind": incident.kind,
            "provider": incident.provider or None,
            "model": incident.model or None,
            "started_at": _iso(incident.started_at),
            "ended_at": None if incident.ended_at is None else _iso(incident.ended_at),
            "reason": incident.reason,
        },
    }


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _may_pass(error: ProviderError) -> bool:
    if error.status is not None:
        return error.status in _TRANSIENT or error.status >= 500
    return error.fault not in (Fault.ADDRESS, Fault.TLS)


def _sentence(error: ProviderError) -> str:
    if error.status is None:
        return str(error)
    return f"The webhook answered with status {error.status}. Check {VARIABLE}."
