"""What the calls of a day or a month cost and hold, whichever copy of the app made them, as of one moment.

Calls that are added up (`calls.counted`) are summed once per quarter of an hour and kept; a batch of the rollups says
which quarters it changed, and only those are summed again. All others, which run or ended within the last second or so,
are read at every look: few rows, by an index of their own. A call goes from these to those in the transaction that
notes the batch, so a look that saw no new batch has every call once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Executable,
    Select,
    bindparam,
    case,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from conductor_core.kinds import Outcome, Source
from conductor_core.store.rollups import QUARTER_MS, UNCOUNTED, Counted
from conductor_core.store.tables import calls, rollup_batches

Bounds = tuple[int, int]
"""A span of time: [from, to) in UTC ms."""

_KEPT = 4
"""How many spans' sums are kept: a day and a month, and those before them."""
_MOST_QUARTERS = 96
"""When more of them changed, all are summed again."""


class Payer(NamedTuple):
    """Whose budgets a call takes from. `ours`: this process made it."""

    provider: str
    key_id: str | None
    ours: bool


class Running(NamedTuple):
    """A call that runs and the most it may cost, in USD; all of them have one order: by begin, then by id."""

    started_at: int
    id: str
    payer: Payer
    usd: float


@dataclass(frozen=True, slots=True)
class Account:
    """One span's: USD of the calls that have ended, by payer, and the calls that run."""

    ended: Mapping[Payer, float]
    running: Sequence[Running]


class _Pending(NamedTuple):
    """What is not added up, and the last batch of every copy, as of one moment."""

    calls: list[tuple[Running, bool]]  # and whether it really runs
    batches: dict[int, int]


class Spending:
    """What calls cost over all copies. Any thread may look.

    Args:
        rows: reads one statement.
        reading: opens a connection that sees the database as of one moment.
        copy: which copy of the app this is; with a new connection it may be another one.
    """

    def __init__(
        self,
        rows: Callable[[Executable, Mapping[str, Any]], list[Any]],
        reading: Callable[[], AbstractContextManager[Connection]],
        copy: Callable[[], int],
    ) -> None:
        self._rows = rows
        self._reading = reading
        self._copy = copy
        self._opened = time.time_ns() // 1_000_000
        self._as_copy = -1
        self._batches: dict[int, int] = {}
        self._kept: dict[Bounds, _Kept] = {}
        self._lock = threading.Lock()
        self._under_way: asyncio.Task[dict[Bounds, Account]] | None = None
        self._next: asyncio.Task[dict[Bounds, Account]] | None = None
        self._wanted: set[Bounds] = set()

    def look(self, spans: Collection[Bounds]) -> dict[Bounds, Account]:
        """Each span's account as it is now.

        Raises:
            StoreError: it can't be read.
        """
        with self._lock:
            copy = self._copy()
            if copy != self._as_copy:  # other rows are ours
                self._kept.clear()
                self._as_copy = copy
            since = min(start for start, _ in spans)
            pending: _Pending | None = None
            if self._kept.keys() >= set(spans):
                pending = self._sorted(self._rows(_pending(), {"since": since}))
            if pending is None or pending.batches != self._batches:
                pending = self._sum_again(spans, since)
            return {span: self._account(span, pending) for span in spans}

    async def look_soon(self, spans: Collection[Bounds]) -> dict[Bounds, Account]:
        """The same for an event loop. Who asks while a look is under way shares the next one with others.

        Raises:
            StoreError: it can't be read.
        """
        self._wanted.update(spans)
        if self._next is None:
            self._next = asyncio.create_task(self._look_after(self._under_way))
        return await asyncio.shield(self._next)

    async def _look_after(self, before: asyncio.Task[dict[Bounds, Account]] | None) -> dict[Bounds, Account]:
        if before and not before.done():
            await asyncio.wait([before])
        # From here on it is too late to join: rows committed from now on may not be seen.
        self._under_way, self._next = self._next, None
        wanted, self._wanted = self._wanted, set()
        return await asyncio.to_thread(self.look, wanted)

    def _sum_again(self, spans: Collection[Bounds], since: int) -> _Pending:
        """Brings kept sums up to date, and reads what is in none of them as of the same moment."""
        kept, self._kept = self._kept, {}  # if this fails, nobody knows what they are worth
        with self._reading() as connection:
            changed = self._changed(connection) if kept else None
            if changed is None or len(changed) > _MOST_QUARTERS:
                kept.clear()
            for span in spans:
                kept[span] = kept.pop(span) if span in kept else _Kept(span)
            for one in kept.values():
                one.sum_again(connection, changed or (), self._as_copy, self._opened)
            pending = self._sorted(connection.execute(_pending(), {"since": since}).all())
        self._kept, self._batches = dict(list(kept.items())[-max(_KEPT, len(spans)) :]), pending.batches
        return pending

    def _changed(self, connection: Connection) -> set[int] | None:
        """The quarters of an hour that batches changed since the last time; None: nobody knows any more."""
        from conductor_core.store.history import History  # numpy: not before calls were added up

        changed, batches = History(connection).quarters_touched(self._batches)
        return changed if batches.keys() >= self._batches.keys() else None

    def _sorted(self, rows: Iterable[Any]) -> _Pending:
        found: list[tuple[Running, bool]] = []
        batches: dict[int, int] = {}
        for copy, number, id, provider, key_id, runs, usd in rows:
            if id is None:
                batches[copy] = number
            else:
                ours = copy == self._as_copy and number >= self._opened
                found.append((Running(number, id, Payer(provider, key_id, ours), usd), bool(runs)))
        return _Pending(found, batches)

    def _account(self, span: Bounds, pending: _Pending) -> Account:
        ended = dict(self._kept[span].total)
        running = []
        for call, runs in pending.calls:
            if not span[0] <= call.started_at < span[1]:
                continue
            if runs:
                running.append(call)
            else:
                ended[call.payer] = ended.get(call.payer, 0.0) + call.usd
        return Account(ended, running)


class _Kept:
    """USD of one span's calls that are added up, by payer, and by quarter of an hour that they began in."""

    def __init__(self, span: Bounds) -> None:
        self._span = span
        self._quarters: dict[int, dict[Payer, float]] | None = None
        self.total: dict[Payer, float] = {}

    def sum_again(self, connection: Connection, changed: Collection[int], copy: int, opened: int) -> None:
        """Sums the quarters that changed; the first time all."""
        parts = [self._span]
        if self._quarters is not None:
            parts = self._parts(changed)
            for quarter in changed:
                self._add(self._quarters.pop(quarter, {}), -1)
        found: dict[int, dict[Payer, float]] = {}
        if parts:
            given = {"our_copy": copy, "our_start": opened}
            for quarter, provider, key_id, ours, usd in connection.execute(_added_up(parts), given):
                found.setdefault(quarter, {})[Payer(provider, key_id, bool(ours))] = usd
        for sums in found.values():
            self._add(sums, 1)
        self._quarters = (self._quarters or {}) | found

    def _parts(self, quarters: Iterable[int]) -> list[Bounds]:
        """What of some quarters lies in the span."""
        since, until = self._span
        starts = [quarter * QUARTER_MS for quarter in sorted(quarters)]
        parts = [(max(start, since), min(start + QUARTER_MS, until)) for start in starts]
        return [(begin, end) for begin, end in parts if begin < end]

    def _add(self, sums: Mapping[Payer, float], sign: int) -> None:
        for payer, usd in sums.items():
            self.total[payer] = self.total.get(payer, 0.0) + sign * usd


_COSTS = (calls.c.source != Source.DRILL, calls.c.cost_usd > 0.0)


@cache
def _pending() -> CompoundSelect[Any]:
    """Copy, begin, id, provider, key, whether it runs, and cost of the calls that are not added up; and of each copy
    the number of its last batch, without an id.

    Made once: it is asked before every call that a budget binds.
    """
    waiting = select(
        calls.c.copy,
        calls.c.started_at,
        calls.c.id,
        calls.c.provider,
        calls.c.api_key_id,
        calls.c.outcome == Outcome.RUNNING,
        calls.c.cost_usd,
    ).where(UNCOUNTED, _is(Counted.NOT_YET), calls.c.started_at >= bindparam("since"), *_COSTS)
    batches = select(rollup_batches.c.copy, func.max(rollup_batches.c.number), *(null() for _ in range(5)))
    return union_all(waiting, batches.group_by(rollup_batches.c.copy))


def _added_up(parts: Sequence[Bounds]) -> Select[Any]:
    """Quarter of an hour since 1970, provider, key, whether they are ours, and cost of the calls that are added up."""
    ours = (calls.c.copy == bindparam("our_copy")) & (calls.c.started_at >= bindparam("our_start"))
    wanted = select(
        (calls.c.started_at // literal_column(str(QUARTER_MS), BigInteger)).label("quarter"),
        calls.c.provider,
        calls.c.api_key_id,
        case((ours, 1), else_=0).label("ours"),
        func.sum(calls.c.cost_usd),
    ).where(
        or_(*((calls.c.started_at >= begin) & (calls.c.started_at < end) for begin, end in parts)),
        ~_is(Counted.NOT_YET),
        *_COSTS,
    )
    return wanted.group_by("quarter", calls.c.provider, calls.c.api_key_id, "ours")


def _is(counted: Counted) -> ColumnElement[bool]:
    return calls.c.counted == literal_column(str(int(counted)))
