"""Slabs read from rollups: which stored buckets make up a bucket of a chart, and how they are put together.

A reader's day is seldom a day of UTC. It is then read as one, with the hours that it has more put in and those that it
has less taken out, so that three months cost as much in Delhi as in London.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from conductor_core.metrics import sketch
from conductor_core.metrics.cells import chained
from conductor_core.metrics.rollup import LEVELS, MEASURES, MINUTE_MS, MINUTES, WIDTH, Entries
from conductor_core.metrics.slab import Samples, Slab, slabs_of
from conductor_core.metrics.span import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from conductor_core.metrics.slabs import Names, Place
    from conductor_core.store.history import History

    _Bins = tuple[NDArray[np.int64], NDArray[np.int16], NDArray[np.int32]]

P = TypeVar("P", bound=np.generic)
V = TypeVar("V", bound=np.generic)

_MOST_ROWS = 20_000
"""Stored buckets in memory at once, of some KB each."""


_FEW_ROWS = 2
"""So many stored buckets of a series may stay side by side: adding their bins up would cost more than it saves."""


class Piece(NamedTuple):
    """The stored buckets that fill [begin, end); `sign` is -1 where they are taken out."""

    begin: int
    end: int
    sign: int = 1


def pieces(low: int, high: int) -> list[Piece]:
    """What adds up to [low, high), whole minutes, with few stored buckets."""
    first, last = _nearest_midnight(low), _nearest_midnight(high)
    if first >= last or high - low < DAY:
        return [Piece(low, high)]
    found = [Piece(first, last)]
    if low != first:
        found.append(Piece(low, first) if low < first else Piece(first, low, -1))
    if high != last:
        found.append(Piece(last, high) if last < high else Piece(high, last, -1))
    return found


def cover(low: int, high: int) -> list[tuple[int, int, int]]:
    """The largest buckets that fill [low, high), whole minutes: (level, from, to), neighbours of one level joined."""
    parts: list[tuple[int, int, int]] = []
    while low < high:
        level = next(
            level for level in reversed(LEVELS) if low % (level * MINUTE_MS) == 0 and low + level * MINUTE_MS <= high
        )
        width = level * MINUTE_MS
        # Up to where the next larger level can go on.
        larger = next((one * MINUTE_MS for one in LEVELS if one > level), 2**62)
        end = low + (min(high, -(-(low + 1) // larger) * larger) - low) // width * width
        if parts and parts[-1][0] == level:
            parts[-1] = (level, parts[-1][1], end)
        else:
            parts.append((level, low, end))
        low = end
    return parts


def read_rollups(past: History, missing: Sequence[Place], names: Names) -> Iterator[Slab]:
    """Slabs from rollups, as many at once as fit into `_MOST_ROWS` stored buckets."""
    of_slabs = [_parts(low, high) for low, high, _ in missing]
    longest = max(sum(part.number for part in parts) for parts in of_slabs)
    at_once = max(1, _MOST_ROWS // (longest * max(len(past.series()), 1)))
    for begin in range(0, len(of_slabs), at_once):
        yield from _read_some(past, of_slabs[begin : begin + at_once], names)


def has_minutes(past: History, place: Place) -> bool:
    """Whether a bucket of a chart is made of whole minutes, and they are still kept."""
    low, high, _ = place
    return low % MINUTE_MS == high % MINUTE_MS == 0 and low >= past.pruned().get(MINUTES, 0)


def read_minutes(past: History, run: Sequence[Place], names: Names) -> Iterator[Slab | None]:
    """Exact slabs of neighbouring places from the minutes that make them up; None where one has only bins."""
    starts, series, sums, *sketches = past.buckets(MINUTES, [(run[0][0], run[-1][1])])
    edges = np.searchsorted(starts, [low for low, _, _ in run] + [run[-1][1]])
    read = [sketch.values_of(of) for of in sketches]
    samples = [(rows, values) for rows, values, _ in read]
    only_bins = np.logical_or.reduce([of for *_, of in read])
    slabs = slabs_of(names.numbers_of(past, series), Entries.of_stored(sums), samples, edges, exact=True)
    for slab, (low, high) in zip(slabs, pairwise(edges), strict=True):
        yield None if only_bins[low:high].any() else slab


class _Part(NamedTuple):
    """Neighbouring stored buckets of one level, to be put in or (`sign` -1) taken out."""

    level: int
    begin: int
    end: int
    sign: int

    @property
    def number(self) -> int:
        return (self.end - self.begin) // (self.level * MINUTE_MS)


def _parts(low: int, high: int) -> list[_Part]:
    return [_Part(*part, piece.sign) for piece in pieces(low, high) for part in cover(piece.begin, piece.end)]


def _nearest_midnight(at: int) -> int:
    return (at + DAY // 2) // DAY * DAY


def _read_some(past: History, of_slabs: Sequence[Sequence[_Part]], names: Names) -> Iterator[Slab]:
    """One reading per level, since neighbours need much the same."""
    wanted: dict[int, list[tuple[int, int]]] = {}
    for part in sorted({part for parts in of_slabs for part in parts}):
        wanted.setdefault(part.level, []).append((part.begin, part.end))
    read = {level: _Stored.of(past.buckets(level, _joined(spans)), past, names) for level, spans in wanted.items()}
    for parts in of_slabs:
        yield _slab([(read[part.level].between(part.begin, part.end), part.sign) for part in parts])


@dataclass(frozen=True, slots=True)
class _Stored:
    """Stored buckets by start, column by column.

    Attributes:
        sketches: of each measure where the entries of each bucket begin, and their bins and counts.
    """

    starts: NDArray[np.int64]
    series: NDArray[np.int64]
    sums: Entries
    sketches: tuple[_Bins, ...]

    @classmethod
    def of(cls, columns: Sequence[Sequence[Any]], past: History, names: Names) -> _Stored:
        starts, series, sums, *sketches = columns
        return cls(
            np.array(starts, dtype=np.int64),
            names.numbers_of(past, series),
            Entries.of_stored(sums),
            tuple(sketch.entries_of(of) for of in sketches),
        )

    def between(self, begin: int, end: int) -> _Stored:
        """Those that begin in [begin, end)."""
        first, last = np.searchsorted(self.starts, [begin, end])
        rows = slice(first, last)
        return _Stored(
            self.starts[rows],
            self.series[rows],
            Entries(*_some(self.sums, first, last)),
            tuple(_some(of, first, last) for of in self.sketches),
        )


def _some(
    entries: tuple[NDArray[np.int64], NDArray[P], NDArray[V]], first: int, last: int
) -> tuple[NDArray[np.int64], NDArray[P], NDArray[V]]:
    """The entries of some neighbours of those that have some."""
    edges, places, values = entries
    begin, end = edges[first], edges[last]
    return edges[first : last + 1] - begin, places[begin:end], values[begin:end]


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Times in order, overlapping and neighbouring ones as one."""
    joined: list[tuple[int, int]] = []
    for begin, end in spans:
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def _slab(parts: Sequence[tuple[_Stored, int]]) -> Slab:
    """What some stored buckets add up to, each with its sign."""
    every = chained([stored.series for stored, _ in parts])
    series, owners = np.unique(every, return_inverse=True)
    sums = np.zeros((len(series), WIDTH))
    edges = accumulate((len(stored.series) for stored, _ in parts), initial=0)
    for (stored, sign), (low, high) in zip(parts, pairwise(edges), strict=True):
        sums += sign * stored.sums.added_up(owners[low:high], len(series))
    samples = []
    for measure in range(len(MEASURES)):
        entries = [(*stored.sketches[measure], sign) for stored, sign in parts]
        lengths = chained([np.diff(edges) for edges, *_ in entries])
        bins = chained([bins for _, bins, _, _ in entries])
        counts = chained([counts if sign > 0 else -counts for *_, counts, sign in entries])
        if len(every) > _FEW_ROWS * len(series) or any(sign < 0 for _, sign in parts):
            keys = np.repeat(owners * sketch.BINS, lengths) + bins
            samples.append(_summed(keys, counts, len(series)))
        else:
            samples.append(Samples(np.repeat(owners.astype(np.int32), lengths), bins, counts))
    return Slab(series, sums, tuple(samples), exact=False)


def _summed(keys: NDArray[np.int64], counts: NDArray[np.int32], number: int) -> Samples:
    """Every bin of an owner once, as small as they can be: they stay in memory.

    Args:
        keys: an owner's number (from 0 to `number` - 1) times `BINS`, and the bin.
    """
    summed = np.bincount(keys, weights=counts, minlength=number * sketch.BINS)
    used = np.flatnonzero(summed != 0)
    owners, bins = np.divmod(used.astype(np.int32), sketch.BINS)
    return Samples(owners, bins.astype(np.int16), summed[used].astype(np.int32))
