"""Single calls, page by page: what stands behind every figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import ColumnElement, func, select, tuple_

from conductor_core.errors import NotFound
from conductor_core.kinds import Outcome, Source
from conductor_core.metrics.figures import Filter
from conductor_core.store.records import call_columns
from conductor_core.store.tables import calls

if TYPE_CHECKING:
    from conductor_core.metrics.call import Call
    from conductor_core.store.database import Store

SORTED_AT_MOST = 100_000
"""By anything but time so many of the newest calls are sorted."""

REQUEST_LASTS_MS = 900_000
"""Attempts of one request begin within this time."""

Cursor = tuple[float, str]
"""Where a page ended: what it is sorted by, and the id, of its last call."""


@dataclass(frozen=True, slots=True)
class CallOrder:
    """How a list of calls is sorted."""

    by: Literal["started_at", "latency_ms", "ttft_ms", "cost_usd", "completion_tokens"] = "started_at"
    descending: bool = True


NEWEST_FIRST = CallOrder()


@dataclass(frozen=True, slots=True)
class CallPage:
    """Some calls, and where the next page begins; None: there is none.

    Attributes:
        of_newest: only so many of the newest calls were sorted; None: all.
    """

    calls: list[Call]
    next: Cursor | None
    of_newest: int | None = None


def conditions(span: tuple[int, int], filter: Filter) -> list[ColumnElement[bool]]:
    """What calls have to meet: begun in [since, until) UTC ms, finished, and let through by the filter."""
    found = [calls.c.started_at >= span[0], calls.c.started_at < span[1], calls.c.outcome != Outcome.RUNNING]
    found.append(calls.c.source == Source.DRILL if filter.drill else calls.c.source != Source.DRILL)
    for column, values in (
        (calls.c.provider, filter.providers),
        (calls.c.model, filter.models),
        (calls.c.source, filter.sources),
        (calls.c.outcome, filter.outcomes),
        (calls.c.api_key_id, filter.keys),
    ):
        if values:
            found.append(column.in_(values))
    if filter.conversation:
        found.append(calls.c.conversation_id == filter.conversation)
    return found


def page(
    store: Store, span: tuple[int, int], filter: Filter, order: CallOrder, after: Cursor | None, limit: int
) -> CallPage:
    """At most `limit` calls, from just after a cursor on."""
    wanted = select(*call_columns(calls)).where(*conditions(span, filter))
    table: Any = calls
    if order.by != "started_at":
        newest = wanted.order_by(calls.c.started_at.desc()).limit(SORTED_AT_MOST).subquery()
        table, wanted = newest, select(*call_columns(newest))
    place = (func.coalesce(table.c[order.by], -1), table.c.id)
    if after:
        here = tuple_(*place)
        wanted = wanted.where(here < after if order.descending else here > after)
    sorted_by = [column.desc() if order.descending else column for column in place]
    found = store.calls_by(wanted.order_by(*sorted_by).limit(limit + 1))
    more = len(found) > limit
    shown = found[:limit]
    of_newest = SORTED_AT_MOST if order.by != "started_at" else None
    return CallPage(shown, _cursor(shown[-1], order) if more else None, of_newest)


def one(store: Store, id: str) -> Call:
    """A call by its id.

    Raises:
        NotFound: there is none.
    """
    found = store.calls_by(select(*call_columns(calls)).where(calls.c.id == id))
    if not found:
        raise NotFound
    return found[0]


def attempts(store: Store, call: Call) -> list[Call]:
    """Every attempt of a call's request, the first one first."""
    if call.attempt == 0 and not call.superseded:
        return [call]
    near = (
        [calls.c.lane_id == call.lane_id]
        if call.lane_id
        else [
            calls.c.started_at >= call.started_at - REQUEST_LASTS_MS,
            calls.c.started_at < call.started_at + REQUEST_LASTS_MS,
        ]
    )
    wanted = select(*call_columns(calls)).where(*near, calls.c.request_id == call.request_id)
    return store.calls_by(wanted.order_by(calls.c.attempt))


def _cursor(call: Call, order: CallOrder) -> Cursor:
    value = getattr(call, order.by)
    return (-1 if value is None else value, call.id)
