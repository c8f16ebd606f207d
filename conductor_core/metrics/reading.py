"""Slabs read from rollups: which stored buckets make up a bucket of a chart, and how they are put together.

A reader's day is seldom a day of UTC. It is then read as one, with the hours that it has more put in and those that it
has less taken out, so that three months cost as much in Delhi as in London.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from conductor_core.metrics import sketch
from conductor_core.metrics.rollup import LEVELS, MINUTE_MS, MINUTES, WIDTH, sums_of
from conductor_core.metrics.slab import Samples, Slab, slab_of
from conductor_core.metrics.span import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from conductor_core.metrics.slabs import Names, Place
    from conductor_core.store.history import History, StoredBucket

_MOST_CELLS = 4_000_000
"""Counts at once while rollups are read: 32 MB."""


class Piece(NamedTuple):
    """The stored buckets that fill [begin, end); `sign` is -1 where they are taken out."""

    begin: int
    end: int
    sign: int = 1


def pieces(low: int, high: int) -> list[Piece]:
    """What adds up to [low, high), whole minutes, with few stored buckets."""
    first, last = _nearest_midnight(low), _nearest_midnight(high)
    if first >= last:
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
    """As many slabs at once as fit into `_MOST_CELLS` counts; of each there are about two pieces."""
    at_once = max(1, _MOST_CELLS // (2 * max(len(past.series()), 1) * sketch.BINS))
    for begin in range(0, len(missing), at_once):
        yield from _read_some(past, missing[begin : begin + at_once], names)


def has_minutes(past: History, place: Place) -> bool:
    """Whether a bucket of a chart is made of whole minutes, and they are still kept."""
    low, high, _ = place
    return low % MINUTE_MS == high % MINUTE_MS == 0 and low >= past.pruned().get(MINUTES, 0)


def read_minutes(past: History, run: Sequence[Place], names: Names) -> Iterator[Slab | None]:
    """Exact slabs of neighbouring places from the minutes that make them up; None where one has only bins."""
    stored = past.buckets(MINUTES, [(run[0][0], run[-1][1])])
    edges = np.searchsorted([row[0] for row in stored], [low for low, _, _ in run] + [run[-1][1]])
    for low, high in pairwise(edges):
        _, series, sums, *sketches = zip(*stored[low:high], strict=True) if low < high else [()] * 6
        samples = [sketch.values_of(of) for of in sketches]
        known = [one for one in samples if one is not None]
        if len(known) < len(samples):
            yield None
        else:
            yield slab_of(names.numbers_of(past, series), sums_of(sums), known, exact=True)


def _nearest_midnight(at: int) -> int:
    return (at + DAY // 2) // DAY * DAY


def _read_some(past: History, wanted: Sequence[Place], names: Names) -> Iterator[Slab]:
    """Pieces first, since most are part of two slabs: put into one and taken out of its neighbour."""
    of_slabs = [pieces(low, high) for low, high, _ in wanted]
    distinct = sorted({(piece.begin, piece.end) for found in of_slabs for piece in found})
    series, sums, counts = _pieces_added_up(past, distinct, names)
    numbers = {piece: number for number, piece in enumerate(distinct)}
    for found in of_slabs:
        signed = [(numbers[piece.begin, piece.end], piece.sign) for piece in found]
        yield _slab(series, _summed(sums, signed), [_summed(of, signed) for of in counts])


def _pieces_added_up(
    past: History, distinct: Sequence[tuple[int, int]], names: Names
) -> tuple[NDArray[np.int64], NDArray[np.float64], list[NDArray[np.float64]]]:
    """Which series occur; by piece and series the sums; of each measure by piece and series the counts per bin."""
    stored, places = _stored_buckets(past, distinct)
    series, columns = np.unique(names.numbers_of(past, [row[1] for row in stored]), return_inverse=True)
    shape, cells = (len(distinct), len(series)), places * len(series) + columns
    sums = np.zeros((len(distinct) * len(series), WIDTH))
    _, sums_stored, *sketches = zip(*(row[1:] for row in stored), strict=True) if stored else [()] * 5
    if stored:
        np.add.at(sums, cells, sums_of(sums_stored))
    counts = [sketch.add_up(of, cells, len(sums)).reshape(*shape, sketch.BINS) for of in sketches]
    return series, sums.reshape(*shape, WIDTH), counts


def _stored_buckets(past: History, distinct: Sequence[tuple[int, int]]) -> tuple[list[StoredBucket], NDArray[np.int64]]:
    """The stored buckets that fill some pieces, and which piece each fills; one reading per level."""
    by_level: dict[int, list[tuple[int, int, int]]] = {}
    for place, piece in enumerate(distinct):
        for level, begin, end in cover(*piece):
            by_level.setdefault(level, []).append((begin, end, place))
    stored: list[StoredBucket] = []
    places = [np.zeros(0, dtype=np.int64)]
    for level, parts in by_level.items():
        rows = past.buckets(level, _joined(parts))
        starts = np.array([row[0] for row in rows], dtype=np.int64)
        for begin, end, place in parts:
            first, last = np.searchsorted(starts, [begin, end])
            stored += rows[first:last]
            places.append(np.full(last - first, place))
    return stored, np.concatenate(places)


def _joined(parts: Sequence[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """The times of some parts in order, overlapping and neighbouring ones as one."""
    spans: list[tuple[int, int]] = []
    for begin, end, _ in sorted(parts):
        if spans and begin <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((begin, end))
    return spans


def _summed(of_pieces: NDArray[np.float64], signed: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    [(first, sign), *more] = signed
    total: NDArray[np.float64] = of_pieces[first] if sign > 0 else -of_pieces[first]
    for number, sign in more:
        total = total + of_pieces[number] if sign > 0 else total - of_pieces[number]
    return total


def _slab(series: NDArray[np.int64], sums: NDArray[np.float64], counts: Sequence[NDArray[np.float64]]) -> Slab:
    """With only the series that occur, and of each only the bins that do."""
    own = np.flatnonzero(sums.any(axis=1))
    samples = []
    for of in counts:
        here = of[own].ravel()
        used = np.flatnonzero(here != 0)  # of booleans in one row: many times faster than what two axes take
        owners, bins = np.divmod(used, sketch.BINS)
        # As small as they can be: they stay in memory.
        samples.append(Samples(owners.astype(np.int32), bins.astype(np.int16), here[used].astype(np.uint32)))
    return Slab(series[own], sums[own], tuple(samples), exact=False)
