"""Buckets of a chart in memory, each read once: from rollups, or exactly, from the calls themselves.

A slab is out of date when a batch of newly added-up calls touched its time; only then is it read again. So what a page
costs does not grow with the number of calls, and what a refresh costs not with the length of the span.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from conductor_core.metrics import sketch
from conductor_core.metrics.rollup import LEVELS, MINUTE_MS, WIDTH, Columns, sums_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from conductor_core.store.history import History, StoredBucket

    Place = tuple[int, int, bool]

QUARTER_MS = 900_000
KEPT = 600
"""Slabs in memory: all ranges of a few readers."""

_MOST_CELLS = 4_000_000
"""Counts at once while rollups are read: 32 MB."""


@dataclass(slots=True)
class Slab:
    """What the calls begun in one bucket of a chart add up to, by series.

    Attributes:
        series: numbers of the series that occur …
        sums: … and a row of sums for each.
        samples: of each measure the samples, whose each is (a place in `series`), what it is (a bin, or when `exact`
            the value), and how often it occurs.
        memo: what was made of it for one way of grouping.
    """

    series: NDArray[np.int64]
    sums: NDArray[np.float64]
    samples: tuple[Samples, ...]
    exact: bool
    memo: dict[object, Cells] = field(default_factory=dict)

    def cells(self, grouping: Grouping) -> Cells:
        """Its figures by group; kept."""
        found = self.memo.get(grouping.key)
        if found is None:
            if len(self.memo) >= 4:
                self.memo.clear()
            found = self.memo[grouping.key] = Cells.of(self, grouping)
        return found


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of one measure; see `Slab`."""

    owners: NDArray[np.int64]
    values: NDArray[np.float64]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which group each series belongs to.

    Attributes:
        of: by series number, a group from 0 on; -1 for none.
        number: how many groups there are.
        key: equal for equal groupings.
    """

    of: NDArray[np.int64]
    number: int
    key: object


@dataclass(frozen=True, slots=True)
class Cells:
    """Figures of one bucket: a row per group, and in the last row all of them together.

    Attributes:
        measures: of each measure the samples, as counts per bin; when exact as (group, value) pairs.
        quantiles: of each measure a row per group with a number per share.
        samples: of each measure how many samples each row has.
    """

    sums: NDArray[np.float64]
    measures: tuple[Measure, ...]
    quantiles: tuple[NDArray[np.float64], ...]
    samples: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, slab: Slab, grouping: Grouping) -> Cells:
        groups = grouping.of[slab.series] if len(slab.series) else np.zeros(0, dtype=np.int64)
        counted = groups >= 0
        sums = np.zeros((grouping.number + 1, WIDTH))
        np.add.at(sums, groups[counted], slab.sums[counted])
        sums[-1] = slab.sums[counted].sum(axis=0)
        make = Exact.of if slab.exact else Binned.of
        measures = tuple(make(one, groups, grouping.number) for one in slab.samples)
        return cls(sums, measures, tuple(one.quantiles() for one in measures), tuple(one.sizes() for one in measures))


@dataclass(frozen=True, slots=True)
class Binned:
    """Samples by group as counts per bin; the last row is all of them."""

    counts: NDArray[np.int64]

    @classmethod
    def of(cls, samples: Samples, groups: NDArray[np.int64], number: int) -> Binned:
        whose = groups[samples.owners] if len(groups) else np.zeros(0, dtype=np.int64)
        used = whose >= 0
        keys = whose[used] * sketch.BINS + samples.values[used].astype(np.int64)
        counts = np.bincount(keys, weights=samples.counts[used], minlength=number * sketch.BINS)
        shaped = counts.astype(np.int64).reshape(number, sketch.BINS)
        return cls(np.vstack((shaped, shaped.sum(axis=0))))

    @classmethod
    def together(cls, parts: Sequence[Binned]) -> Binned:
        total = parts[0].counts.copy()
        for part in parts[1:]:
            total += part.counts
        return cls(total)

    def quantiles(self) -> NDArray[np.float64]:
        return sketch.quantiles(self.counts)

    def sizes(self) -> NDArray[np.int64]:
        sizes: NDArray[np.int64] = self.counts.sum(axis=1)
        return sizes

    def spread(self, group: int, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many samples of a group lie between each two edges."""
        used = np.flatnonzero(self.counts[group])
        middles = np.clip(sketch.MIDDLES[used], edges[0], edges[-1])
        return np.histogram(middles, edges, weights=self.counts[group][used])[0].astype(np.int64)


@dataclass(frozen=True, slots=True)
class Exact:
    """Samples by group as they are."""

    groups: NDArray[np.int64]
    values: NDArray[np.float64]
    number: int

    @classmethod
    def of(cls, samples: Samples, groups: NDArray[np.int64], number: int) -> Exact:
        whose = groups[samples.owners] if len(groups) else np.zeros(0, dtype=np.int64)
        used = whose >= 0
        return cls(whose[used], samples.values[used], number)

    @classmethod
    def together(cls, parts: Sequence[Exact]) -> Exact:
        groups = np.concatenate([part.groups for part in parts])
        return cls(groups, np.concatenate([part.values for part in parts]), parts[0].number)

    def quantiles(self) -> NDArray[np.float64]:
        # Every sample once as its group's, and once as one of all.
        groups = np.concatenate((self.groups, np.full(len(self.groups), self.number)))
        return sketch.exact_quantiles(groups, np.concatenate((self.values, self.values)), self.number + 1)

    def sizes(self) -> NDArray[np.int64]:
        sizes = np.bincount(self.groups, minlength=self.number)
        return np.concatenate((sizes, [len(self.groups)]))

    def spread(self, group: int, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        chosen = self.values if group == self.number else self.values[self.groups == group]
        return np.histogram(np.clip(chosen, edges[0], edges[-1]), edges)[0]


Measure = Binned | Exact


_NO_SAMPLES = Samples(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.int64))


def empty_slab(*, exact: bool) -> Slab:
    """No calls. Not a constant, since what is made of it for one installation is kept in it."""
    return Slab(np.zeros(0, dtype=np.int64), np.zeros((0, WIDTH)), (_NO_SAMPLES,) * 3, exact)


class Names:
    """Numbers for series: whose calls they are, and where those came from. Numbers stay as they are."""

    def __init__(self) -> None:
        self.known: list[tuple[str, str, str]] = []
        self._numbers: dict[tuple[str, str, str], int] = {}
        self._stored: dict[int, int] = {}
        self._lock = threading.Lock()

    def number(self, provider: str, model: str, source: str) -> int:
        key = (provider, model, source)
        found = self._numbers.get(key)
        if found is not None:
            return found
        with self._lock:
            if key not in self._numbers:
                self.known.append(key)
                self._numbers[key] = len(self.known) - 1
            return self._numbers[key]

    def numbers_of(self, past: History, stored: Sequence[int]) -> NDArray[np.int64]:
        """For the numbers that series have in the database, ours."""
        if not self._stored.keys() >= set(stored):
            self._stored = {id: self.number(*key) for id, *key in past.series()}
        return np.array([self._stored[id] for id in stored], dtype=np.int64)

    def columns(self, rows: Sequence[tuple[Any, ...]]) -> Columns:
        """Rows of `History.counted_calls` or `History.pending_calls`."""
        return Columns.of([row[3:] for row in rows], [self.number(*row[:3]) for row in rows])


class Slabs:
    """Slabs of one installation, shared by all readers. Any thread may ask.

    Use: `with history.snapshot() as past: slabs.of(past, …)`. All of one snapshot is from one moment.
    """

    def __init__(self) -> None:
        self.names = Names()
        self._kept: OrderedDict[Place, Slab] = OrderedDict()
        self._seen: dict[int, int] | None = None
        self._lock = threading.Lock()

    def of(self, past: History, edges: Sequence[int], *, exact: bool) -> list[Slab]:
        """The slabs between neighbouring edges (UTC ms) as of the snapshot.

        Args:
            exact: from the calls themselves; else from rollups.
        """
        wanted = [(low, high, exact) for low, high in pairwise(edges)]
        with self._lock:
            self._forget_changed(past)
            missing = [place for place in wanted if place not in self._kept]
            if missing:
                read = _read_rows if exact else _read_rollups
                self._kept.update(zip(missing, read(past, missing, self.names), strict=True))
            found = [self._kept[place] for place in wanted]
            for place in wanted:
                self._kept.move_to_end(place)
            while len(self._kept) > max(KEPT, len(wanted)):
                self._kept.popitem(last=False)
        return found

    def _forget_changed(self, past: History) -> None:
        """Drops the slabs that batches since the last look touched; all, where it is not known which."""
        if self._seen is None:
            self._seen = past.batches_seen()
            return
        touched, seen = past.quarters_touched(self._seen)
        self._seen = seen
        if touched is None:
            self._kept.clear()
        elif touched:
            moments = sorted(quarter * QUARTER_MS for quarter in touched)
            for place in [place for place in self._kept if _any_within(moments, place)]:
                del self._kept[place]


def pending_slabs(calls: Columns, edges: Sequence[int], *, exact: bool) -> dict[int, Slab]:
    """Calls that no rollup knows yet, by the number of their bucket."""
    places = np.searchsorted(np.array(edges), calls.started, side="right") - 1
    return {
        int(place): _from_columns(calls, np.flatnonzero(places == place), exact=exact) for place in np.unique(places)
    }


def joined(slab: Slab, other: Slab) -> Slab:
    """Two slabs of one bucket as one."""
    series = np.concatenate((slab.series, other.series))
    samples = tuple(
        Samples(
            np.concatenate((ours.owners, theirs.owners + len(slab.series))),
            np.concatenate((ours.values, theirs.values)),
            np.concatenate((ours.counts, theirs.counts)),
        )
        for ours, theirs in zip(slab.samples, other.samples, strict=True)
    )
    return Slab(series, np.concatenate((slab.sums, other.sums)), samples, slab.exact)


def cover(low: int, high: int) -> list[tuple[int, int, int]]:
    """The largest buckets that fill [low, high), whole minutes: (level, from, to), neighbours of one level joined."""
    parts: list[tuple[int, int, int]] = []
    while low < high:
        level = next(
            level for level in reversed(LEVELS) if low % (level * MINUTE_MS) == 0 and low + level * MINUTE_MS <= high
        )
        end = low + level * MINUTE_MS
        if parts and parts[-1][0] == level:
            parts[-1] = (level, parts[-1][1], end)
        else:
            parts.append((level, low, end))
        low = end
    return parts


def _any_within(moments: Sequence[int], place: Place) -> bool:
    """Whether any quarter of an hour that begins at one of the moments overlaps a slab's time."""
    low, high, _ = place
    return bisect_right(moments, low - QUARTER_MS) < bisect_left(moments, high)


def _read_rows(past: History, missing: Sequence[Place], names: Names) -> Iterable[Slab]:
    """From the calls: one reading per run of neighbours."""
    for run in _runs(missing):
        calls = names.columns(past.counted_calls(run[0][0], run[-1][1]))
        edges = np.searchsorted(calls.started, [low for low, _, _ in run] + [run[-1][1]])
        for low, high in pairwise(edges):
            yield _from_columns(calls, np.arange(low, high), exact=True)


def _from_columns(calls: Columns, rows: NDArray[np.int64], *, exact: bool) -> Slab:
    series, owners = np.unique(calls.series[rows], return_inverse=True)
    sums = np.zeros((len(series), WIDTH))
    np.add.at(sums, owners, calls.sums[rows])
    samples = []
    for measure in calls.measures:
        values = measure[rows]
        known = ~np.isnan(values)
        kept = values[known] if exact else sketch.bins_of(values[known]).astype(np.float64)
        samples.append(Samples(owners[known], kept, np.ones(int(known.sum()), dtype=np.int64)))
    return Slab(series, sums, tuple(samples), exact)


def _runs(missing: Sequence[Place]) -> list[list[Place]]:
    runs: list[list[Place]] = []
    for place in missing:
        if runs and runs[-1][-1][1] == place[0]:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _read_rollups(past: History, missing: Sequence[Place], names: Names) -> Iterable[Slab]:
    """From rollups: as many slabs at once as fit into `_MOST_CELLS` counts."""
    at_once = max(1, _MOST_CELLS // (max(len(names.known), 1) * sketch.BINS))
    for begin in range(0, len(missing), at_once):
        yield from _read_some(past, missing[begin : begin + at_once], names)


def _read_some(past: History, wanted: Sequence[Place], names: Names) -> Iterable[Slab]:
    stored = _stored_buckets(past, wanted)
    starts = np.array([row[0] for row in stored], dtype=np.int64)
    places = np.searchsorted([low for low, _, _ in wanted], starts, side="right") - 1
    series, columns = np.unique(names.numbers_of(past, [row[1] for row in stored]), return_inverse=True)
    cells = places * len(series) + columns
    order = np.argsort(cells, kind="stable")
    used, first = np.unique(cells[order], return_index=True)
    sums = np.zeros((0, WIDTH))
    if stored:
        sums = np.add.reduceat(sums_of([row[2] for row in stored])[order], first, axis=0)
    sketches = zip(*(row[3:] for row in stored), strict=True) if stored else ((), (), ())
    measures = [_binned(stored_sketches, cells) for stored_sketches in sketches]
    slabs, columns_used = np.divmod(used, max(len(series), 1))
    for place in range(len(wanted)):
        begin, end = np.searchsorted(slabs, [place, place + 1])
        own = columns_used[begin:end]
        ranks = np.full(len(series), -1)
        ranks[own] = np.arange(len(own))
        samples = tuple(_of_slab(one, place * len(series), ranks) for one in measures)
        yield Slab(series[own], sums[begin:end], samples, exact=False)


def _stored_buckets(past: History, wanted: Sequence[Place]) -> list[StoredBucket]:
    """The stored buckets that fill the slabs, neighbours of one level in one reading."""
    by_level: dict[int, list[tuple[int, int]]] = {}
    for low, high, _ in wanted:
        for level, begin, end in cover(low, high):
            spans = by_level.setdefault(level, [])
            if spans and spans[-1][1] == begin:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((begin, end))
    return [row for level, spans in by_level.items() for begin, end in spans for row in past.buckets(level, begin, end)]


def _binned(stored: Sequence[bytes], cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stored sketches added up by cell: the used (cell, bin) keys in order, and their counts."""
    owners, bins, counts = sketch.unpack(stored)
    summed = np.bincount(cells[owners] * sketch.BINS + bins, weights=counts)
    used = np.flatnonzero(summed)
    return used, summed[used].astype(np.int64)


def _of_slab(measure: tuple[NDArray[np.int64], NDArray[np.int64]], first: int, ranks: NDArray[np.int64]) -> Samples:
    """The part of a slab, whose first cell is given."""
    keys, counts = measure
    begin, end = np.searchsorted(keys, [first * sketch.BINS, (first + len(ranks)) * sketch.BINS])
    cells, bins = np.divmod(keys[begin:end], sketch.BINS)
    return Samples(ranks[cells - first], bins.astype(np.float64), counts[begin:end])
