"""Circuit breakers: whom not to ask for a while, because the last calls failed or because the provider said so itself.

One breaker per provider and model, and one for the provider as a whole. It opens when three calls in a row failed
within ten minutes (one person chatting), or five and at least half of those of the last 30 s (many callers). After its
pause it is half-open: exactly one real call goes through and decides. What is the caller's fault, and what the user
stopped, never counts. (Nygard, "Release It!"; Fowler, "CircuitBreaker".)

Whoever has nobody else to ask is throttled instead of refused: see `Throttle`.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from conductor_core.kinds import FAILURES, SUCCESSES, Outcome
from conductor_core.metrics.call import Call
from conductor_core.metrics.words import error_words

STREAK = 3
STREAK_SECONDS = 600.0
"""So many failures in a row within this time open a breaker …"""
WINDOW_FAILURES = 5
WINDOW_SHARE = 0.5
WINDOW_SECONDS = 30.0
"""… and so do so many within this time, when they are at least this share of its calls."""
OPEN_SECONDS = 30.0
"""The first pause. Each failed probe doubles it …"""
LONGEST_OPEN_SECONDS = 300.0
"""… up to this."""
PROBE_SECONDS = 30.0
"""A probe that has not ended by then is taken for lost, and another call may try."""

COUNTED = FAILURES - {Outcome.AUTH, Outcome.FORBIDDEN, Outcome.QUOTA}
"""Failures that open a breaker by their number. The others say at once, and once is enough, that asking is useless."""

WHOLE = ""
"""In place of a model: the provider as a whole."""
UNNAMED = "default"
"""In place of a model: the server's own choice, when neither the prompt nor the registry names one."""


class CircuitState(StrEnum):
    """Whether calls go through: all, none, or one that decides."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Circuit:
    """How a breaker stands: why it opened, and until when (monotonic seconds; infinite until it is told otherwise)."""

    state: CircuitState
    reason: str = ""
    until: float = 0.0

    def seconds_left(self, now: float) -> float:
        """How long it still lets nothing through."""
        return max(0.0, self.until - now) if self.state is CircuitState.OPEN else 0.0

    def sentence(self, now: float) -> str:
        """The reason with its countdown, as pages show it; empty while it is closed."""
        match self.state:
            case CircuitState.CLOSED:
                return ""
            case CircuitState.HALF_OPEN:
                return f"{self.reason}. The next call decides."
        left = self.seconds_left(now)
        return f"{self.reason}." if math.isinf(left) else f"{self.reason}. Passed over for {math.ceil(left)} s."


CLOSED = Circuit(CircuitState.CLOSED)

Listener = Callable[[str, str, CircuitState, CircuitState, str, float], None]
"""Told of every change: provider, model (`WHOLE` for all), the state before and after, the reason, and when (UTC s)."""


@dataclass(slots=True)
class _Breaker:
    """One circuit. Times are monotonic seconds."""

    ends: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=256))
    streak: deque[float] = field(default_factory=lambda: deque(maxlen=STREAK))
    opened_at: float | None = None
    until: float = 0.0
    pause: float = 0.0
    probing_since: float | None = None
    reason: str = ""

    def circuit(self, now: float) -> Circuit:
        if self.opened_at is None:
            return CLOSED
        state = CircuitState.OPEN if now < self.until else CircuitState.HALF_OPEN
        return Circuit(state, self.reason, self.until)

    def admits(self, now: float) -> bool:
        if self.opened_at is None:
            return True
        probing = self.probing_since is not None and now < self.probing_since + PROBE_SECONDS
        return now >= self.until and not probing

    def open(self, now: float, pause: float, reason: str) -> None:
        self.opened_at, self.until, self.pause, self.reason = now, now + pause, pause, reason
        self.probing_since = None

    def close(self) -> None:
        self.opened_at, self.probing_since, self.pause = None, None, 0.0
        self.ends.clear()
        self.streak.clear()

    def trip(self, now: float) -> str:
        """What opens it, in words; empty when nothing does."""
        if len(self.streak) == STREAK and now - self.streak[0] <= STREAK_SECONDS:
            return f"The last {STREAK} calls failed"
        recent = [failed for at, failed in self.ends if now - at <= WINDOW_SECONDS]
        failures = sum(recent)
        if failures >= WINDOW_FAILURES and failures >= WINDOW_SHARE * len(recent):
            return f"{failures} of the last {len(recent)} calls failed"
        return ""


class Breakers:
    """Every breaker of an installation. Written on the event loop, read from any thread.

    Args:
        pause: seconds of the first pause.
        monotonic: seconds by a clock that never jumps.
        wall: UTC seconds, for listeners.
    """

    def __init__(
        self,
        pause: float = OPEN_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.pause = pause
        self._monotonic = monotonic
        self._wall = wall
        self._breakers: dict[tuple[str, str], _Breaker] = {}
        self._listeners: list[Listener] = []
        self._troubled: frozenset[str] = frozenset()
        """Providers with a breaker that is not closed; of the others nothing needs to be looked up."""
        self._lock = threading.RLock()

    def now(self) -> float:
        """The clock it goes by, in monotonic seconds."""
        return self._monotonic()

    def on_change(self, listener: Listener) -> None:
        """Has `listener` told of every change; it is called where the change happens and must not block."""
        self._listeners.append(listener)

    def state(self, provider: str, model: str | None, now: float | None = None) -> Circuit:
        """How a provider stands for a model: the provider's own breaker or the model's, whichever is open longer."""
        if provider not in self._troubled:
            return CLOSED
        now = self._monotonic() if now is None else now
        with self._lock:
            found = [breaker.circuit(now) for breaker in self._of(provider, model)]
        shut = [circuit for circuit in found if circuit.state is not CircuitState.CLOSED]
        return max(shut, key=lambda circuit: circuit.until) if shut else CLOSED

    def allow(self, provider: str, model: str | None) -> bool:
        """Whether a call may go out now. Of a half-open breaker the first caller is let through, and holds it.

        Every call let through ends in `record`, or in `release` when it was never sent.
        """
        if provider not in self._troubled:
            return True
        now = self._monotonic()
        with self._lock:
            concerned = [b for b in self._of(provider, model) if b.opened_at is not None]
            if not all(breaker.admits(now) for breaker in concerned):
                return False
            for breaker in concerned:
                breaker.probing_since = now
        if concerned:
            reason = "one call is let through"
            self._tell(provider, model or WHOLE, CircuitState.OPEN, CircuitState.HALF_OPEN, reason)
        return True

    def release(self, provider: str, model: str | None) -> None:
        """Lets another call probe in place of one that was let through and never sent."""
        with self._lock:
            for breaker in self._of(provider, model):
                breaker.probing_since = None

    def record(self, call: Call) -> None:
        """Takes in one finished call."""
        now = self._monotonic()
        self._judge(call, now, now - (call.latency_ms or 0.0) / 1000)

    def seed(self, calls: Iterable[Call]) -> None:
        """Takes in stored calls from before this start, oldest first."""
        monotonic, wall = self._monotonic(), self._wall()
        for call in calls:
            age = max(0.0, wall - (call.started_at + (call.latency_ms or 0.0)) / 1000)
            self._judge(call, monotonic - age, monotonic - age - (call.latency_ms or 0.0) / 1000)

    def cool(self, provider: str, model: str | None, seconds: float, reason: str) -> None:
        """Opens a breaker for `seconds` (infinite: until a success or `recover_now`) because the provider said so.

        Args:
            model: None for the provider as a whole.
        """
        now = self._monotonic()
        with self._lock:
            breaker = self._at(provider, model or WHOLE)
            before = breaker.circuit(now).state
            if before is CircuitState.OPEN and breaker.until >= now + seconds:
                return
            breaker.open(now, seconds, reason)
            self._look()
        self._tell(provider, model or WHOLE, before, CircuitState.OPEN, reason)

    def recover_now(self, provider: str) -> None:
        """Closes every breaker of a provider: somebody knows that it is well again, or its key has changed."""
        now, closed = self._monotonic(), []
        with self._lock:
            for (name, model), breaker in self._breakers.items():
                before = breaker.circuit(now).state
                breaker_open = before is not CircuitState.CLOSED
                if name == provider:
                    breaker.close()
                    closed += [(model, before)] if breaker_open else []
            self._look()
        for model, before in closed:
            self._tell(provider, model, before, CircuitState.CLOSED, "Closed by hand")

    def _judge(self, call: Call, at: float, began: float) -> None:
        with self._lock:
            model = call.model or UNNAMED
            self._at(call.provider, model)
            changes = [self._take((call.provider, key), call, at, began) for key in (WHOLE, model)]
            if any(changes):
                self._look()
        for change in changes:
            if change:
                self._tell(call.provider, *change)

    def _take(
        self, key: tuple[str, str], call: Call, at: float, began: float
    ) -> tuple[str, CircuitState, CircuitState, str] | None:
        """One call into one breaker; returns the change it made."""
        breaker = self._breakers.get(key)
        if breaker is None:
            return None
        before = breaker.circuit(at).state
        if breaker.opened_at is not None and began < breaker.opened_at:
            return None  # sent before it opened: says nothing about now
        if breaker.probing_since is not None and began >= breaker.probing_since:
            breaker.probing_since = None
        if call.outcome in SUCCESSES:
            return self._succeeded(key[1], breaker, before, at)
        if call.outcome in COUNTED and (key[1] != WHOLE or before is not CircuitState.CLOSED):
            return self._failed(key[1], breaker, before, call, at)
        return None

    def _succeeded(
        self, model: str, breaker: _Breaker, before: CircuitState, at: float
    ) -> tuple[str, CircuitState, CircuitState, str] | None:
        breaker.streak.clear()
        breaker.ends.append((at, False))
        if before is CircuitState.CLOSED:
            return None
        breaker.close()
        return model, before, CircuitState.CLOSED, "A call succeeded"

    def _failed(
        self, model: str, breaker: _Breaker, before: CircuitState, call: Call, at: float
    ) -> tuple[str, CircuitState, CircuitState, str] | None:
        breaker.streak.append(at)
        breaker.ends.append((at, True))
        if before is CircuitState.OPEN:
            return None
        if before is CircuitState.HALF_OPEN:
            pause, why = min(max(2 * breaker.pause, self.pause), LONGEST_OPEN_SECONDS), "It failed again"
        else:
            pause, why = self.pause, breaker.trip(at)
        if not why:
            return None
        reason = f"{why}, lately: {error_words(call.outcome, call.http_status)}"
        breaker.open(at, pause, reason)
        return model, before, CircuitState.OPEN, reason

    def _look(self) -> None:
        """Notes anew who is in trouble."""
        self._troubled = frozenset(name for (name, _), b in self._breakers.items() if b.opened_at is not None)

    def _of(self, provider: str, model: str | None) -> list[_Breaker]:
        keys = ((provider, WHOLE), (provider, model or UNNAMED))
        return [self._breakers[key] for key in keys if key in self._breakers]

    def _at(self, provider: str, model: str) -> _Breaker:
        breaker = self._breakers.get((provider, model))
        if breaker is None:
            breaker = self._breakers[provider, model] = _Breaker()
        return breaker

    def _tell(self, provider: str, model: str, old: CircuitState, new: CircuitState, reason: str) -> None:
        at = self._wall()
        for listener in self._listeners:
            listener(provider, model, old, new, reason, at)


class Throttle:
    """Client-side throttling, for the one provider left while its breaker is open: it is asked less, never not at all.

    A call is turned away with probability max(0, (requests − K · accepts) / (requests + 1)) over the last half minute,
    with K = 2 (Beyer et al., "Site Reliability Engineering", chapter 21, "Handling Overload"). Whatever the
    probability, one call a second goes through, so that a person's own attempt is not left to chance.

    Args:
        draw: a random number in [0, 1).
    """

    K = 2.0
    SECONDS = 30.0
    PACE_SECONDS = 1.0

    def __init__(self, draw: Callable[[], float], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._draw = draw
        self._monotonic = monotonic
        self._requests: dict[str, deque[float]] = {}
        self._accepts: dict[str, deque[float]] = {}
        self._sent: dict[str, float] = {}

    def admits(self, provider: str) -> bool:
        """Whether a call may go out now; counts it as a request either way."""
        now = self._monotonic()
        turned_away = self.rejection(provider, now) > self._draw()
        self._requests.setdefault(provider, deque(maxlen=1000)).append(now)
        if turned_away and now - self._sent.get(provider, -math.inf) < self.PACE_SECONDS:
            return False
        self._sent[provider] = now
        return True

    def accepted(self, provider: str) -> None:
        """Notes that the provider did what a call asked for."""
        if provider in self._requests:
            self._accepts.setdefault(provider, deque(maxlen=1000)).append(self._monotonic())

    def rejection(self, provider: str, now: float) -> float:
        """The probability with which the next call is turned away."""
        requests = self._recent(self._requests.get(provider), now)
        accepts = self._recent(self._accepts.get(provider), now)
        return max(0.0, (requests - self.K * accepts) / (requests + 1))

    def _recent(self, times: deque[float] | None, now: float) -> int:
        if not times:
            return 0
        while times and now - times[0] > self.SECONDS:
            times.popleft()
        return len(times)
