"""What the reader did on the Health page: looked at another time, picked calls, opened one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, cast

import streamlit as st

from conductor_core.kinds import SUCCESSES, Outcome
from conductor_core.metrics.figures import Filter
from conductor_core.metrics.span import LONGEST
from conductor_core.store.call_rows import CallOrder, Cursor
from dashboard import state
from dashboard.components.health_view import CALL, CUSTOM, RANGE, address_range, custom_range, forget_range
from dashboard.state import Pick

FILTERS = ("provider", "model", "source", "outcome")
SHORTEST_MS = 1000
SORTABLE = ("started_at", "ttft_ms", "latency_ms", "cost_usd")
_OF_ANSWERS = frozenset({"latency", "ttft", "pace", "spread", "against"})
"""Charts of answered attempts alone."""


def range_chosen() -> None:
    """A range was chosen in the control: the way back through zooms is forgotten."""
    health = state.health()
    health.zooms.clear()
    _other_calls(health)
    if st.session_state[RANGE] == CUSTOM:
        address_range(*custom_range(health.preset, _now()))
    else:
        forget_range()


def date_chosen(since: int, until: int, name: str, key: str, zone: tzinfo) -> None:
    """One end of the custom range was changed; the other end gives way where they would cross."""
    moment: datetime | None = st.session_state[key]
    if moment is None:
        return
    at = int(moment.replace(tzinfo=zone).timestamp() * 1000)
    length = until - since
    if name == "from":
        since, until = at, (until if until > at else at + length)
    else:
        since, until = (since if since < at else at - length), at
    look_at(since, until)


def look_at(since: int, until: int) -> None:
    """Makes these moments (UTC ms) the range; `back` leads to the one before."""
    since = max(0, since)
    until = min(max(until, since + SHORTEST_MS), since + LONGEST)
    health = state.health()
    if st.session_state.get(RANGE) == CUSTOM:
        health.zooms.append(custom_range(health.preset, _now()))
    st.session_state[RANGE] = CUSTOM
    address_range(since, until)
    _other_calls(health)


def back() -> None:
    """To the range before."""
    health = state.health()
    _other_calls(health)
    if health.zooms:
        address_range(*health.zooms.pop())
    else:
        reset()


def reset() -> None:
    """To the range the zooming began in."""
    health = state.health()
    health.zooms.clear()
    _other_calls(health)
    st.session_state[RANGE] = str(health.preset)
    forget_range()


def clear_filter() -> None:
    """All calls again."""
    for name in FILTERS:
        st.session_state[name] = []
    st.session_state["conversation"] = ""


def point(picked: Mapping[str, Any], filter: Filter) -> None:
    """Lists the calls behind a point of a chart, as the browser names it."""
    provider, model, kind = picked.get("provider"), picked.get("model"), picked.get("kind")
    outcomes = filter.outcomes
    if kind in set(Outcome):
        outcomes = (Outcome(str(kind)),)
    elif picked.get("panel") in _OF_ANSWERS and not outcomes:
        outcomes = tuple(sorted(SUCCESSES))
    show(
        int(picked["since"]),
        int(picked["until"]),
        Filter(
            (str(provider),) if provider else filter.providers,
            (str(model),) if model else filter.models,
            filter.sources,
            outcomes,
            filter.conversation,
            filter.drill,
        ),
    )


def show(since: int, until: int, filter: Filter) -> None:
    """Lists these calls in the table and brings it into view."""
    health = state.health()
    _other_calls(health)
    health.pick = Pick(since, until, filter)
    health.shows += 1


def show_all() -> None:
    """Lists all calls of the range again."""
    _other_calls(state.health())


def sort(column: str) -> None:
    """Sorts the table by a column; by the same one, the other way round."""
    health = state.health()
    before = health.order
    if column in SORTABLE:
        health.order = CallOrder(cast(Any, column), not before.descending if column == before.by else True)
    health.cursors.clear()


def turn(step: int, after: Cursor | None) -> None:
    """Turns the table's pages: on to the page that begins after a cursor, or back."""
    health = state.health()
    if step > 0 and after is not None:
        health.cursors.append(after)
    elif step < 0 and health.cursors:
        health.cursors.pop()


def open_call(id: str) -> None:
    """Opens a call, in the address too."""
    st.query_params[CALL] = id


def close_call() -> None:
    st.query_params.pop(CALL, None)


def _other_calls(health: state.HealthState) -> None:
    health.pick = None
    health.cursors.clear()


def _now() -> int:
    return int(time.time() * 1000)
