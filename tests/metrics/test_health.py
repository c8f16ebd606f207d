"""Every figure of any span, by any clock, against a plain count over the calls themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from conductor_core.kinds import Outcome
from conductor_core.metrics import sketch
from conductor_core.metrics.call import Call
from conductor_core.metrics.figures import NO_FILTER, Filter
from conductor_core.metrics.health import Health
from conductor_core.metrics.span import DAY, HOUR, Range, Span
from conductor_core.store.database import Store
from conductor_core.store.rollups import Rollups
from tests.metrics.histories import ZONES, World, clear, play, worlds
from tests.metrics.plain import check, percentile
from tests.store.planted import Plant, changed_byte, doubled_bucket, dropped_bucket, lost_sample
from tests.store.rows import finished

BEGUN = 21_900 * DAY + 5 * HOUR
"""UTC ms: late in 2029, so that no clock on the wall takes it for outdated."""


# Shrinking such a history takes minutes and says little more; a failing one is short as it is.
@settings(phases=[Phase.explicit, Phase.generate])
@given(worlds(), st.sampled_from([0, 4, 10_000]), st.sampled_from([0, 2, sketch.FEW]))
def test_every_figure_equals_a_plain_count(
    resting_store: Store, engine: Engine, world: World, exact_below: int, few: int
) -> None:
    """Whatever was called, however it ended, was asked again, saved and added up: and as of every moment.

    Also where minutes keep fewer samples as they are, down to none.
    """
    clear(engine)
    health = Health(resting_store, exact_below)
    known: dict[str, Call] = {}
    for step in world.steps:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sketch, "FEW", few)
            play(world, step, resting_store, engine, known)
        rows = resting_store.calls_between(0, 2**62)
        for asked in world.questions:
            found = health.overview(asked.span, asked.by, asked.filter, compare=asked.compare)
            assert found.stale == 0
            assert found.span.since <= asked.span.since
            assert found.span.until >= asked.span.until
            check(found, rows if asked.filter.of_rows else known.values(), asked.by, asked.filter, rows=rows)


@given(worlds(), st.sampled_from(ZONES))
def test_the_days_of_a_reader_add_up(resting_store: Store, engine: Engine, world: World, zone: tzinfo) -> None:
    """What is shown of each day by the reader's clock, asked for by itself, adds up to what is shown of them all."""
    clear(engine)
    for step in world.steps:
        play(replace(world, keep_calls_days=None), step, resting_store, engine, {})
    health = Health(resting_store, exact_below=0)
    span = Span(Span.ending(world.now, Range.MONTH, zone).edges[-9:])
    whole = health.overview(span)
    days = [health.overview(Span(edges)) for edges in pairwise(span.edges)]
    assert [day.total.asked for day in days] == list(whole.all_lines.requests)
    assert sum(day.total.calls for day in days) == whole.total.calls
    assert sum(day.total.tokens for day in days) == whole.total.tokens
    assert sum(day.total.cost_usd or 0 for day in days) == pytest.approx(whole.total.cost_usd or 0, abs=1e-9)


@pytest.mark.parametrize("plant", [changed_byte, dropped_bucket, doubled_bucket, lost_sample])
def test_errors_in_the_rollups_do_not_pass(resting_store: Store, engine: Engine, plant: Plant) -> None:
    """The comparison above sees a changed byte of the sums, a bucket that is gone or there twice, a lost sample."""
    calls = hundred_calls(resting_store)
    Rollups(engine, lambda: 1).add_up()
    span = Span.between(BEGUN, BEGUN + HOUR)
    check(Health(resting_store, exact_below=0).overview(span, "model"), calls, "model", NO_FILTER)
    plant(engine)
    with pytest.raises(AssertionError):
        check(Health(resting_store, exact_below=0).overview(span, "model"), calls, "model", NO_FILTER)


def test_a_live_look_reads_only_what_changed(resting_store: Store, engine: Engine) -> None:
    """After a call is added up its own bucket is read again, the others are those of before."""
    hundred_calls(resting_store)
    Rollups(engine, lambda: 1).add_up()
    health = Health(resting_store, exact_below=0)
    span = Span.between(BEGUN - 5 * HOUR, BEGUN + 5 * HOUR)
    first = health.overview(span)
    reads: list[object] = []

    @event.listens_for(Engine, "before_cursor_execute")
    def _noted(_c: object, _cursor: object, text: str, values: object, *_: object) -> None:
        if text.startswith("SELECT rollups.start"):
            reads.append(values)

    try:
        assert health.overview(span).total == first.total
        assert not reads
        resting_store.save_call(finished(started_at=BEGUN + 1)).result()
        assert health.overview(span).total.calls == first.total.calls + 1
        assert not reads
        Rollups(engine, lambda: 2).add_up()
        reads.clear()  # adding up read what it added to
        assert health.overview(span).total.calls == first.total.calls + 1
        assert len(reads) == 1
    finally:
        event.remove(Engine, "before_cursor_execute", _noted)


@pytest.mark.parametrize(("few", "rows_read"), [(sketch.FEW, False), (99, True)])
def test_a_few_calls_are_read_from_their_minutes(
    resting_store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch, few: int, rows_read: bool
) -> None:
    """To the last digit; where a minute had too many to keep them as they are, from their rows."""
    monkeypatch.setattr(sketch, "FEW", few)
    calls = [finished(started_at=BEGUN + number, latency_ms=100.0 * 1.07**number) for number in range(100)]
    for saved in [resting_store.save_call(call) for call in calls]:
        saved.result()
    Rollups(engine, lambda: 1).add_up()
    reads = []

    @event.listens_for(Engine, "before_cursor_execute")
    def _noted(_c: object, _cursor: object, text: str, *_: object) -> None:
        reads.append("counted !=" in text and "ORDER BY calls.started_at" in text and "DESC" not in text)

    try:
        found = Health(resting_store).overview(Span.between(BEGUN, BEGUN + HOUR))
    finally:
        event.remove(Engine, "before_cursor_execute", _noted)
    assert found.exact
    assert found.total.latency.p50 == percentile([call.latency_ms or 0.0 for call in calls], 0.5)
    assert any(reads) == rows_read


def test_more_waiting_calls_than_are_read_are_said_to_be_missing(
    resting_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest are counted in; of the others the answer says how many they are."""
    monkeypatch.setattr("conductor_core.metrics.health.PENDING_AT_MOST", 40)
    hundred_calls(resting_store)
    found = Health(resting_store).overview(Span.between(BEGUN, BEGUN + HOUR))
    assert (found.total.calls, found.pending, found.stale) == (40, 40, 60)


def test_a_filter_of_rows_reads_the_newest_up_to_a_limit(resting_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """By outcome or conversation only rows can be asked; what lies beyond the limit is counted, not shown."""
    monkeypatch.setattr("conductor_core.metrics.health.ROWS_AT_MOST", 30)
    hundred_calls(resting_store)
    found = Health(resting_store).overview(Span.between(BEGUN, BEGUN + HOUR), filter=Filter(outcomes=(Outcome.OK,)))
    assert (found.total.calls, found.stale) == (30, 70)


def test_two_installations_in_one_process_do_not_mix(resting_store: Store) -> None:
    """An empty bucket of one, grouped for one provider, is not taken for one of another's with two."""
    span = Span.between(BEGUN, BEGUN + HOUR)
    resting_store.save_call(finished(started_at=BEGUN, model="a", outcome=Outcome.OK)).result()
    some = Filter(outcomes=(Outcome.OK,))
    assert len(Health(resting_store).overview(span, "provider", some).groups) == 1
    resting_store.save_call(finished(started_at=BEGUN, model="b", outcome=Outcome.OK)).result()
    assert len(Health(resting_store).overview(span, "model", some).groups) == 2


def hundred_calls(store: Store) -> list[Call]:
    """A hundred answers of one model within the hour that begins at `BEGUN`, one more slow than the other."""
    calls = [finished(started_at=BEGUN + number * 30_000, latency_ms=100.0 * 1.07**number) for number in range(100)]
    for saved in [store.save_call(call) for call in calls]:
        saved.result()
    return calls
