"""What happened, as of one moment: calls, rollups and which of them changed, all from one snapshot of the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, false, func, literal_column, select

from conductor_core.kinds import Outcome, Source
from conductor_core.metrics.call import COLUMNS
from conductor_core.metrics.figures import Filter
from conductor_core.store.rollups import UNCOUNTED, Counted
from conductor_core.store.tables import calls, pruned, rollup_batches, rollups, series

_ROWS_AT_ONCE = 200

_WHOSE = (calls.c.provider, calls.c.model, calls.c.source)
_ADDED_UP = {name: calls.c[name] for name in COLUMNS}
_AS_THEY_ARE: Iterable[Any] = (_ADDED_UP | {"counted": literal_column(str(int(Counted.YES)))}).values()
_AS_COUNTED: Iterable[Any] = (
    _ADDED_UP
    | {
        "superseded": case((calls.c.counted == Counted.AS_LAST, false()), else_=calls.c.superseded),
        "counted": literal_column(str(int(Counted.YES))),
    }
).values()
_FINISHED = calls.c.outcome != Outcome.RUNNING


# Made once: making a statement costs more than asking it, and all of these are asked at every look.
_SPAN = (calls.c.started_at >= bindparam("since"), calls.c.started_at < bindparam("until"))
_BATCHES_SEEN = select(rollup_batches.c.copy, func.max(rollup_batches.c.number)).group_by(rollup_batches.c.copy)
_QUARTERS = select(rollup_batches.c.quarters).where(
    rollup_batches.c.copy == bindparam("copy"), rollup_batches.c.number > bindparam("since")
)
_COUNTED = (
    select(*_WHOSE, *_AS_COUNTED)
    .where(*_SPAN, calls.c.counted != Counted.NOT_YET, _FINISHED)
    .order_by(calls.c.started_at)
)
_PENDING = (
    select(*_WHOSE, *_ADDED_UP.values())
    .where(UNCOUNTED, *_SPAN, _FINISHED)
    .order_by(calls.c.started_at.desc())
    .limit(bindparam("most"))
)
_COUNT_PENDING = select(func.count()).select_from(calls).where(UNCOUNTED, *_SPAN, _FINISHED)
_ONE_MORE = select(calls.c.started_at).where(*_SPAN).offset(bindparam("number")).limit(1)
_PRUNED = select(pruned.c.level, pruned.c.until)


@cache
def _last_end(models: bool, sources: bool, conversation: bool, drill: bool) -> Select[Any]:
    wanted = select(calls.c.outcome, calls.c.http_status, calls.c.started_at).where(
        calls.c.provider == bindparam("provider"),
        calls.c.outcome.in_(bindparam("outcomes", expanding=True)),
        *_SPAN,
        calls.c.source == Source.DRILL if drill else calls.c.source != Source.DRILL,
    )
    if models:
        wanted = wanted.where(calls.c.model.in_(bindparam("models", expanding=True)))
    if sources:
        wanted = wanted.where(calls.c.source.in_(bindparam("sources", expanding=True)))
    if conversation:
        wanted = wanted.where(calls.c.conversation_id == bindparam("conversation"))
    return wanted.order_by(calls.c.started_at.desc()).limit(1)


class History:
    """Reads of one snapshot; made by `Store.history`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pruned: dict[int, int] | None = None
        self._batches: dict[int, int] | None = None

    def series(self) -> list[tuple[int, str, str, str]]:
        """Number, provider, model and source of every series."""
        return self._rows(select(series.c.id, series.c.provider, series.c.model, series.c.source))

    def batches_seen(self) -> dict[int, int]:
        """The number of the last batch of every copy of the app."""
        if self._batches is None:
            self._batches = dict(self._rows(_BATCHES_SEEN))
        return self._batches

    def quarters_touched(self, seen: Mapping[int, int]) -> tuple[set[int] | None, dict[int, int]]:
        """The quarters of an hour (since 1970) that batches after those seen changed, and what is seen now.

        None instead of quarters: some of those batches are not kept any more.
        """
        now = self.batches_seen()
        quarters: set[int] = set()
        for copy, last in now.items():
            since = seen.get(copy, 0)
            if since == last:
                continue
            found = self._rows(_QUARTERS, copy=copy, since=since)
            if len(found) != last - since:
                return None, now
            for (stored,) in found:
                quarters.update(memoryview(stored).cast("I"))
        return quarters, now

    def buckets(self, level: int, spans: Sequence[tuple[int, int]]) -> list[list[Any]]:
        """The buckets of a level that begin in one of some spans (UTC ms, ends excluded), of every copy, by start.

        Returns:
            Column by column: starts in UTC ms, series, sums, and the three sketches.
        """
        columns = (rollups.c.start, rollups.c.series, rollups.c.sums, rollups.c.latency, rollups.c.ttft, rollups.c.pace)
        wanted = select(*columns).where(rollups.c.level == level)
        if len(spans) == 1:
            [(since, until)] = spans
            wanted = wanted.where(rollups.c.start >= since, rollups.c.start < until)
        else:
            starts = [start for since, until in spans for start in range(since, until, level * 60_000)]
            wanted = wanted.where(rollups.c.start.in_(starts))
        return self._columns(wanted.order_by(rollups.c.start))

    def counted_calls(self, since: int, until: int) -> list[list[Any]]:
        """Of the calls begun in [since, until) that are added up, column by column, the oldest first.

        As they were added up: one that was taken for its request's last attempt is one here too.

        Returns:
            Providers, models, sources and `COLUMNS`.
        """
        return self._columns(_COUNTED, since=since, until=until)

    def pending_calls(self, since: int, until: int, most: int) -> list[tuple[Any, ...]]:
        """The same row by row of those that are not added up yet, or not rightly; at most so many, the newest."""
        return self._rows(_PENDING, since=since, until=until, most=most)

    def count_pending(self, since: int, until: int) -> int:
        return int(self._connection.execute(_COUNT_PENDING, {"since": since, "until": until}).scalar_one())

    def calls(self, wanted: Sequence[Any], limit: int) -> list[tuple[Any, ...]]:
        """The same of the newest finished calls that meet some conditions, whether added up or not."""
        found = select(*_WHOSE, *_AS_THEY_ARE).where(_FINISHED, *wanted)
        return self._rows(found.order_by(calls.c.started_at.desc()).limit(limit))

    def count(self, wanted: Sequence[Any]) -> int:
        """How many calls meet some conditions."""
        return int(self._connection.execute(select(func.count()).select_from(calls).where(*wanted)).scalar_one())

    def has_more_than(self, number: int, since: int, until: int) -> bool:
        """Whether so many calls and more were begun in [since, until) UTC ms."""
        return len(self._rows(_ONE_MORE, since=since, until=until, number=number)) > 0

    def pruned(self) -> dict[int, int]:
        """By level, or `CALLS`: from when on (UTC ms) all is there; without an entry nothing was ever deleted."""
        if self._pruned is None:
            self._pruned = dict(self._rows(_PRUNED))
        return self._pruned

    def last_end(
        self, provider: str, outcomes: Sequence[Outcome], span: tuple[int, int], filter: Filter
    ) -> tuple[str, int | None, int] | None:
        """Outcome, HTTP status and begin (UTC ms) of a provider's newest call in a span that ended in one of some ways.

        Args:
            filter: what else it has to meet.
        """
        wanted = _last_end(bool(filter.models), bool(filter.sources), bool(filter.conversation), filter.drill)
        given: dict[str, Any] = {"provider": provider, "outcomes": outcomes, "since": span[0], "until": span[1]}
        given |= {name: value for name in ("models", "sources", "conversation") if (value := getattr(filter, name))}
        row = self._connection.execute(wanted, given).first()
        return row and (row.outcome, row.http_status, row.started_at)

    def _rows(self, statement: Select[Any], **given: Any) -> list[Any]:
        return list(self._connection.execute(statement, given).all())

    def _columns(self, statement: Select[Any], **given: Any) -> list[list[Any]]:
        """What is found, column by column, as the driver gives it; thousands of rows would keep the collector busy."""
        result = self._connection.execute(statement, given)
        columns: list[list[Any]] = [[] for _ in result.cursor.description]
        while rows := result.cursor.fetchmany(_ROWS_AT_ONCE):
            for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend(values)
        return columns
