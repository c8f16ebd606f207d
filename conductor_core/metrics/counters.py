"""Counts that only ever grow, since this process began: what a monitoring system reads and subtracts.

One addition per finished call; nothing is stored. Labels are from closed lists: providers that are declared, sources,
and three classes of ends.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass, field

from conductor_core.kinds import FAILURES, SUCCESSES
from conductor_core.metrics.call import Call

SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds of the histograms' buckets."""
_CLASSES = ("success", "failure", "neutral")


@dataclass(slots=True)
class Histogram:
    """How many took how long; `counts` has one more than there are bounds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    total: float = 0.0

    def take(self, seconds: float) -> None:
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Count:
    """The counts of one provider and source. Latencies are those of answered calls, in s; cost is in USD."""

    ends: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_CLASSES, 0))
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    latency: Histogram = field(default_factory=Histogram)
    ttft: Histogram = field(default_factory=Histogram)


class Counters:
    """All counts, by provider and source. Any thread may ask."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Count] = {}
        self._lock = threading.Lock()

    def count(self, call: Call) -> None:
        """Takes in a finished call."""
        ended = "success" if call.outcome in SUCCESSES else "failure" if call.outcome in FAILURES else "neutral"
        with self._lock:
            count = self._counts.get((call.provider, call.source.value))
            if count is None:
                count = self._counts[call.provider, call.source.value] = Count()
            count.ends[ended] += 1
            count.prompt_tokens += call.prompt_tokens or 0
            count.completion_tokens += call.completion_tokens or 0
            if call.cost_usd is None:
                count.unpriced += 1
            else:
                count.cost += call.cost_usd
            if ended == "success":
                if call.latency_ms is not None:
                    count.latency.take(call.latency_ms / 1000)
                if call.ttft_ms is not None:
                    count.ttft.take(call.ttft_ms / 1000)

    def read(self) -> dict[tuple[str, str], Count]:
        """The counts as they are; each is still being counted into."""
        with self._lock:
            return dict(self._counts)
