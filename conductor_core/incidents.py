"""Incidents: what went wrong for a while, from when to when and why. One row each, and one message to the webhook.

Fed by what happens anyway: a breaker opens or closes, a provider refuses several calls within a minute as too many,
another provider answers in place of the one that failed, a budget has no room. Nothing here is waited for by a call.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from secrets import token_hex

from conductor_core.budget import Budget, BudgetLine
from conductor_core.kinds import IncidentKind, Outcome
from conductor_core.metrics.call import Call
from conductor_core.routing.breaker import CircuitState
from conductor_core.store.database import Store
from conductor_core.store.records import Incident

BURST = 3
BURST_SECONDS = 60.0
"""So many refusals as too many (429) within this time are an incident; it is over when there was none for as long."""
REASON_CHARACTERS = 500


class Step(StrEnum):
    """What is told of an incident."""

    BEGAN = "began"
    ENDED = "ended"
    HAPPENED = "happened"
    """It took no time: the answer came from elsewhere."""


Listener = Callable[[Incident, Step], None]


@dataclass(slots=True)
class _Burst:
    """A provider's refusals as too many: when (monotonic seconds), and since they are an incident how many."""

    times: deque[float] = field(default_factory=lambda: deque(maxlen=BURST))
    refused: int = 0
    incident: Incident | None = None
    timer: asyncio.TimerHandle | None = None
    last_at: int = 0


class Incidents:
    """What is going wrong in one installation, and what did.

    Args:
        store: where the rows go.
        label: the name people read of a provider.
        clock: UTC seconds.
        burst_seconds: `BURST_SECONDS`, unless a test has no minute to wait.
    """

    def __init__(
        self,
        store: Store,
        label: Callable[[str], str] = str,
        *,
        clock: Callable[[], float] = time.time,
        burst_seconds: float = BURST_SECONDS,
    ) -> None:
        self._store = store
        self._label = label
        self._clock = clock
        self._burst_seconds = burst_seconds
        self._breakers: dict[tuple[str, str], Incident] = {}
        self._bursts: dict[str, _Burst] = {}
        self._budgets: dict[str, Incident] = {}
        self._listeners: list[Listener] = []

    def on_change(self, listener: Listener) -> None:
        """Has `listener` told when an incident begins and ends; it must not block, and may be called in any thread."""
        self._listeners.append(listener)

    def breaker_changed(
        self, provider: str, model: str, old: CircuitState, new: CircuitState, reason: str, at: float
    ) -> None:
        """Takes in a change of a breaker: open is an incident, until it is closed."""
        known = self._breakers.get((provider, model))
        moment, sentence = int(at * 1000), f"{reason.rstrip('.')}."
        if new is CircuitState.OPEN and known is None:
            incident = self._made(IncidentKind.BREAKER, provider, model, moment, None, sentence)
            self._breakers[provider, model] = incident
            self._tell(incident, Step.BEGAN)
        elif new is CircuitState.OPEN and known is not None:
            known.reason = sentence[:REASON_CHARACTERS]
            self._store.save_incident(known)
        elif new is CircuitState.CLOSED and known is not None:
            del self._breakers[provider, model]
            self._end(known, moment, f"{known.reason} {sentence}")

    def call_ended(self, call: Call) -> None:
        """Takes in a finished call; on the loop."""
        if call.outcome is not Outcome.RATE_LIMITED:
            return
        burst = self._bursts.setdefault(call.provider, _Burst())
        now = time.monotonic()
        burst.times.append(now)
        burst.last_at = int(self._clock() * 1000)
        if burst.incident:
            burst.refused += 1
        elif len(burst.times) == BURST and now - burst.times[0] <= self._burst_seconds:
            began = burst.last_at - int((now - burst.times[0]) * 1000)
            burst.refused = BURST
            burst.incident = self._made(
                IncidentKind.RATE_LIMITS, call.provider, "", began, None, self._refused(call.provider, BURST)
            )
            self._tell(burst.incident, Step.BEGAN)
            self._watch(call.provider, burst, self._burst_seconds)

    def fell_back(self, provider: str, model: str, began: int, sentence: str) -> None:
        """Takes in a request whose answer another provider was asked for; `began` is UTC ms."""
        now = int(self._clock() * 1000)
        self._tell(self._made(IncidentKind.FALLBACK, provider, model, began, now, sentence), Step.HAPPENED)

    def budget_stopped(self, budget: Budget, sentence: str, start: int, end: int) -> None:
        """Takes in that a budget had no room for a call: one incident per budget and period, until the period ends."""
        name = f"{budget.span} {budget.provider} {start}"
        id = blake2b(name.encode(), digest_size=16).hexdigest()  # the same after a restart, so that it stays one row
        if id in self._budgets:
            return
        now = int(self._clock() * 1000)
        self._budgets = {known: one for known, one in self._budgets.items() if one.lasts(now)}
        incident = self._made(IncidentKind.BUDGET, budget.provider, "", now, end, sentence)
        incident.id = id
        self._budgets[id] = incident
        self._tell(incident, Step.BEGAN)

    def budgets_changed(self, lines: Iterable[BudgetLine]) -> None:
        """Takes in that budgets were changed: what stopped calls for want of room is over where there is room now."""
        full = {(line.budget.provider, line.ends_at) for line in lines if line.share >= 1.0}
        now = int(self._clock() * 1000)
        for id, incident in list(self._budgets.items()):
            if (incident.provider, incident.ended_at) not in full:
                del self._budgets[id]
                if incident.lasts(now):
                    self._end(incident, now, incident.reason)

    def close(self) -> None:
        """Ends what is not over: nobody watches any more."""
        now = int(self._clock() * 1000)
        for burst in self._bursts.values():
            if burst.timer:
                burst.timer.cancel()
        bursts = [burst.incident for burst in self._bursts.values() if burst.incident]
        for incident in (*self._breakers.values(), *bursts):
            incident.ended_at = now
            self._store.save_incident(incident)
        self._breakers.clear()
        self._bursts.clear()

    def _watch(self, provider: str, burst: _Burst, seconds: float) -> None:
        burst.timer = asyncio.get_running_loop().call_later(seconds, self._calm, provider, burst)

    def _calm(self, provider: str, burst: _Burst) -> None:
        """Ends a burst after the last refusal's minute; looks again later when there was one meanwhile."""
        left = burst.times[-1] + self._burst_seconds - time.monotonic()
        if left > 0:
            self._watch(provider, burst, left)
        elif burst.incident:
            self._end(burst.incident, burst.last_at, self._refused(provider, burst.refused))
            del self._bursts[provider]

    def _refused(self, provider: str, calls: int) -> str:
        return f"{self._label(provider)} refused {calls} calls as too many (429)."

    def _made(
        self, kind: IncidentKind, provider: str, model: str, began: int, ended: int | None, reason: str
    ) -> Incident:
        return Incident(token_hex(16), kind, provider, model, began, ended, reason[:REASON_CHARACTERS])

    def _end(self, incident: Incident, at: int, reason: str) -> None:
        incident.ended_at, incident.reason = at, reason[:REASON_CHARACTERS]
        self._tell(incident, Step.ENDED)

    def _tell(self, incident: Incident, step: Step) -> None:
        self._store.save_incident(incident)
        for listener in self._listeners:
            listener(incident, step)
