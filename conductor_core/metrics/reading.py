"""Slabs read from rollups: which stored buckets make up a bucket of a chart, and how they are put together.

A reader's day is seldom a day of UTC. It is then read as one, with the hours that it has more put in and those that it
has less taken out, so that three months cost as much in Delhi as in London.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from conductor_core.metrics import sketch
from conductor_core.metrics.rollup import LEVELS, MINUTE_MS, WIDTH, sums_of
from conductor_core.metrics.span import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from conductor_core.metrics.slabs import Names, Place, Samples, Slab
    from conductor_core.store.history import History, StoredBucket

_MOST_CELLS = 4_000_000
"""Counts at once while rollups are read: 32 MB."""


class Part(NamedTuple):
    """Neighbouring stored buckets of one level that begin in [begin, end); `sign` is -1 where they are taken out."""

    level: int
    begin: int
    end: int
    sign: int = 1


def cover(low: int, high: int) -> list[Part]:
    """The fewest stored buckets, or nearly, that add up to [low, high), whole minutes."""
    first, last = _nearest_midnight(low), _nearest_midnight(high)
    if first >= last:
        return _within(low, high)
    parts = [Part(LEVELS[-1], first, last)]
    parts += _within(low, first) if low < first else _taken_out(first, low)
    parts += _within(last, high) if last < high else _taken_out(high, last)
    return parts


def read_rollups(past: History, missing: Sequence[Place], names: Names) -> Iterator[Slab]:
    """As many slabs at once as fit into `_MOST_CELLS` counts."""
    at_once = max(1, _MOST_CELLS // (max(len(past.series()), 1) * sketch.BINS))
    for begin in range(0, len(missing), at_once):
        yield from _read_some(past, missing[begin : begin + at_once], names)


def _nearest_midnight(at: int) -> int:
    return (at + DAY // 2) // DAY * DAY


def _within(low: int, high: int) -> list[Part]:
    """The largest buckets that lie in [low, high)."""
    parts: list[Part] = []
    while low < high:
        level = next(
            level for level in reversed(LEVELS) if low % (level * MINUTE_MS) == 0 and low + level * MINUTE_MS <= high
        )
        end = low + level * MINUTE_MS
        if parts and parts[-1].level == level:
            parts[-1] = Part(level, parts[-1].begin, end)
        else:
            parts.append(Part(level, low, end))
        low = end
    return parts


def _taken_out(low: int, high: int) -> list[Part]:
    return [part._replace(sign=-1) for part in _within(low, high)]


def _read_some(past: History, wanted: Sequence[Place], names: Names) -> Iterable[Slab]:
    from conductor_core.metrics.slabs import Slab

    stored, places, signs = _stored_buckets(past, wanted)
    series, columns = np.unique(names.numbers_of(past, [row[1] for row in stored]), return_inverse=True)
    cells = places * len(series) + columns
    order = np.argsort(cells, kind="stable")
    used, first = np.unique(cells[order], return_index=True)
    sums = np.zeros((0, WIDTH))
    if stored:
        signed = sums_of([row[2] for row in stored]) * signs[:, None]
        sums = np.add.reduceat(signed[order], first, axis=0)
    sketches = zip(*(row[3:] for row in stored), strict=True) if stored else ((), (), ())
    measures = [_binned(stored_sketches, cells, signs) for stored_sketches in sketches]
    slabs, columns_used = np.divmod(used, max(len(series), 1))
    for place in range(len(wanted)):
        begin, end = np.searchsorted(slabs, [place, place + 1])
        own = columns_used[begin:end]
        ranks = np.full(len(series), -1)
        ranks[own] = np.arange(len(own))
        samples = tuple(_of_slab(one, place * len(series), ranks) for one in measures)
        yield Slab(series[own], sums[begin:end], samples, exact=False)


def _stored_buckets(
    past: History, wanted: Sequence[Place]
) -> tuple[list[StoredBucket], NDArray[np.int64], NDArray[np.int64]]:
    """The stored buckets that make up the slabs, for which of them each is, and with which sign.

    Of each level neighbours are read at once; one that is put into a slab and taken out of the next is there twice.
    """
    by_level: dict[int, list[tuple[Part, int]]] = {}
    for place, (low, high, _) in enumerate(wanted):
        for part in cover(low, high):
            by_level.setdefault(part.level, []).append((part, place))
    stored: list[StoredBucket] = []
    places: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    signs: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    for level, parts in by_level.items():
        rows = [row for begin, end in _runs(part for part, _ in parts) for row in past.buckets(level, begin, end)]
        starts = np.array([row[0] for row in rows], dtype=np.int64)
        for part, place in parts:
            first, last = np.searchsorted(starts, [part.begin, part.end])
            stored += rows[first:last]
            places.append(np.full(last - first, place))
            signs.append(np.full(last - first, part.sign))
    return stored, np.concatenate(places), np.concatenate(signs)


def _runs(parts: Iterable[Part]) -> list[tuple[int, int]]:
    """The times of some parts, overlapping and neighbouring ones joined, in order."""
    runs: list[tuple[int, int]] = []
    for begin, end in sorted({(part.begin, part.end) for part in parts}):
        if runs and begin <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(runs[-1][1], end))
        else:
            runs.append((begin, end))
    return runs


def _binned(
    stored: Sequence[bytes], cells: NDArray[np.int64], signs: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stored sketches added up by cell: the used (cell, bin) keys in order, and their counts."""
    owners, bins, counts = sketch.unpack(stored)
    summed = np.bincount(cells[owners] * sketch.BINS + bins, weights=counts * signs[owners])
    used = np.flatnonzero(summed)
    return used, summed[used].astype(np.int64)


def _of_slab(measure: tuple[NDArray[np.int64], NDArray[np.int64]], first: int, ranks: NDArray[np.int64]) -> Samples:
    """The part of a slab, whose first cell is given."""
    from conductor_core.metrics.slabs import Samples

    keys, counts = measure
    begin, end = np.searchsorted(keys, [first * sketch.BINS, (first + len(ranks)) * sketch.BINS])
    cells, bins = np.divmod(keys[begin:end], sketch.BINS)
    return Samples(ranks[cells - first], bins.astype(np.float64), counts[begin:end])
