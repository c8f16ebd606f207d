"""Single calls, page by page, in any order, without one missing or there twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from conductor_core.errors import NotFound
from conductor_core.kinds import Outcome
from conductor_core.metrics.call import Call
from conductor_core.metrics.figures import NO_FILTER, Filter
from conductor_core.metrics.health import Health
from conductor_core.metrics.span import Span
from conductor_core.store import call_rows
from conductor_core.store.call_rows import CallOrder
from conductor_core.store.database import Store
from tests.metrics.histories import World, clear, play, worlds
from tests.metrics.plain import passes
from tests.store.rows import finished, running

EVER = (0, 2**62)
ORDERS: Any = st.sampled_from(["started_at", "latency_ms", "ttft_ms", "cost_usd", "completion_tokens"])


def all_pages(store: Store, filter: Filter, order: CallOrder, size: int) -> list[Call]:
    found: list[Call] = []
    after = None
    while True:
        page = call_rows.page(store, EVER, filter, order, after, size)
        assert len(page.calls) <= size
        found += page.calls
        after = page.next
        if after is None:
            return found


@given(worlds(), ORDERS, st.booleans(), st.integers(1, 7))
def test_pages_one_after_the_other_are_all_calls_in_order(
    resting_store: Store, engine: Engine, world: World, by: Any, descending: bool, size: int
) -> None:
    """Also where many have the same value, or none; what is not known comes below everything known."""
    clear(engine)
    known: dict[str, Call] = {}
    for step in world.steps:
        play(replace(world, keep_calls_days=None), step, resting_store, engine, known)
    filter = world.questions[0].filter
    expected = [call for call in known.values() if passes(call, filter)]

    def place(call: Call) -> tuple[float, str]:
        value = getattr(call, by)
        return (-1 if value is None else value, call.id)

    expected.sort(key=place, reverse=descending)
    found = all_pages(resting_store, filter, CallOrder(by, descending), size)
    assert [call.id for call in found] == [call.id for call in expected]


def test_a_page_goes_on_where_it_ended_while_new_calls_come(resting_store: Store) -> None:
    """Nothing is shown twice: the next page begins after a call, not after a number of calls."""
    for number in range(4):
        resting_store.save_call(finished(started_at=1_000 + number)).result()
    first = call_rows.page(resting_store, EVER, NO_FILTER, CallOrder(), None, 2)
    resting_store.save_call(finished(started_at=2_000)).result()
    second = call_rows.page(resting_store, EVER, NO_FILTER, CallOrder(), first.next, 2)
    assert [call.started_at for call in first.calls + second.calls] == [1_003, 1_002, 1_001, 1_000]
    assert second.next is None


def test_sorting_by_anything_but_time_says_of_how_many(resting_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the newest so many, so that a click does not sort ten million rows."""
    monkeypatch.setattr(call_rows, "SORTED_AT_MOST", 2)
    for number in range(4):
        resting_store.save_call(finished(started_at=1_000 + number, latency_ms=float(9 - number))).result()
    page = call_rows.page(resting_store, EVER, NO_FILTER, CallOrder("latency_ms"), None, 10)
    assert [call.latency_ms for call in page.calls] == [7.0, 6.0]
    assert page.of_newest == 2


def test_a_call_is_found_by_its_id(resting_store: Store) -> None:
    """Or said not to be there."""
    call = finished()
    resting_store.save_call(call).result()
    assert call_rows.one(resting_store, call.id) == call
    with pytest.raises(NotFound):
        call_rows.one(resting_store, "f" * 32)


@pytest.mark.parametrize("lane", [None, "a" * 32])
def test_the_attempts_of_a_request_are_found_from_any_of_them(resting_store: Store, lane: str | None) -> None:
    """The first one first, whether the request had a lane or came through the HTTP door."""
    some = [
        finished(
            running(request_id="r" * 32, attempt=number, lane_id=lane, started_at=1_000_000 + number * 60_000),
            superseded=number < 2,
            outcome=Outcome.TIMEOUT if number < 2 else Outcome.OK,
        )
        for number in range(3)
    ]
    for call in [*some, finished(started_at=1_000_000, lane_id=lane)]:
        resting_store.save_call(call).result()
    for call in some:
        assert [one.id for one in call_rows.attempts(resting_store, call)] == [one.id for one in some]


def test_an_export_is_every_call_in_blocks(resting_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest first, and no more than asked for."""
    for number in range(7):
        resting_store.save_call(finished(started_at=1_000 + number)).result()
    health = Health(resting_store)
    found = [call.started_at for block in health.export(Span((0, 10_000)), most=5) for call in block]
    assert found == [1_006, 1_005, 1_004, 1_003, 1_002]
    assert list(health.export(Span((0, 500)))) == []
