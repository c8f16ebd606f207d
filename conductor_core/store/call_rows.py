"""Single calls, page by page: what stands behind every figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, func, select, tuple_

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

_AMONG = {
    "providers": calls.c.provider,
    "models": calls.c.model,
    "sources": calls.c.source,
    "outcomes": calls.c.outcome,
    "keys": calls.c.api_key_id,
}
"""The fields of a filter that name some values of a column."""

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
    given = _given(span, filter)
    return _conditions(
        filter.drill,
        {name: bindparam(name, value, unique=True, expanding=name in _AMONG) for name, value in given.items()},
    )


def _given(span: tuple[int, int], filter: Filter) -> dict[str, Any]:
    """The values of the parameters that `_conditions` takes."""
    asked = {"since": span[0], "until": span[1], **{name: getattr(filter, name) for name in (*_AMONG, "conversation")}}
    return {name: value for name, value in asked.items() if value or name in ("since", "until")}


def _conditions(drill: bool, given: Mapping[str, BindParameter[Any]]) -> list[ColumnElement[bool]]:
    found = [calls.c.started_at >= given["since"], calls.c.started_at < given["until"]]
    found += [calls.c.outcome != Outcome.RUNNING]
    found.append(calls.c.source == Source.DRILL if drill else calls.c.source != Source.DRILL)
    found += [column.in_(given[name]) for name, column in _AMONG.items() if name in given]
    if "conversation" in given:
        found.append(calls.c.conversation_id == given["conversation"])
    return found


def page(
    store: Store, span: tuple[int, int], filter: Filter, order: CallOrder, after: Cursor | None, limit: int
) -> CallPage:
    """At most `limit` calls, from just after a cursor on."""
    given = _given(span, filter)
    wanted = _page(filter.drill, frozenset(given), order, after is not None)
    place = {"value": after[0], "id": after[1]} if after else {}
    found = store.calls_by(wanted, given | place | {"most": limit + 1, "sorted": SORTED_AT_MOST})
    more = len(found) > limit
    shown = found[:limit]
    of_newest = SORTED_AT_MOST if order.by != "started_at" else None
    return CallPage(shown, _cursor(shown[-1], order) if more else None, of_newest)


@lru_cache(maxsize=64)
def _page(drill: bool, given: frozenset[str], order: CallOrder, after: bool) -> Select[Any]:
    """Made once for each kind of page: a table that refreshes itself asks for the same one again and again."""
    parameters: dict[str, BindParameter[Any]] = {name: bindparam(name, expanding=name in _AMONG) for name in given}
    wanted = select(*call_columns(calls)).where(*_conditions(drill, parameters))
    table: Any = calls
    if order.by != "started_at":
        newest = wanted.order_by(calls.c.started_at.desc()).limit(bindparam("sorted")).subquery()
        table, wanted = newest, select(*call_columns(newest))
    # Bare where it is always known: an index is of use then.
    value = table.c[order.by] if order.by == "started_at" else func.coalesce(table.c[order.by], -1)
    place = (value, table.c.id)
    if after:
        here, there = (
            tuple_(*place),
            tuple_(bindparam("value", type_=value.type), bindparam("id", type_=table.c.id.type)),
        )
        wanted = wanted.where(here < there if order.descending else here > there)
    sorted_by = [column.desc() if order.descending else column for column in place]
    return wanted.order_by(*sorted_by).limit(bindparam("most"))


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
