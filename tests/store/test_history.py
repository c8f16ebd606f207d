"""Reads of one moment."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, event

from conductor_core.kinds import Outcome
from conductor_core.metrics.figures import NO_FILTER, Filter
from conductor_core.store.database import Store
from conductor_core.store.rollups import DAY_MS, Rollups
from conductor_core.store.sqlite_file import writing_engine
from tests.store.rows import finished, running

NOON = 21_900 * DAY_MS + DAY_MS // 2
HOUR_MS = 3_600_000


def save(store: Store, **given: object) -> None:
    store.save_call(finished(**{"started_at": NOON, **given})).result()  # type: ignore[arg-type]  # a test's own fields


def test_a_snapshot_does_not_move(resting_store: Store, engine: Engine) -> None:
    """What is committed while somebody reads is not in what he reads: calls and buckets can't contradict each other."""
    save(resting_store)
    with resting_store.history() as past:
        assert past.count_pending(0, 2**62) == 1
        Rollups(engine, lambda: 1).add_up()
        save(resting_store)
        assert past.count_pending(0, 2**62) == 1
        assert past.buckets(1440, [(0, 2**62)])[0] == []
    with resting_store.history() as past:
        assert past.count_pending(0, 2**62) == 1
        assert len(past.buckets(1440, [(0, 2**62)])[0]) == 1


def test_buckets_come_by_their_start_from_any_number_of_spans(resting_store: Store, engine: Engine) -> None:
    """The ends of spans are not in them."""
    for hours in (5, 0, 2, 3):
        save(resting_store, started_at=NOON + hours * HOUR_MS)
    Rollups(engine, lambda: 1).add_up()
    with resting_store.history() as past:

        def starts(*spans: tuple[int, int]) -> list[int]:
            hours = [(NOON + since * HOUR_MS, NOON + until * HOUR_MS) for since, until in spans]
            return [(start - NOON) // HOUR_MS for start in past.buckets(60, hours)[0]]

        assert starts((0, 5)) == [0, 2, 3]
        assert starts((0, 1), (3, 6)) == [0, 3, 5]
        assert starts((1, 2), (4, 5)) == []


def test_a_call_that_was_taken_for_its_requests_last_is_read_as_it_was_counted(
    resting_store: Store, engine: Engine
) -> None:
    """And what takes it back is among the pending ones, until it is added up as well."""
    call = finished(started_at=NOON)
    resting_store.save_call(call).result()
    Rollups(engine, lambda: 1).add_up()
    call.superseded = True
    resting_store.save_call(call).result()
    with resting_store.history() as past:
        [counted], [pending] = zip(*past.counted_calls(0, 2**62), strict=True), past.pending_calls(0, 2**62, 10)
        assert (counted[5], counted[6], bool(pending[5]), pending[6]) == (False, 1, True, 2)
    Rollups(engine, lambda: 1).add_up()
    with resting_store.history() as past:
        assert past.pending_calls(0, 2**62, 10) == []
        [counted] = zip(*past.counted_calls(0, 2**62), strict=True)
        assert (bool(counted[5]), counted[6]) == (True, 1)


def test_running_calls_are_no_part_of_any_figure(resting_store: Store) -> None:
    """Neither counted nor pending."""
    resting_store.save_call(running(started_at=NOON)).result()
    with resting_store.history() as past:
        assert past.pending_calls(0, 2**62, 10) == past.counted_calls(0, 2**62)[0] == past.calls([], 10) == []


def test_has_more_than_counts_no_further_than_it_must(resting_store: Store) -> None:
    """Exactly as many are not more."""
    for number in range(3):
        save(resting_store, started_at=NOON + number)
    with resting_store.history() as past:
        assert past.has_more_than(2, NOON, NOON + 3)
        assert not past.has_more_than(3, NOON, NOON + 3)
        assert not past.has_more_than(0, NOON + 3, NOON + 4)


def test_the_last_end_is_the_newest_that_meets_the_conditions(resting_store: Store) -> None:
    """Its outcome, status and begin; none where there is none."""
    save(resting_store, started_at=NOON, outcome=Outcome.TIMEOUT, http_status=None)
    save(resting_store, started_at=NOON + 1, outcome=Outcome.RATE_LIMITED, http_status=429)
    save(resting_store, started_at=NOON + 2)
    with resting_store.history() as past:
        ends = [Outcome.TIMEOUT, Outcome.RATE_LIMITED]
        assert past.last_end("openai", ends, (NOON, NOON + 9), NO_FILTER) == ("rate_limited", 429, NOON + 1)
        assert past.last_end("openai", ends, (NOON, NOON + 1), NO_FILTER) == ("timeout", None, NOON)
        assert past.last_end("openai", ends, (NOON + 2, NOON + 9), NO_FILTER) is None
        assert past.last_end("groq", ends, (NOON, NOON + 9), NO_FILTER) is None
        assert past.last_end("openai", ends, (NOON, NOON + 9), Filter(models=("other",))) is None
        assert past.last_end("openai", ends, (NOON, NOON + 9), Filter(sources=("api",), conversation="c")) is None
        assert past.last_end("openai", ends, (NOON, NOON + 9), Filter(drill=True)) is None


def test_what_waits_is_found_by_its_index(home: Path, file_store: Store) -> None:
    """Not by looking at ten million rows: by readers and, once a second, by the writer."""
    asked: list[tuple[str, object]] = []
    writing = writing_engine(home / "conductor.db", "normal")

    @event.listens_for(Engine, "before_cursor_execute")
    def _noted(_c: object, _cursor: object, text: str, values: object, *_: object) -> None:
        asked.append((text, values))

    try:
        with file_store.history() as past:
            past.pending_calls(0, 2**62, 10)
            past.count_pending(0, 2**62)
        Rollups(writing, lambda: 1).add_up()
    finally:
        writing.dispose()
        event.remove(Engine, "before_cursor_execute", _noted)
    wanted = [(text, values) for text, values in asked if "counted !=" in text and text.startswith("SELECT")]
    assert len(wanted) >= 3
    for text, values in wanted:
        with file_store._backend.reading.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()  # type: ignore[arg-type]  # as asked
        assert "calls_uncounted" in str(plan), text
