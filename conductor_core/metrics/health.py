"""Health: every figure of every span, from the user's own calls, whether there are twelve or ten million.

Below `EXACT_BELOW` calls in a span percentiles are of the calls themselves; above they are read from sketches, within
1 %. All else is always exact. What one answer shows is from one moment. Any thread may ask.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from conductor_core.metrics.cells import Totals
from conductor_core.metrics.figures import NO_FILTER, ROWS_AT_MOST, Filter, Overview
from conductor_core.metrics.overview import SPREAD_EDGES, By, Groups, overview
from conductor_core.metrics.rollup import LEVELS, MINUTE_MS
from conductor_core.metrics.slabs import Slab, Slabs, empty_slab, joined, pending_slabs
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


@dataclass(frozen=True, slots=True)
class _Seen:
    """The slabs of a span as of one moment, with what is pending in them."""

    slabs: list[Slab]
    pending: int
    stale: int


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
            exact = self._exact(past, span)
            span = span if exact else self._storable(past, span)
            seen = self._seen(past, span, exact=exact)
            before = self._before(past, span.before) if compare else None
            groups = Groups.of(self._slabs.names, by, filter)
            about = {"pending": seen.pending, "stale": seen.stale}
            return overview(span, seen.slabs, before, groups, filter, past, self._totals, **about)

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

    def _seen(self, past: History, span: Span, *, exact: bool) -> _Seen:
        slabs = self._slabs.of(past, span.edges, exact=exact)
        rows = past.pending_calls(span.since, span.until, PENDING_AT_MOST)
        if not rows:
            return _Seen(slabs, 0, 0)
        stale = 0
        if len(rows) == PENDING_AT_MOST:
            stale = past.count_pending(span.since, span.until) - len(rows)
        for place, slab in pending_slabs(self._slabs.names.columns(rows), span.edges, exact=exact).items():
            slabs[place] = joined(slabs[place], slab)
        return _Seen(slabs, len(rows), stale)

    def _before(self, past: History, before: Span) -> tuple[Span, Slab]:
        exact = self._exact(past, before)
        before = before if exact else self._storable(past, before)
        return before, self._seen(past, before, exact=exact).slabs[0]

    def _of_rows(self, past: History, span: Span, by: By, filter: Filter) -> Overview:
        """For what only rows know: read anew each time, and at most so many."""
        wanted = call_rows.conditions((span.since, span.until), filter)
        rows = past.calls(wanted, ROWS_AT_MOST)
        stale = past.count(wanted) - len(rows) if len(rows) == ROWS_AT_MOST else 0
        found = pending_slabs(self._slabs.names.columns(rows), span.edges, exact=True)
        slabs = [found.get(place) or empty_slab(exact=True) for place in range(len(span.starts))]
        groups = Groups.of(self._slabs.names, by, filter)
        return overview(span, slabs, None, groups, filter, past, Totals(SPREAD_EDGES), pending=0, stale=stale)

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
