"""Figures of buckets by group: of single ones, and of all buckets of a span together."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conductor_core.metrics import sketch
from conductor_core.metrics.rollup import MEASURES, added_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from conductor_core.metrics.slab import Samples, Slab

KEPT = 12
"""Spans whose samples stay added up: those that a few readers look at in turn."""


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
        quantiles: of each measure a row per group with a number per share.
        samples: of each measure how many samples each row has.
        exact: the samples of each measure, where they are known one by one.
    """

    sums: NDArray[np.float64]
    quantiles: tuple[NDArray[np.float64], ...]
    samples: tuple[NDArray[np.int64], ...]
    exact: tuple[Exact, ...] = ()

    @classmethod
    def of(cls, slab: Slab, grouping: Grouping) -> Cells:
        groups = grouping.of[slab.series]
        counted = groups >= 0
        by_group = added_up(slab.sums[counted], groups[counted], grouping.number)
        sums = np.vstack((by_group, by_group.sum(axis=0)))
        measures = measures_of([slab], grouping)
        quantiles, sizes = zip(*((one.quantiles(), one.sizes()) for one in measures), strict=True)
        return cls(sums, quantiles, sizes, tuple(one for one in measures if isinstance(one, Exact)))


@dataclass(frozen=True, slots=True)
class Binned:
    """Samples by group as counts per bin; the last row is all of them."""

    counts: NDArray[np.int64]

    @classmethod
    def of(cls, samples: Iterable[tuple[NDArray[np.int64], NDArray[Any]]], number: int) -> Binned:
        """Of groups from 0 to `number` - 1: keys, which are a group's number times `BINS`, and the bin; and counts."""
        summed = np.zeros(number * sketch.BINS)
        # Not all at once: those of three months do not fit into the processor's cache, which takes twice as long.
        for keys, counts in samples:
            summed += np.bincount(keys, weights=counts, minlength=len(summed))
        shaped = summed.astype(np.int64).reshape(number, sketch.BINS)
        return cls(np.vstack((shaped, shaped.sum(axis=0))))

    def quantiles(self) -> NDArray[np.float64]:
        return sketch.quantiles(self.counts)

    def sizes(self) -> NDArray[np.int64]:
        sizes: NDArray[np.int64] = self.counts.sum(axis=1)
        return sizes

    def spreads(self, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many samples of each group lie between each two edges; beyond the outer ones count with the outermost."""
        groups, bins = np.nonzero(self.counts[:-1])
        counts = self.counts[groups, bins]
        return _spread(groups, sketch.MIDDLES[bins], counts, len(self.counts) - 1, edges)


@dataclass(frozen=True, slots=True)
class Exact:
    """Samples by group as they are."""

    groups: NDArray[np.int64]
    values: NDArray[np.float64]
    number: int

    def quantiles(self) -> NDArray[np.float64]:
        return sketch.exact_quantiles(self.groups, self.values, self.number)

    def sizes(self) -> NDArray[np.int64]:
        sizes = np.bincount(self.groups, minlength=self.number)
        return np.concatenate((sizes, [len(self.groups)]))

    def spreads(self, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        return _spread(self.groups, self.values, None, self.number, edges)


def _spread(
    groups: NDArray[np.int64],
    values: NDArray[np.float64],
    counts: NDArray[np.int64] | None,
    number: int,
    edges: NDArray[np.float64],
) -> NDArray[np.int64]:
    bars = len(edges) - 1
    places = groups * bars + np.searchsorted(edges[1:-1], values, side="right")
    return np.bincount(places, weights=counts, minlength=number * bars).astype(np.int64).reshape(number, bars)


Measure = Binned | Exact


def measures_of(slabs: Sequence[Slab], grouping: Grouping) -> tuple[Measure, ...]:
    """The samples of some slabs together, by group; of each measure."""
    if slabs[0].exact and len(slabs) > 1:
        by_slab = [slab.cells(grouping).exact for slab in slabs]
        return tuple(_together(of, grouping.number) for of in zip(*by_slab, strict=True))
    return tuple(_measure(slabs, place, grouping) for place in range(len(MEASURES)))


def _together(of: Sequence[Exact], number: int) -> Exact:
    return Exact(np.concatenate([one.groups for one in of]), np.concatenate([one.values for one in of]), number)


def _measure(slabs: Sequence[Slab], place: int, grouping: Grouping) -> Measure:
    counted = (_counted(slab, slab.samples[place], grouping) for slab in slabs)
    if slabs[0].exact:
        groups, values, _ = zip(*counted, strict=True)
        return Exact(chained(groups), chained(values), grouping.number)
    return Binned.of(((groups * sketch.BINS + bins, counts) for groups, bins, counts in counted), grouping.number)


def _counted(slab: Slab, samples: Samples, grouping: Grouping) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
    """Of the samples of any group: the group, the value, and how often it occurs."""
    groups = grouping.of[slab.series]
    owners, values, counts = samples.owners, samples.values, samples.counts
    if (groups < 0).any():
        used = (groups >= 0)[owners]
        owners, values, counts = owners[used], values[used], counts[used]
    return groups[owners], values, counts


def chained(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Arrays one after the other; a single one is not copied."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


@dataclass(frozen=True, slots=True)
class Total:
    """All buckets of a span together: samples of each measure, their percentiles and how many they are, as in `Cells`.

    Attributes:
        spreads: of the first measure, latency, by group how many samples lie between each two edges.
    """

    measures: tuple[Measure, ...]
    quantiles: tuple[NDArray[np.float64], ...]
    samples: tuple[NDArray[np.int64], ...]
    spreads: NDArray[np.int64]

    @classmethod
    def of(cls, measures: tuple[Measure, ...], edges: NDArray[np.float64]) -> Total:
        return cls(
            measures,
            tuple(one.quantiles() for one in measures),
            tuple(one.sizes() for one in measures),
            measures[0].spreads(edges),
        )


class Totals:
    """Totals of whole spans, kept from look to look: where few buckets changed, only those are taken out and put in.

    Any thread may ask.

    Args:
        edges: of the bars of the latencies' distribution.
    """

    def __init__(self, edges: NDArray[np.float64]) -> None:
        self._edges = edges
        self._kept: OrderedDict[object, tuple[Sequence[Slab], Total]] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self, about: object, slabs: Sequence[Slab], grouping: Grouping, whole: Callable[[], Sequence[Slab]]
    ) -> Total:
        """The total of a span.

        Args:
            about: equal for spans that follow one another.
            whole: the same samples once more, perhaps in fewer entries; asked where all have to be added up.
        """
        key = (about, slabs[0].exact, grouping.key)
        with self._lock:
            before = self._kept.get(key)
        found = self._made(before, slabs, grouping, whole)
        with self._lock:
            self._kept[key] = (slabs, found)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _made(
        self,
        before: tuple[Sequence[Slab], Total] | None,
        slabs: Sequence[Slab],
        grouping: Grouping,
        whole: Callable[[], Sequence[Slab]],
    ) -> Total:
        measures = _changed(before[0], before[1].measures, slabs, grouping) if before else None
        if before and measures is before[1].measures:
            return before[1]
        return Total.of(measures or measures_of(whole(), grouping), self._edges)


def _changed(
    before: Sequence[Slab], measures: tuple[Measure, ...], slabs: Sequence[Slab], grouping: Grouping
) -> tuple[Measure, ...] | None:
    """The measures with what changed taken out and put in; None, where it is less work to add all up anew."""
    were, are = {id(slab) for slab in before}, {id(slab) for slab in slabs}
    gone = [slab for slab in before if id(slab) not in are]
    come = [slab for slab in slabs if id(slab) not in were]
    if not gone and not come:
        return measures
    if slabs[0].exact or 2 * (len(gone) + len(come)) > len(slabs):
        return None
    counts = [one.counts for one in measures if isinstance(one, Binned)]
    for some, sign in ((gone, -1), (come, 1)):
        if some:
            added = [one.counts for one in measures_of(some, grouping) if isinstance(one, Binned)]
            counts = [ours + sign * theirs for ours, theirs in zip(counts, added, strict=True)]
    return tuple(Binned(one) for one in counts)
