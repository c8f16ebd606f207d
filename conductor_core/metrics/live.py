"""Live figures: how each provider stands right now, from the calls it has just answered or failed.

Everything here is arithmetic on calls that happened anyway: nothing is probed, nothing is read or written.
`LiveMetrics` is written from one thread (the event loop) and read from any.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from conductor_core.kinds import FAILURES, SUCCESSES, Outcome, ProviderState
from conductor_core.metrics.call import Call
from conductor_core.metrics.counters import Counters
from conductor_core.metrics.pace import NOTHING, Facts, Flight, Pace
from conductor_core.metrics.words import error_words
from conductor_core.models import ProviderStatus

WINDOW_CALLS = 20
"""How many judged calls (successes and failures) a provider's state goes by."""
WINDOW_SECONDS = 3600.0
"""Older calls say nothing about now."""
STREAK = 3
STREAK_SECONDS = 600.0
"""So many failures in a row within this time open the breaker …"""
OPEN_FAILURES = 5
OPEN_SHARE = 0.5
"""… and so do so many failures in the window when they are at least this share of it."""
OPEN_SECONDS = 30.0
"""How long AUTO passes over a provider after the failure that opened its breaker."""
DEGRADED_SHARE = 0.1
SMOOTHING = 0.2
"""Weight of the newest call in the moving averages (exponentially weighted: about the last nine calls)."""
ANSWER_SMOOTHING = 0.05
"""The same for the size of an answer, which scatters more (about the last forty answers)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A provider's state and the sentence that says why."""

    state: ProviderState
    reason: str


@dataclass(frozen=True, slots=True)
class Figures:
    """One provider's live figures. Counts, tokens and cost are since start; averages also know the stored calls before.

    Latencies are in ms, cost in USD; None is "not known (yet)", never zero.
    """

    calls: int = 0
    successes: int = 0
    failures: int = 0
    tokens: int = 0
    cost_usd: float | None = None
    unpriced: int = 0
    latency_ms: float | None = None
    ttft_ms: float | None = None
    last_call: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None

    @property
    def success_rate(self) -> float | None:
        """Successes of the calls that say something about the provider; None before the first."""
        judged = self.successes + self.failures
        return self.successes / judged if judged else None


@dataclass(frozen=True, slots=True)
class _Judged:
    """One call of the window: when it ended (monotonic seconds) and how."""

    at: float
    failed: bool
    words: str


@dataclass(slots=True)
class _Tally:
    """The running figures of one provider; times in seconds since 1970."""

    calls: int = 0
    successes: int = 0
    failures: int = 0
    tokens: int = 0
    priced: int = 0
    cost: float = 0.0
    latency: float | None = None
    ttft: float | None = None
    ended: float | None = None
    error: str | None = None
    error_at: float | None = None
    window: deque[_Judged] = field(default_factory=lambda: deque(maxlen=WINDOW_CALLS))
    judged: Standing | None = None
    holds: tuple[float, float] = (0.0, 0.0)

    def standing(self, now: float) -> Standing:
        """The window's state; kept while neither a call nor the time can have changed it, as every choice asks."""
        if self.judged and self.holds[0] <= now < self.holds[1]:
            return self.judged
        judged = judge(list(self.window), now)
        if judged.state is not ProviderState.OPEN:  # that one counts down
            oldest = next((call.at for call in self.window if now - call.at <= WINDOW_SECONDS), math.inf)
            self.judged, self.holds = judged, (now, oldest + WINDOW_SECONDS)
        return judged

    def count(self, call: Call) -> None:
        self.calls += 1
        self.successes += call.outcome in SUCCESSES
        self.failures += call.outcome in FAILURES
        self.tokens += (call.prompt_tokens or 0) + (call.completion_tokens or 0)
        if call.cost_usd is not None:
            self.priced += 1
            self.cost += call.cost_usd

    def judge(self, call: Call, at: float, ended: float) -> None:
        """Takes a call into averages and window. `at` is monotonic, `ended` is UTC; both in seconds."""
        self.ended = max(ended, self.ended or ended)
        self.judged = None
        if call.outcome in SUCCESSES:
            self.latency = _smooth(self.latency, call.latency_ms)
            self.ttft = _smooth(self.ttft, call.ttft_ms)
            self.window.append(_Judged(at, False, ""))
        elif call.outcome in FAILURES:
            words = error_words(call.outcome, call.http_status)
            self.error, self.error_at = call.error or words, ended
            self.window.append(_Judged(at, True, words))

    def figures(self) -> Figures:
        return Figures(
            self.calls,
            self.successes,
            self.failures,
            self.tokens,
            self.cost if self.priced else None,
            self.calls - self.priced,
            self.latency,
            self.ttft,
            _moment(self.ended),
            self.error,
            _moment(self.error_at),
        )


class LiveMetrics:
    """The live figures of every provider that has been called.

    Args:
        monotonic: seconds by a clock that never jumps; states go by it.
        wall: seconds since 1970 in UTC; what people read goes by it.

    Attributes:
        counters: what only grows.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._tallies: dict[str, _Tally] = {}
        self._paces: dict[tuple[str, str], Pace] = {}
        self._answer_tokens: float | None = None
        self.counters = Counters()
        self._lock = threading.Lock()

    def seed(self, calls: Iterable[Call]) -> None:
        """Takes in stored calls from before this start, oldest first: they shape states and averages, not counts."""
        monotonic, wall = self._monotonic(), self._wall()
        with self._lock:
            for call in calls:
                ended = (call.started_at + (call.latency_ms or 0.0)) / 1000
                # A call that seems to end in the future was stored before the clock was set back: it is taken as now.
                at = monotonic - max(0.0, wall - ended)
                self._tally(call.provider).judge(call, at, ended)
                self._learn(call, at)

    def begin(self, provider: str, model: str) -> Flight:
        """Notes a call that leaves now. Its `end` must be called, however it ends; `spoke` at its first token."""
        with self._lock:
            return self._pace(provider, model).begin(self._monotonic(), self._lock)

    def record(self, call: Call) -> None:
        """Counts one finished call, whatever its end."""
        assert call.outcome is not Outcome.RUNNING, "only finished calls are counted"
        monotonic, wall = self._monotonic(), self._wall()
        self.counters.count(call)
        with self._lock:
            tally = self._tally(call.provider)
            tally.count(call)
            tally.judge(call, monotonic, wall)
            self._learn(call, monotonic)

    def facts(self, keys: Sequence[tuple[str, str]]) -> list[Facts]:
        """What is known now of each (provider, model), in the order asked for."""
        now, paces = self._monotonic(), self._paces
        with self._lock:
            return [paces[key].facts(now) if key in paces else NOTHING for key in keys]

    @property
    def answer_tokens(self) -> float | None:
        """How many tokens an answer has lately, whoever wrote it; None before the first."""
        return self._answer_tokens

    def figures(self, provider: str) -> Figures:
        """One provider's figures; all empty for one never called."""
        with self._lock:
            tally = self._tallies.get(provider)
            return tally.figures() if tally else Figures()

    def state(self, provider: str, missing: str = "", now: float | None = None) -> Standing:
        """How a provider stands at `now` (monotonic seconds), and why.

        Args:
            missing: the variable it lacks; empty when it is configured.
        """
        if missing:
            return Standing(ProviderState.NOT_CONFIGURED, f"Set {missing} in Settings or in the environment.")
        with self._lock:
            tally = self._tallies.get(provider)
            return tally.standing(self._monotonic() if now is None else now) if tally else judge([], 0.0)

    def status(self, name: str, label: str, default_model: str | None, standing: Standing) -> ProviderStatus:
        """Everything public about one provider that stands so."""
        figures = self.figures(name)
        return ProviderStatus(
            name=name,
            label=label,
            state=standing.state,
            is_healthy=standing.state in (ProviderState.HEALTHY, ProviderState.DEGRADED),
            reason=standing.reason,
            default_model=default_model,
            total_requests=figures.calls,
            successful_requests=figures.successes,
            failed_requests=figures.failures,
            success_rate=figures.success_rate,
            average_latency_ms=figures.latency_ms,
            average_ttft_ms=figures.ttft_ms,
            total_tokens=figures.tokens,
            total_cost_usd=figures.cost_usd,
            unpriced_requests=figures.unpriced,
            last_error=figures.last_error,
            last_check=figures.last_call,
        )

    def _tally(self, provider: str) -> _Tally:
        tally = self._tallies.get(provider)
        if tally is None:
            tally = self._tallies[provider] = _Tally()
        return tally

    def _pace(self, provider: str, model: str) -> Pace:
        pace = self._paces.get((provider, model))
        if pace is None:
            pace = self._paces[provider, model] = Pace()
        return pace

    def _learn(self, call: Call, at: float) -> None:
        self._pace(call.provider, call.model).take(call, at)
        if call.outcome in SUCCESSES and call.completion_tokens:
            self._answer_tokens = _smooth(self._answer_tokens, float(call.completion_tokens), ANSWER_SMOOTHING)


def judge(window: list[_Judged], now: float) -> Standing:
    """The state that the judged calls of a window, oldest first, give at `now`. One success closes an open breaker."""
    recent = [call for call in window if now - call.at <= WINDOW_SECONDS]
    if not recent:
        return Standing(ProviderState.UNKNOWN, "No call in the last hour." if window else "No calls yet.")
    failed, last = sum(call.failed for call in recent), recent[-1]
    tripped = _tripped(recent, failed) if last.failed else ""
    if tripped:
        return _passed_over(f"{tripped}, lately: {last.words}", last.at + OPEN_SECONDS - now)
    if failed >= DEGRADED_SHARE * len(recent):
        return Standing(ProviderState.DEGRADED, f"{_count_failed(failed, len(recent))}, lately: {_last_words(recent)}.")
    return Standing(ProviderState.HEALTHY, _count_succeeded(len(recent) - failed, len(recent)))


def overall(states: Iterable[ProviderState]) -> ProviderState:
    """The installation's state from its providers': open when every one in use is, degraded when any is not well."""
    configured = {state for state in states if state is not ProviderState.NOT_CONFIGURED}
    used = configured - {ProviderState.UNKNOWN}
    if not used:
        return ProviderState.UNKNOWN if configured else ProviderState.NOT_CONFIGURED
    if len(used) == 1:
        return used.pop()
    return ProviderState.DEGRADED


def _tripped(recent: list[_Judged], failed: int) -> str:
    """What opens the breaker, in words; empty when nothing does."""
    streak = recent[-STREAK:]
    if len(streak) == STREAK and all(call.failed for call in streak) and streak[-1].at - streak[0].at <= STREAK_SECONDS:
        return f"The last {STREAK} calls failed"
    if failed >= OPEN_FAILURES and failed >= OPEN_SHARE * len(recent):
        return _count_failed(failed, len(recent))
    return ""


def _passed_over(why: str, seconds_left: float) -> Standing:
    if seconds_left > 0:
        left = math.ceil(seconds_left)
        return Standing(ProviderState.OPEN, f"{why}. AUTO passes it over for {left} s.")
    return Standing(ProviderState.RECOVERING, f"{why}. The next call decides.")


def _count_failed(failed: int, judged: int) -> str:
    return "The only recent call failed" if judged == 1 else f"{failed} of the last {judged} calls failed"


def _count_succeeded(succeeded: int, judged: int) -> str:
    return "The only recent call succeeded." if judged == 1 else f"{succeeded} of the last {judged} calls succeeded."


def _last_words(recent: list[_Judged]) -> str:
    return next(call.words for call in reversed(recent) if call.failed)


def _smooth(average: float | None, value: float | None, weight: float = SMOOTHING) -> float | None:
    if value is None:
        return average
    return value if average is None else average + weight * (value - average)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
