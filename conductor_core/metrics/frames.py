"""From call rows to the frames the Health page draws. pandas is loaded by the first frame, not by the first import.

Success is judged as everywhere: successes of the calls that say something about the provider. Latencies are those of
successful calls. What was not measured is a gap (NaN), never a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from conductor_core.kinds import FAILURES, SUCCESSES, CostKind
from conductor_core.metrics.interval import wilson

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "id",
    "started_at",
    "provider",
    "model",
    "source",
    "outcome",
    "http_status",
    "latency_ms",
    "ttft_ms",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
    "cost_kind",
    "error",
)
"""What is read of each call."""

_NUMBERS = ("http_status", "latency_ms", "ttft_ms", "prompt_tokens", "completion_tokens", "cost_usd")

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


class Range(StrEnum):
    """How far back a page looks."""

    QUARTER = "15m"
    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def span_ms(self) -> int:
        return _RANGES[self][0]

    @property
    def step_ms(self) -> int:
        """The width of one bucket of its charts."""
        return _RANGES[self][1]


_RANGES = {
    Range.QUARTER: (15 * _MINUTE, _MINUTE // 2),
    Range.HOUR: (_HOUR, 2 * _MINUTE),
    Range.DAY: (_DAY, 30 * _MINUTE),
    Range.WEEK: (7 * _DAY, 4 * _HOUR),
    Range.MONTH: (30 * _DAY, _DAY),
}


@dataclass(frozen=True, slots=True)
class Window:
    """Equal buckets of time, as many as cover a range up to now. UTC ms; `since` inclusive, `until` exclusive."""

    since: int
    until: int
    step: int

    @classmethod
    def ending(cls, now: int, range: Range, utc_offset: int = 0) -> Window:
        """The buckets of `range` up to `now`, the last one still filling.

        Args:
            utc_offset: the reader's offset from UTC in ms, so that days begin at their midnight.
        """
        step = range.step_ms
        until = ((now + utc_offset) // step + 1) * step - utc_offset
        return cls(until - range.span_ms, until, step)

    @property
    def starts(self) -> list[int]:
        return list(range(self.since, self.until, self.step))


def frame(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows of `COLUMNS` as a frame, with `success` and `failure` of each call."""
    import pandas as pd

    calls = pd.DataFrame.from_records(rows, columns=list(COLUMNS))
    calls[list(_NUMBERS)] = calls[list(_NUMBERS)].astype("float64")
    calls["success"] = calls["outcome"].isin(list(SUCCESSES))
    calls["failure"] = calls["outcome"].isin(list(FAILURES))
    return calls


def within(calls: pd.DataFrame, window: Window) -> pd.DataFrame:
    """The calls begun in a window."""
    return calls[(calls["started_at"] >= window.since) & (calls["started_at"] < window.until)]


@dataclass(frozen=True, slots=True)
class Summary:
    """One provider over a range. Latencies in ms, cost in USD; None is "not measured".

    `cost_usd` adds up the calls whose price is known, `unpriced` counts the others, `estimated` says that some were
    counted by us. `free`: everything was, and something was answered.
    """

    calls: int
    successes: int
    judged: int
    p50_ms: float | None
    p95_ms: float | None
    ttft_ms: float | None
    tokens_per_second: float | None
    cost_usd: float | None
    estimated: bool
    free: bool
    unpriced: int
    last_error: str | None = None
    last_error_at: int | None = None
    last_status: int | None = None

    @property
    def success_rate(self) -> float | None:
        return self.successes / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the success rate."""
        return wilson(self.successes, self.judged) if self.judged else None


def summary(calls: pd.DataFrame) -> Summary:
    """What the calls of one provider, or of all, add up to. `last_error` is the outcome of the last failure."""
    answered, failed = calls[calls["success"]], calls[calls["failure"]]
    kinds = calls["cost_kind"]
    last = failed.iloc[-1] if len(failed) else None
    return Summary(
        calls=len(calls),
        successes=len(answered),
        judged=len(answered) + len(failed),
        p50_ms=_quantile(answered["latency_ms"], 0.5),
        p95_ms=_quantile(answered["latency_ms"], 0.95),
        ttft_ms=_quantile(answered["ttft_ms"], 0.5),
        tokens_per_second=_quantile(_speeds(answered), 0.5),
        cost_usd=_known(float(calls["cost_usd"].sum(min_count=1))),
        estimated=bool((kinds == CostKind.ESTIMATED).any()),
        free=bool(len(answered) and (kinds == CostKind.FREE).all()),
        unpriced=int(calls["cost_usd"].isna().sum()),
        last_error=None if last is None else str(last["outcome"]),
        last_error_at=None if last is None else int(last["started_at"]),
        last_status=None if last is None or last["http_status"] != last["http_status"] else int(last["http_status"]),
    )


def summaries(calls: pd.DataFrame) -> dict[str, Summary]:
    """Each provider's summary."""
    return {str(name): summary(of_one) for name, of_one in calls.groupby("provider", sort=False)}


def buckets(calls: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Per provider and bucket of the window: p50_ms, p95_ms, answered, success_rate, judged, cost_usd, calls.

    The index is (provider, start in UTC ms) over every bucket of the window; one without calls is a row of gaps.
    """
    import pandas as pd

    inside = within(calls, window)
    start = window.since + (inside["started_at"] - window.since) // window.step * window.step
    keys = [inside["provider"], start.rename("start")]
    counted = inside.groupby(keys).agg(calls=("id", "size"), successes=("success", "sum"), failures=("failure", "sum"))
    counted["cost_usd"] = inside["cost_usd"].groupby(keys).sum(min_count=1)
    latency = inside["latency_ms"].where(inside["success"]).groupby(keys)
    counted["p50_ms"], counted["p95_ms"] = latency.quantile(0.5), latency.quantile(0.95)
    counted["answered"] = latency.count()
    counted["judged"] = counted["successes"] + counted["failures"]
    counted["success_rate"] = counted["successes"] / counted["judged"].where(counted["judged"] > 0)
    providers = inside["provider"].unique()
    grid = pd.MultiIndex.from_product([providers, window.starts], names=["provider", "start"])
    return counted.drop(columns=["successes", "failures"]).reindex(grid)


def _speeds(answered: pd.DataFrame) -> pd.Series[float]:
    """Tokens per second after the first token, where both were measured."""
    span = answered["latency_ms"] - answered["ttft_ms"].fillna(0.0)
    tokens = answered["completion_tokens"]
    return (tokens / span * 1000)[(tokens > 0) & (span > 0)]


def _quantile(values: pd.Series[float], share: float) -> float | None:
    return _known(float(values.quantile(share)))


def _known(value: float) -> float | None:
    return float(value) if value == value else None
