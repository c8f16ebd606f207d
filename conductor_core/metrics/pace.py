"""The pace of one model of one provider: how soon it begins, how fast it writes, how often it answers, its load.

Time to first token and time per token are judged apart, so that long answers do not make a provider look slow. Every
estimate is a handful of numbers, brought up to date by one call in about a microsecond; nothing is stored per call.
"""

from __future__ import annotations

import math
import threading
from typing import NamedTuple

from conductor_core.kinds import FAILURES, SUCCESSES
from conductor_core.metrics.call import Call

WEIGHT = 0.1
"""The least weight of a new sample in an average: about the last nineteen samples."""
FORGET_SECONDS = 120.0
"""After a silence of t seconds a new sample weighs at least 1 - exp(-t / FORGET_SECONDS): old figures fade."""
SURPRISE = 2.5
"""A sample of more than so many times its average is a surprise: it counts whole, at once."""
EASE_SECONDS = 30.0
"""Half-life of what a surprise added."""
COUNT_DECAY = 0.99
"""Each judged call weighs so much of the next one's in the success counts: about the last hundred calls …"""
COUNT_SECONDS = 1800.0
"""… and half as much after this time."""
DOUBT = 0.25
"""Faults come in bursts: after one, the next call is thought to fail with this probability, twice that after two …"""
DOUBT_LONGEST = 0.9
DOUBT_SECONDS = 30.0
"""… which halves in this time, for one failure; a success ends it. Each further failure in a row makes that …"""
DOUBT_GROWTH = 3.0
"""… so many times as long: a lone fault is soon forgiven, an outage is asked about ever more rarely."""
DOUBT_LONGEST_SECONDS = 300.0
SHORTEST_ANSWER = 4
"""Answers of fewer tokens say nothing about the time per token."""


class Facts(NamedTuple):
    """What is known at one moment. None: nothing yet, never zero.

    Attributes:
        ttft_ms: expected time to the first token.
        tokens_per_second: expected pace after the first token (of the whole answer, where none was streamed).
        successes: answered calls, older ones weighing less.
        failures: failed calls, older ones weighing less.
        doubt: the probability that the fault of its last calls goes on, from 0 to 1.
        in_flight: calls running now.
        waiting_ms: how long the oldest of them has been waiting for its first token.
        idle_s: seconds since it was last used; 0 while a call is running.
    """

    ttft_ms: float | None = None
    tokens_per_second: float | None = None
    successes: float = 0.0
    failures: float = 0.0
    doubt: float = 0.0
    in_flight: int = 0
    waiting_ms: float = 0.0
    idle_s: float | None = None


NOTHING = Facts()


class Estimate:
    """A moving average that a slow sample moves at once and that comes back gradually.

    Peak-sensitive like Finagle's Peak EWMA, but only for real peaks: that one jumps to every sample above the average,
    which with the ordinary scatter of answer times follows the worst draws instead of the mean.
    """

    __slots__ = ("_at", "_excess", "_level", "_samples")

    def __init__(self) -> None:
        self._level = 0.0
        self._excess = 0.0
        self._samples = 0
        self._at = 0.0

    def take(self, value: float, at: float) -> None:
        """Takes in one sample (any unit in which more is worse) of the monotonic second `at`."""
        if not self._samples:
            self._level, self._samples, self._at = value, 1, at
            return
        since = max(0.0, at - self._at)
        self._samples += 1
        weight = max(WEIGHT, 1 - math.exp(-since / FORGET_SECONDS), 1 / self._samples)
        surprise = value > SURPRISE * self._level
        left = 0.0 if surprise else self._left(since) / 2
        self._level += weight * (min(value, SURPRISE * self._level) - self._level)
        self._excess = max(0.0, value - self._level) if surprise else left
        self._at = at

    def read(self, now: float) -> float | None:
        """The estimate at the monotonic second `now`; None before the first sample."""
        return self._level + self._left(now - self._at) if self._samples else None

    def _left(self, since: float) -> float:
        return self._excess * 2.0 ** (-since / EASE_SECONDS) if self._excess else 0.0


class Flight:
    """One call while it runs. `spoke` at its first token, `end` when it is over; both may be called again."""

    __slots__ = ("_lock", "_pace", "began")

    def __init__(self, pace: Pace, began: float, lock: threading.Lock) -> None:
        self._pace = pace
        self._lock = lock
        self.began = began

    def spoke(self) -> None:
        with self._lock:
            self._pace.waiting.pop(self, None)

    def end(self) -> None:
        with self._lock:
            self._pace.waiting.pop(self, None)
            self._pace.flights.discard(self)


class Pace:
    """The running estimates of one model of one provider. Not locked: its owner is."""

    __slots__ = ("_counted", "_failures", "_per_token", "_streak", "_successes", "_ttft", "flights", "used", "waiting")

    def __init__(self) -> None:
        self._ttft = Estimate()
        self._per_token = Estimate()
        self._successes = 0.0
        self._failures = 0.0
        self._counted = 0.0
        self._streak = 0
        self.used: float | None = None
        self.flights: set[Flight] = set()
        self.waiting: dict[Flight, None] = {}  # in the order in which they began

    def begin(self, now: float, lock: threading.Lock) -> Flight:
        """A call leaves now. `lock` is the owner's, held by the caller and taken by the flight's later events."""
        flight = Flight(self, now, lock)
        self.used = now
        self.flights.add(flight)
        self.waiting[flight] = None
        return flight

    def take(self, call: Call, at: float) -> None:
        """Takes in a finished call that ended at the monotonic second `at`. Neutral ends say nothing."""
        self.used = at if self.used is None else max(at, self.used)
        if call.outcome in SUCCESSES:
            self._count(at)
            self._successes += 1
            self._streak = 0
            self._time(call, at)
        elif call.outcome in FAILURES:
            self._count(at)
            self._failures += 1
            self._streak += 1

    def facts(self, now: float) -> Facts:
        per_token = self._per_token.read(now)
        fade = 2.0 ** (-max(0.0, now - self._counted) / COUNT_SECONDS)
        oldest = next(iter(self.waiting), None)
        idle = 0.0 if self.flights else None if self.used is None else max(0.0, now - self.used)
        return Facts(
            self._ttft.read(now),
            1000.0 / per_token if per_token else None,
            self._successes * fade,
            self._failures * fade,
            self._doubt(now - self._counted) if self._streak else 0.0,
            len(self.flights),
            (now - oldest.began) * 1000.0 if oldest else 0.0,
            idle,
        )

    def _doubt(self, since: float) -> float:
        half_life = min(DOUBT_SECONDS * DOUBT_GROWTH ** min(self._streak - 1, 9), DOUBT_LONGEST_SECONDS)
        return float(min(DOUBT * self._streak, DOUBT_LONGEST) * 2.0 ** (-max(0.0, since) / half_life))

    def _count(self, at: float) -> None:
        fade = COUNT_DECAY * 2.0 ** (-max(0.0, at - self._counted) / COUNT_SECONDS)
        self._successes *= fade
        self._failures *= fade
        self._counted = at

    def _time(self, call: Call, at: float) -> None:
        if call.ttft_ms is not None:
            self._ttft.take(call.ttft_ms, at)
        tokens, whole = call.completion_tokens or 0, call.latency_ms
        if tokens < SHORTEST_ANSWER or not whole:
            return
        before = call.ttft_ms
        if before is None:  # not streamed: what the streamed ones say stands in, as far as it fits
            before = min(self._ttft.read(at) or 0.0, whole / 2)
        if whole > before:
            self._per_token.take((whole - before) / tokens, at)
