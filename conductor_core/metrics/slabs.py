"""Buckets of a chart in memory, each read once: from rollups, or exactly, from the calls themselves.

A slab is out of date when a batch of newly added-up calls touched its time; only then is it read again. So what a page
costs does not grow with the number of calls, and what a refresh costs not with the length of the span.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from conductor_core.metrics.call import COLUMNS
from conductor_core.metrics.reading import has_minutes, read_minutes, read_rollups
from conductor_core.metrics.rollup import MINUTE_MS, Columns, Entries, by_column
from conductor_core.metrics.slab import Slab, joined, slab_of, slabs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from conductor_core.store.history import History

    Place = tuple[int, int, bool]

QUARTER_MS = 900_000
KEPT = 600
"""Slabs in memory: all ranges of a few readers."""


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

    def columns(self, calls: Sequence[Sequence[Any]]) -> Columns:
        """What `History.counted_calls` returns."""
        return Columns.of(calls[3:], list(map(self.number, *calls[:3])))

    def of_rows(self, rows: Sequence[tuple[Any, ...]]) -> Columns:
        """What `History.pending_calls` and `History.calls` return."""
        return self.columns(by_column(rows, 3 + len(COLUMNS)))


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
                read = _read_exactly if exact else read_rollups
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
    found = {}
    for place in np.unique(places).tolist():
        rows = np.flatnonzero(places == place)
        samples = [_known(of[rows]) for of in calls.measures]
        found[place] = slab_of(calls.series[rows], calls.sums[rows], samples, exact=exact)
    return found


def _any_within(moments: Sequence[int], place: Place) -> bool:
    """Whether any quarter of an hour that begins at one of the moments overlaps a slab's time."""
    low, high, _ = place
    return bisect_right(moments, low - QUARTER_MS) < bisect_left(moments, high)


def _read_exactly(past: History, missing: Sequence[Place], names: Names) -> Iterator[Slab]:
    """Whole minutes from what is kept of them, where that is enough; all else from the calls."""
    of_places = [_parts(past, place) for place in missing]
    found: dict[Place, Slab | None] = dict.fromkeys(part for parts in of_places for part in parts)
    for run in _runs([part for part in found if has_minutes(past, part)]):
        found.update(zip(run, read_minutes(past, run, names), strict=True))
    for run in _runs([part for part, slab in found.items() if slab is None]):
        found.update(zip(run, _read_rows(past, run, names), strict=True))
    for parts in of_places:
        yield reduce(joined, [slab for part in parts if (slab := found[part])])


def _parts(past: History, place: Place) -> list[Place]:
    """A place cut into its whole minutes and what lies around them, if those are kept."""
    low, high, exact = place
    first, last = -(-low // MINUTE_MS) * MINUTE_MS, high // MINUTE_MS * MINUTE_MS
    if first >= last or not has_minutes(past, (first, last, exact)):
        return [place]
    return [(begin, end, exact) for begin, end in ((low, first), (first, last), (last, high)) if begin < end]


def _read_rows(past: History, run: Sequence[Place], names: Names) -> Iterator[Slab]:
    calls = names.columns(past.counted_calls(run[0][0], run[-1][1]))
    edges = np.searchsorted(calls.started, [low for low, _, _ in run] + [run[-1][1]])
    yield from slabs_of(
        calls.series, Entries.of_rows(calls.sums), [_known(of) for of in calls.measures], edges, exact=True
    )


def _known(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where there are any, and they."""
    places = np.flatnonzero(~np.isnan(values))
    return places, values[places]


def _runs(missing: Sequence[Place]) -> list[list[Place]]:
    runs: list[list[Place]] = []
    for place in missing:
        if runs and runs[-1][-1][1] == place[0]:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs
