"""From call rows to the frames the Health page draws. pandas is loaded by the first frame, not by the first import.

Success is judged as everywhere: successes of the calls that say something about the provider. Latencies are those of
successful calls. What was not measured is a gap (NaN), never a zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from conductor_core.kinds import FAILURES, SUCCESSES, CostKind
from conductor_core.metrics.call import SHORTEST_WRITING_MS
from conductor_core.metrics.interval import wilson

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

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

_FLAGS = ("success", "failure", "estimated", "free")

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
    """Rows of `COLUMNS` as a frame; each call with its `success`, `failure`, `estimated` and `free`."""
    import pandas as pd

    calls = pd.DataFrame.from_records(rows, columns=list(COLUMNS))
    calls[list(_NUMBERS)] = calls[list(_NUMBERS)].astype("float64")
    calls["success"] = calls["outcome"].isin(list(SUCCESSES))
    calls["failure"] = calls["outcome"].isin(list(FAILURES))
    calls["estimated"] = calls["cost_kind"] == CostKind.ESTIMATED
    calls["free"] = calls["cost_kind"] == CostKind.FREE
    return calls


def begun_since(calls: pd.DataFrame, since: int) -> pd.DataFrame:
    """The calls begun at `since` (UTC ms) or later, of a frame that is oldest first. Copies nothing."""
    return calls.iloc[calls["started_at"].searchsorted(since) :]


def begun_before(calls: pd.DataFrame, until: int) -> pd.DataFrame:
    """The calls begun before `until` (UTC ms), of a frame that is oldest first. Copies nothing."""
    return calls.iloc[: calls["started_at"].searchsorted(until)]


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
    """What calls add up to, whoever's they are."""
    import numpy as np

    return _summary(calls, np.arange(len(calls)))


def summaries(calls: pd.DataFrame) -> dict[str, Summary]:
    """Each provider's summary."""
    import numpy as np

    places = calls.groupby("provider", sort=False).indices
    return {str(name): _summary(calls, np.asarray(rows)) for name, rows in places.items()}


def _summary(calls: pd.DataFrame, rows: NDArray[np.intp]) -> Summary:
    """The summary of the calls at `rows`; plain arrays, because a frame per provider costs ten times as much."""
    import numpy as np

    number = {name: calls[name].to_numpy()[rows] for name in (*_NUMBERS, *_FLAGS)}
    success, failed = number["success"], np.flatnonzero(number["failure"])
    whole, first = number["latency_ms"][success], number["ttft_ms"][success]
    span = whole - np.nan_to_num(first)
    written = number["completion_tokens"][success]
    timed = (written > 0) & (span >= SHORTEST_WRITING_MS)
    known = number["cost_usd"][~np.isnan(number["cost_usd"])]
    answered = int(success.sum())
    found = Summary(
        calls=len(rows),
        successes=answered,
        judged=answered + len(failed),
        p50_ms=_quantile(whole, 0.5),
        p95_ms=_quantile(whole, 0.95),
        ttft_ms=_quantile(first, 0.5),
        tokens_per_second=_quantile(written[timed] / span[timed] * 1000, 0.5),
        cost_usd=float(known.sum()) if len(known) else None,
        estimated=bool(number["estimated"].any()),
        free=bool(answered and number["free"].all()),
        unpriced=len(rows) - len(known),
    )
    return _with_last_error(found, calls, int(rows[failed[-1]])) if len(failed) else found


def _with_last_error(found: Summary, calls: pd.DataFrame, row: int) -> Summary:
    status = float(calls["http_status"].to_numpy()[row])
    return replace(
        found,
        last_error=str(calls["outcome"].iat[row]),
        last_error_at=int(calls["started_at"].to_numpy()[row]),
        last_status=None if math.isnan(status) else int(status),
    )


def buckets(calls: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Per provider and bucket of the window: p50_ms, p95_ms, answered, success_rate, judged, cost_usd, calls.

    The index is (provider, start in UTC ms) over every bucket of the window; one without calls is a row of gaps.
    """
    import pandas as pd

    inside = begun_before(begun_since(calls, window.since), window.until)
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


def _quantile(values: NDArray[Any], share: float) -> float | None:
    import numpy as np

    known = values[~np.isnan(values)]
    return float(np.quantile(known, share)) if len(known) else None
