"""Health: every figure of every span, from the user's own calls, whether there are twelve or ten million.

Below `EXACT_BELOW` calls in a span percentiles are of the calls themselves; above they are read from sketches, within
1 %. All else is always exact. What one answer shows is from one moment. Any thread may ask.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from conductor_core.metrics.call import COLUMNS
from conductor_core.metrics.cells import Totals
from conductor_core.metrics.figures import NO_FILTER, ROWS_AT_MOST, Filter, Overview
from conductor_core.metrics.overview import SPREAD_EDGES, By, Groups, overview
from conductor_core.metrics.rollup import LEVELS, MINUTE_MS
from conductor_core.metrics.slab import Slab, empty_slab, joined
from conductor_core.metrics.slabs import Slabs, pending_slabs
from conductor_core.metrics.span import DAY, Span
from conductor_core.store import call_rows
from conductor_core.store.call_rows import NEWEST_FIRST, CallOrder, CallPage, Cursor
from conductor_core.store.rollups import CALLS

if TYPE_CHECKING:
    from conductor_core.metrics.call import Call
    from conductor_core.store.database import Store
    from conductor_core.store.history import History

EXACT_BELOW = 10_000
"""So many calls are read one by one."""

PENDING_AT_MOST = 20_000
"""More calls than these are not read in addition to the rollups; they are said to be missing."""


ANSWERS_KEPT = 16
"""Overviews of a few readers, answered again as they are while nothing has changed."""

_STARTED = 3 + COLUMNS.index("started_at")


@dataclass(frozen=True, slots=True)
class _Version:
    """What the figures of a span go by: equal versions have equal figures.

    Attributes:
        batches: the last batch of every copy that is added up.
        pending: the rows of calls that are not, the newest first.
    """

    batches: dict[int, int]
    pending: list[tuple[Any, ...]]

    def within(self, span: Span) -> list[tuple[Any, ...]]:
        return [row for row in self.pending if span.since <= row[_STARTED] < span.until]


class Health:
    """The figures of one installation.

    Args:
        store: where calls and rollups are.
        exact_below: `EXACT_BELOW`, unless a test wants sketches of few calls.
    """

    def __init__(self, store: Store, exact_below: int = EXACT_BELOW) -> None:
        self._store = store
        self._exact_below = exact_below
        self._slabs = Slabs()
        self._totals = Totals(SPREAD_EDGES)
        self._answers: OrderedDict[object, tuple[_Version, Overview]] = OrderedDict()
        self._one_at_a_time = threading.Lock()

    def overview(
        self, span: Span, by: By = "provider", filter: Filter = NO_FILTER, *, compare: bool = False
    ) -> Overview:
        """Everything the Health page draws of a span.

        Where only coarser buckets are kept of a time so long ago, the answer's span has those.

        Args:
            compare: also the figures of the span before.
        """
        if filter.of_rows:
            with self._store.history() as past:
                return self._of_rows(past, span, by, filter)
        # Snapshots in turn: one older than what is kept in memory would have to read everything anew.
        with self._one_at_a_time, self._store.history() as past:
            since = span.before.since if compare else span.since
            # A day more on either side: coarser buckets may reach that far.
            pending = past.pending_calls(since - DAY, span.until + DAY, PENDING_AT_MOST)
            version = _Version(past.batches_seen(), pending)
            asked = (span, by, filter, compare)
            known = self._answers.get(asked)
            if known and known[0] == version:
                return known[1]
            answer = self._answer(past, version, span, by, filter, compare=compare)
            self._answers[asked] = version, answer
            self._answers.move_to_end(asked)
            if len(self._answers) > ANSWERS_KEPT:
                self._answers.popitem(last=False)
            return answer

    def calls(
        self,
        span: Span,
        filter: Filter = NO_FILTER,
        order: CallOrder = NEWEST_FIRST,
        after: Cursor | None = None,
        limit: int = 50,
    ) -> CallPage:
        """A page of the calls of a span; `after` is where the page before ended."""
        return call_rows.page(self._store, (span.since, span.until), filter, order, after, limit)

    def call(self, id: str) -> Call:
        """One call.

        Raises:
            NotFound: there is none, or its row is kept no longer.
        """
        return call_rows.one(self._store, id)

    def attempts(self, call: Call) -> list[Call]:
        """Every attempt of a call's request, the first one first."""
        return call_rows.attempts(self._store, call)

    def export(self, span: Span, filter: Filter = NO_FILTER, most: int = 1_000_000) -> Iterator[list[Call]]:
        """The calls of a span in blocks, the newest first."""
        after: Cursor | None = None
        left = most
        while left > 0:
            page = self.calls(span, filter, NEWEST_FIRST, after, min(left, 5_000))
            if page.calls:
                yield page.calls
            left -= len(page.calls)
            after = page.next
            if after is None:
                return

    def _exact(self, past: History, span: Span) -> bool:
        """Whether the calls themselves can be read: there are few of them, and all of them are still there."""
        if past.has_more_than(self._exact_below, span.since, span.until):
            return False
        return span.since >= past.pruned().get(CALLS, 0)

    def _answer(
        self, past: History, version: _Version, span: Span, by: By, filter: Filter, *, compare: bool
    ) -> Overview:
        exact = self._exact(past, span)
        span = span if exact else self._storable(past, span)
        stale = 0
        if len(version.pending) == PENDING_AT_MOST:
            stale = max(0, past.count_pending(span.since, span.until) - len(version.within(span)))
        slabs = self._slabs_of(past, version, span, exact=exact)
        before = self._before(past, version, span.before) if compare else None
        groups = Groups.of(self._slabs.names, by, filter)

        def whole() -> list[Slab]:
            """Days and hours have the samples of quarters in far fewer bins."""
            if exact or span.edges[1] - span.edges[0] >= DAY:
                return slabs
            return self._slabs_of(past, version, Span((span.since, span.until)), exact=False)

        together = self._totals.of((len(slabs), span.until - span.since), slabs, groups.grouping, whole)
        about = {"pending": len(version.within(span)), "stale": stale}
        return overview(span, slabs, before, together, groups, filter, past, **about)

    def _slabs_of(self, past: History, version: _Version, span: Span, *, exact: bool) -> list[Slab]:
        """The slabs of a span, with what is pending in them."""
        slabs = self._slabs.of(past, span.edges, exact=exact)
        rows = version.within(span)
        if rows:
            for place, slab in pending_slabs(self._slabs.names.of_rows(rows), span.edges, exact=exact).items():
                slabs[place] = joined(slabs[place], slab)
        return slabs

    def _before(self, past: History, version: _Version, before: Span) -> tuple[Span, Slab]:
        exact = self._exact(past, before)
        before = before if exact else self._storable(past, before)
        return before, self._slabs_of(past, version, before, exact=exact)[0]

    def _of_rows(self, past: History, span: Span, by: By, filter: Filter) -> Overview:
        """For what only rows know: read anew each time, and at most so many."""
        wanted = call_rows.conditions((span.since, span.until), filter)
        rows = past.calls(wanted, ROWS_AT_MOST)
        stale = past.count(wanted) - len(rows) if len(rows) == ROWS_AT_MOST else 0
        found = pending_slabs(self._slabs.names.of_rows(rows), span.edges, exact=True)
        slabs = [found.get(place) or empty_slab(exact=True) for place in range(len(span.starts))]
        groups = Groups.of(self._slabs.names, by, filter)
        together = Totals(SPREAD_EDGES).of(span, slabs, groups.grouping, lambda: slabs)
        return overview(span, slabs, None, together, groups, filter, past, pending=0, stale=stale)

    @staticmethod
    def _storable(past: History, span: Span) -> Span:
        """The span in buckets that rollups have: whole minutes, and of long ago no finer than what is kept."""
        edges = _coarser(span.edges, MINUTE_MS)
        pruned = past.pruned()
        for level, next_level in pairwise(LEVELS):
            # A day is put together from what lies around it, too.
            if edges[0] - DAY < pruned.get(level, 0):
                edges = _coarser(edges, next_level * MINUTE_MS)
        return Span(edges)


def _coarser(edges: Sequence[int], width: int) -> tuple[int, ...]:
    """Edges on multiples of a width that cover the same time."""
    below = sorted({edge // width * width for edge in edges[:-1]})
    return (*below, -(-edges[-1] // width) * width)
