"""A slab: what the calls begun in one bucket of a chart add up to, by series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from conductor_core.metrics import sketch
from conductor_core.metrics.cells import Cells, Grouping
from conductor_core.metrics.rollup import WIDTH, Entries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from conductor_core.metrics.figures import LastError


@dataclass(slots=True)
class Slab:
    """What the calls begun in one bucket of a chart add up to, by series.

    Attributes:
        series: numbers of the series that occur …
        sums: … and a row of sums for each.
        samples: of each measure the samples, whose each is (a place in `series`), what it is (a bin, or when `exact`
            the value), and how often it occurs.
        memo: what was made of it for one way of grouping.
        last_errors: what was found in it of some filters.
    """

    series: NDArray[np.int64]
    sums: NDArray[np.float64]
    samples: tuple[Samples, ...]
    exact: bool
    memo: dict[object, Cells] = field(default_factory=dict)
    last_errors: dict[object, LastError | None] = field(default_factory=dict)

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

    owners: NDArray[Any]
    values: NDArray[Any]
    counts: NDArray[Any]


_NO_SAMPLES = Samples(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.int64))


def empty_slab(*, exact: bool) -> Slab:
    """No calls. Not a constant, since what is made of it for one installation is kept in it."""
    return Slab(np.zeros(0, dtype=np.int64), np.zeros((0, WIDTH)), (_NO_SAMPLES,) * 3, exact)


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


def slab_of(
    series: NDArray[np.int64],
    sums: NDArray[np.float64],
    samples: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
    *,
    exact: bool,
) -> Slab:
    """The slab of some rows, each of one series.

    Args:
        series, sums: by row.
        samples: of each measure, which row each sample is of, and its value.
        exact: values are kept as they are; else as bins.
    """
    [slab] = slabs_of(series, Entries.of_rows(sums), samples, [0, len(series)], exact=exact)
    return slab


def slabs_of(
    series: NDArray[np.int64],
    sums: Entries,
    samples: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
    edges: Sequence[int] | NDArray[np.int64],
    *,
    exact: bool,
) -> list[Slab]:
    """The slabs of neighbouring rows, told apart in one go: what stands between two edges is a slab; see `slab_of`.

    Args:
        samples: in the order of their rows.
    """
    number = len(edges) - 1
    places = np.repeat(np.arange(number), np.diff(edges))
    width = int(series.max(initial=0)) + 1
    keys, owners, summed = by_series(places * width + series, sums)
    begins = np.searchsorted(keys, np.arange(number + 1) * width)
    distinct = keys % width
    owners -= begins[places]
    kept = [
        (
            np.searchsorted(rows, edges),
            owners[rows],
            values if exact else sketch.bins_of(values),
            np.ones(len(rows), dtype=np.int64),
        )
        for rows, values in samples
    ]
    of_slabs = [
        [Samples(whose[low:high], what[low:high], counts[low:high]) for low, high in pairwise(ends.tolist())]
        for ends, whose, what, counts in kept
    ]
    return [
        Slab(distinct[low:high], summed[low:high], of, exact)
        for (low, high), of in zip(pairwise(begins.tolist()), zip(*of_slabs, strict=True), strict=True)
    ]


def by_series(
    series: NDArray[np.int64], sums: Entries
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Which series rows have, the place of each row's among them, and the rows added up by series."""
    distinct, owners = np.unique(series, return_inverse=True)
    return distinct, owners, sums.added_up(owners, len(distinct))
