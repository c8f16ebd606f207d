"""Calls added up: what a bucket of time keeps of the calls begun in it, and how rows become that.

A bucket's sums are a row of float64 (whole numbers are exact in them up to 2^53): first `FIELDS`, then for each kind of
end how many attempts and how many requests ended so. Kinds come in the order of `KINDS`, which only ever grows at its
end, so that what was stored before a kind was known stays readable. Noughts at a row's end are not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from conductor_core.kinds import SUCCESSES, CostKind, Outcome
from conductor_core.metrics import sketch
from conductor_core.metrics.call import COLUMNS, SHORTEST_WRITING_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = (1, 15, 60, 1440)
"""Widths of buckets, in minutes: minutes, quarters of an hour (where odd time zones begin their days), hours, days."""

MINUTES = LEVELS[0]
"""The level that keeps few samples as they are, so that a page of few calls has exact percentiles."""

MINUTE_MS = 60_000

MEASURES = ("latency", "ttft", "pace")

FIELDS = (
    "prompt_tokens",
    "completion_tokens",
    "thinking_tokens",
    "priced_tokens",
    "priced",
    "free",
    "cost_reported",
    "cost_estimated",
)

KINDS = (
    Outcome.OK,
    Outcome.LENGTH,
    Outcome.BLOCKED,
    Outcome.EMPTY,
    Outcome.BAD_REQUEST,
    Outcome.AUTH,
    Outcome.FORBIDDEN,
    Outcome.NOT_FOUND,
    Outcome.TOO_LARGE,
    Outcome.RATE_LIMITED,
    Outcome.QUOTA,
    Outcome.TIMEOUT,
    Outcome.SERVER_ERROR,
    Outcome.UNAVAILABLE,
    Outcome.OVERLOADED,
    Outcome.CONNECTION,
    Outcome.STREAM_CUT,
    Outcome.BAD_RESPONSE,
    Outcome.CANCELLED,
    Outcome.INTERRUPTED,
    Outcome.BUDGET,
    Outcome.REFUSED,
)

WIDTH = len(FIELDS) + 2 * len(KINDS)

_PLACE = {kind.value: place for place, kind in enumerate(KINDS)}
_SUCCESS = np.array([kind in SUCCESSES for kind in KINDS])
_COST_KINDS = {kind.value: place for place, kind in enumerate(CostKind)}
_REPORTED, _ESTIMATED, _FREE = (_COST_KINDS[kind] for kind in (CostKind.REPORTED, CostKind.ESTIMATED, CostKind.FREE))


def attempts(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of rows of sums: attempts by kind of end."""
    return sums[..., len(FIELDS) :: 2]


def requests(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of rows of sums: requests by kind of end."""
    return sums[..., len(FIELDS) + 1 :: 2]


def by_column(rows: Sequence[Sequence[Any]], width: int) -> list[Sequence[Any]]:
    """Rows of so many values each, column by column."""
    return list(zip(*rows, strict=True)) if rows else [()] * width


@dataclass(frozen=True, slots=True)
class Columns:
    """Finished calls, column by column; what is not known is NaN.

    Attributes:
        series: whose each call is, in numbers of the caller's own.
        kinds: places in `KINDS`.
        sums: what each adds to its bucket.
        measures: of each of `MEASURES` the value, NaN where the call has none.
    """

    started: NDArray[np.int64]
    series: NDArray[np.int64]
    kinds: NDArray[np.int64]
    sums: NDArray[np.float64]
    measures: tuple[NDArray[np.float64], ...]

    def __len__(self) -> int:
        return len(self.started)

    @classmethod
    def of(cls, columns: Sequence[Sequence[Any]], series: Sequence[int]) -> Columns:
        """What `COLUMNS` says of each call, column by column."""
        column = dict(zip(COLUMNS, columns, strict=True))
        kinds = np.array([_PLACE[end] for end in column["outcome"]], dtype=np.int64)
        corrects = np.array(column["counted"], dtype=np.int64) == 2
        latency, first = _numbers(column["latency_ms"]), _numbers(column["ttft_ms"])
        written = _numbers(column["completion_tokens"])
        answered = _SUCCESS[kinds] & ~corrects if len(kinds) else np.zeros(0, dtype=bool)
        span = latency - np.nan_to_num(first)
        long_enough = (written > 0) & (span >= SHORTEST_WRITING_MS)
        pace = np.where(long_enough, written / np.maximum(span, SHORTEST_WRITING_MS) * 1000, np.nan)
        measures = tuple(np.where(answered, values, np.nan) for values in (latency, first, pace))
        sums = _sums(column, kinds, corrects)
        return cls(
            np.array(column["started_at"], dtype=np.int64), np.array(series, dtype=np.int64), kinds, sums, measures
        )


def _sums(
    column: dict[str, Sequence[Any]], kinds: NDArray[np.int64], corrects: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What each call adds. One that was counted as its request's last, and is not, only takes that back."""
    sums = np.zeros((len(kinds), WIDTH))
    prompt, written = _known(column["prompt_tokens"]), _known(column["completion_tokens"])
    cost = _numbers(column["cost_usd"])
    paid = np.array([_COST_KINDS[kind] for kind in column["cost_kind"]], dtype=np.int64)
    priced = ~np.isnan(cost)
    cost = np.nan_to_num(cost)
    fields = {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "thinking_tokens": _known(column["thinking_tokens"]),
        "priced_tokens": np.where(priced, prompt + written, 0.0),
        "priced": priced,
        "free": priced & (paid == _FREE),
        "cost_reported": np.where(paid == _ESTIMATED, 0.0, cost),
        "cost_estimated": np.where(paid == _ESTIMATED, cost, 0.0),
    }
    for place, name in enumerate(FIELDS):
        sums[:, place] = fields[name]
    every = np.arange(len(kinds))
    sums[every, len(FIELDS) + 2 * kinds] = 1
    sums[corrects] = 0
    last = ~np.array(column["superseded"], dtype=bool)
    sums[every, len(FIELDS) + 1 + 2 * kinds] = np.where(corrects, -1, last)
    return sums


@dataclass(frozen=True, slots=True)
class Bucket:
    """What the calls of one series begun in one bucket add up to, as it is stored."""

    level: int
    start: int
    series: int
    sums: bytes
    sketches: tuple[bytes, ...]

    def merged(self, sums: bytes, sketches: Sequence[bytes]) -> Bucket:
        """Together with what is stored already."""
        total = sums_of([self.sums, sums]).sum(axis=0)
        merged = tuple(
            sketch.merge((ours, theirs)) if ours and theirs else ours or theirs
            for ours, theirs in zip(self.sketches, sketches, strict=True)
        )
        [stored] = _stored(total[np.newaxis])
        return Bucket(self.level, self.start, self.series, stored, merged)


def buckets(calls: Columns, levels: Sequence[int] = LEVELS) -> list[Bucket]:
    """Calls added up in every level."""
    return [bucket for level in levels for bucket in _of_level(calls, level)]


def _of_level(calls: Columns, level: int) -> list[Bucket]:
    width = level * MINUTE_MS
    keys = np.stack((calls.started // width * width, calls.series), axis=1)
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    sums = added_up(calls.sums, inverse, len(unique))
    sketches = [_sketched(values, inverse, len(unique), level) for values in calls.measures]
    return [
        Bucket(level, start, series, stored, of_measures)
        for (start, series), stored, of_measures in zip(
            unique.tolist(), _stored(sums), zip(*sketches, strict=True), strict=True
        )
    ]


def _stored(sums: NDArray[np.float64]) -> list[bytes]:
    """Rows of sums as they are stored."""
    lengths = WIDTH - np.argmax(sums[:, ::-1] != 0, axis=1)
    whole, begins = sums.tobytes(), np.arange(len(sums)) * WIDTH
    return [whole[8 * begin : 8 * end] for begin, end in zip(begins.tolist(), (begins + lengths).tolist(), strict=True)]


def _sketched(values: NDArray[np.float64], owners: NDArray[np.int64], number: int, level: int) -> list[bytes]:
    """A sketch per owner, of the values that are known."""
    known = ~np.isnan(values)
    return sketch.of_each(values[known], owners[known], number, keep_few=level == MINUTES)


def added_up(rows: NDArray[np.float64], owners: NDArray[np.int64], number: int) -> NDArray[np.float64]:
    """Rows of sums added up by owner (from 0 to `number` - 1)."""
    cells = (owners[:, np.newaxis] * WIDTH + np.arange(WIDTH)).ravel()
    return _summed(cells, rows.ravel(), number)


class Entries(NamedTuple):
    """Rows of sums without most of their noughts: a fifth of the numbers, where few kinds of end occur.

    Attributes:
        edges: where the entries of each row begin, and the last one's end.
        places: the place in its row of each entry …
        values: … and the number there.
    """

    edges: NDArray[np.int64]
    places: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of_stored(cls, stored: Sequence[bytes]) -> Entries:
        """Of sums as they are stored."""
        lengths = np.fromiter(map(len, stored), dtype=np.int64, count=len(stored)) // 8
        edges = np.concatenate(([0], np.cumsum(lengths)))
        values = np.frombuffer(b"".join(stored), dtype="<f8")
        return cls(edges, np.arange(len(values)) - np.repeat(edges[:-1], lengths), values)

    @classmethod
    def of_rows(cls, rows: NDArray[np.float64]) -> Entries:
        whose, places = np.nonzero(rows)
        return cls(np.searchsorted(whose, np.arange(len(rows) + 1)), places, rows[whose, places])

    def added_up(self, owners: NDArray[np.int64], number: int) -> NDArray[np.float64]:
        """As rows, added up by owner (from 0 to `number` - 1); `owners` says whose each row is."""
        cells = np.repeat(owners * WIDTH, np.diff(self.edges)) + self.places
        return _summed(cells, self.values, number)


def _summed(cells: NDArray[np.int64], values: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """So many rows of sums; a value's cell is its row's number times `WIDTH`, and its place in the row."""
    # Several times faster than `np.add.at`, which goes row by row.
    summed = np.bincount(cells, weights=values, minlength=number * WIDTH)
    return summed.astype(np.float64, copy=False).reshape(number, WIDTH)


def sums_of(stored: Sequence[bytes]) -> NDArray[np.float64]:
    """Stored sums as rows; of thousands, `Entries` are faster."""
    whole = b"".join([one.ljust(WIDTH * 8, b"\0") for one in stored])
    return np.frombuffer(whole, dtype="<f8").reshape(len(stored), WIDTH)


def _numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def _known(values: Sequence[Any]) -> NDArray[np.float64]:
    return np.nan_to_num(_numbers(values))
