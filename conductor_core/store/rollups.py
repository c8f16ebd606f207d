"""Rollups on disk: finished calls are added up in batches, each once, in the transaction that says so on their rows.

That mark, `calls.counted`, takes the part of a watermark: it moves in the same transaction as the buckets, so that the
two can't drift, and unlike a position in a log it also holds for calls that end long after others, or that another copy
of the app left behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Row, bindparam, delete, func, literal_column, select, update

from conductor_core.kinds import Outcome
from conductor_core.metrics.call import COLUMNS
from conductor_core.store.tables import calls, pruned, rollup_batches, rollups, series

if TYPE_CHECKING:
    from conductor_core.metrics.rollup import Bucket

BATCH = 2000
"""Most calls added up at once: about 20 ms, which other rows wait for."""

PAUSE = 1.0
"""Seconds between two batches while there are few calls: what waits is counted from its rows."""

BATCHES_KEPT = 1000

_AT_ONCE = 500  # SQLite before 3.32 takes no more than 999 parameters

QUARTER_MS = 900_000
HOUR_SECONDS = 3600.0
DAY_MS = 86_400_000

CALLS = 0
"""What `pruned.level` says of the calls themselves."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How many days things stay. Day buckets stay for ever, and so do calls when `calls` is None."""

    calls: int | None = None
    minutes: int = 7
    quarters: int = 100
    hours: int = 400

    @property
    def levels(self) -> Mapping[int, int]:
        """By level."""
        return {1: self.minutes, 15: self.quarters, 60: self.hours}


KEEP = Keep()


class Counted(IntEnum):
    """What `calls.counted` says of a finished call."""

    NOT_YET = 0
    YES = 1
    AS_LAST = 2
    """It was counted as the last attempt of its request, and then another one followed."""


UNCOUNTED = calls.c.counted != literal_column(str(int(Counted.YES)))
"""Written as the partial index says it: for a parameter a prepared plan may not know that the index has them all."""


_KEPT = (rollups.c.start, rollups.c.series, rollups.c.sums, rollups.c.latency, rollups.c.ttft, rollups.c.pace)


class Rollups:
    """Adds finished calls up. `add_up` is for the writer's thread alone.

    Args:
        engine: the writer's.
        copy: which copy of the app this is; asked at every batch.
        keep: calls older than it says are deleted once they are added up, and buckets too.
        clock: UTC ms.
    """

    def __init__(
        self,
        engine: Engine,
        copy: Callable[[], int],
        keep: Keep = KEEP,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._engine = engine
        self._copy = copy
        self._keep = keep
        self._clock = clock
        self._series: dict[tuple[str, str, str], int] = {}
        self._prune_at = 0.0

    def add_up(self) -> float | None:
        """Adds up one batch; once an hour also deletes what is kept no longer.

        Returns:
            Seconds until there is more to do; None when there is nothing until more calls end.
        """
        with self._engine.begin() as connection:
            found = connection.execute(_uncounted(), {"most": BATCH}).all()
            known = self._count(connection, found) if found else self._series
        self._series = known  # only now: a batch that was rolled back has no numbers
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + HOUR_SECONDS
            self._prune()
        if not found:
            return None
        return 0.0 if len(found) == BATCH else PAUSE

    def _count(self, connection: Connection, found: Sequence[Row[Any]]) -> dict[tuple[str, str, str], int]:
        from conductor_core.metrics.rollup import Columns, buckets, by_column  # numpy: not before the first call ends

        known = dict(self._series)
        numbers = [self._number(connection, known, row.provider, row.model, row.source) for row in found]
        added = buckets(Columns.of(by_column(found, 4 + len(COLUMNS))[4:], numbers))
        copy = self._copy()
        save_buckets(connection, copy, added)
        note_batch(connection, copy, {bucket.start // QUARTER_MS for bucket in added if bucket.level == 15})
        for start in range(0, len(found), _AT_ONCE):
            connection.execute(_mark_counted(), {"these": [row.id for row in found[start : start + _AT_ONCE]]})
        return known

    def _number(
        self, connection: Connection, known: dict[tuple[str, str, str], int], provider: str, model: str, source: str
    ) -> int:
        key = (provider, model, source)
        if key not in known:
            wanted = select(series.c.id).where(
                series.c.provider == provider, series.c.model == model, series.c.source == source
            )
            row = {"provider": provider, "model": model, "source": source}
            connection.execute(insert_for(connection)(series).on_conflict_do_nothing(), row)
            known[key] = connection.execute(wanted).scalar_one()
        return known[key]

    def _prune(self) -> None:
        now = self._clock()
        with self._engine.begin() as connection:
            for level, days in self._keep.levels.items():
                until = now - days * DAY_MS
                old = delete(rollups).where(rollups.c.level == level, rollups.c.start < until)
                _note_pruned(connection, level, until, connection.execute(old).rowcount)
            if self._keep.calls is not None:
                # Whole days, so that of a day either all rows are there or none.
                begin = (now // DAY_MS - self._keep.calls) * DAY_MS
                old = delete(calls).where(calls.c.started_at < begin, calls.c.counted == Counted.YES)
                _note_pruned(connection, CALLS, begin, connection.execute(old).rowcount)


def _note_pruned(connection: Connection, level: int, until: int, deleted: int) -> None:
    """Says up to when (UTC ms) a level's buckets, or calls, are not there any more."""
    if not deleted:
        return
    here = pruned.c.level == level
    known = connection.execute(select(pruned.c.until).where(here)).scalar() or 0
    connection.execute(delete(pruned).where(here))
    connection.execute(pruned.insert(), {"level": level, "until": max(known, until)})


def save_buckets(connection: Connection, copy: int, added: Iterable[Bucket]) -> None:
    """Adds buckets to what a copy has stored of them."""
    new = {(bucket.level, bucket.start, bucket.series): bucket for bucket in added}
    starts: dict[int, set[int]] = {}
    for level, start, _ in new:
        starts.setdefault(level, set()).add(start)
    for level, of_level in starts.items():
        for stored in _stored(connection, copy, level, sorted(of_level)):
            bucket = new.get((level, stored.start, stored.series))
            if bucket:
                sketches = (stored.latency, stored.ttft, stored.pace)
                new[level, stored.start, stored.series] = bucket.merged(stored.sums, sketches)
    if new:
        connection.execute(_save_rollup(connection), [_row(copy, bucket) for bucket in new.values()])


def _stored(connection: Connection, copy: int, level: int, starts: Sequence[int]) -> Iterator[Any]:
    """A copy's buckets of a level that begin at some moments."""
    wanted = select(*_KEPT).where(
        rollups.c.level == level, rollups.c.copy == copy, rollups.c.start.in_(bindparam("starts", expanding=True))
    )
    for begin in range(0, len(starts), _AT_ONCE):
        yield from connection.execute(wanted, {"starts": starts[begin : begin + _AT_ONCE]})


def _row(copy: int, bucket: Bucket) -> dict[str, Any]:
    latency, ttft, pace = bucket.sketches
    return {
        "level": bucket.level,
        "start": bucket.start,
        "series": bucket.series,
        "copy": copy,
        "sums": bucket.sums,
        "latency": latency,
        "ttft": ttft,
        "pace": pace,
    }


def insert_for(connection: Connection) -> Callable[[Any], Any]:
    """INSERT … ON CONFLICT is each dialect's own construct."""
    from conductor_core.store.statements import insert_of

    return insert_of(connection.dialect)


def _save_rollup(connection: Connection) -> Any:
    statement = insert_for(connection)(rollups)
    kept = {name: statement.excluded[name] for name in ("sums", "latency", "ttft", "pace")}
    return statement.on_conflict_do_update(index_elements=["level", "start", "series", "copy"], set_=kept)


def _uncounted() -> Any:
    """Finished calls that are not added up, or not rightly; on PostgreSQL those no other copy is just adding up."""
    whose = (calls.c.id, calls.c.provider, calls.c.model, calls.c.source)
    wanted = select(*whose, *(calls.c[name] for name in COLUMNS)).where(UNCOUNTED, calls.c.outcome != Outcome.RUNNING)
    oldest = wanted.order_by(calls.c.started_at).limit(bindparam("most"))
    return oldest.with_for_update(skip_locked=True)


def _mark_counted() -> Any:
    return update(calls).where(calls.c.id.in_(bindparam("these", expanding=True))).values(counted=int(Counted.YES))


def note_batch(connection: Connection, copy: int, quarters: set[int]) -> None:
    """Notes which buckets changed, so that whoever keeps some in memory reads those again."""
    last = connection.execute(select(func.max(rollup_batches.c.number)).where(rollup_batches.c.copy == copy)).scalar()
    number = (last or 0) + 1
    stored = b"".join(quarter.to_bytes(4, "little") for quarter in sorted(quarters))
    connection.execute(rollup_batches.insert(), {"copy": copy, "number": number, "quarters": stored})
    old = (rollup_batches.c.copy == copy) & (rollup_batches.c.number <= number - BATCHES_KEPT)
    connection.execute(delete(rollup_batches).where(old))
