"""Adding up on disk: each call once, in the transaction that says so on its row, whoever does it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from sqlalchemy import Engine, event, func, select, update

from conductor_core.doctor import examine
from conductor_core.kinds import Outcome
from conductor_core.metrics import rollup
from conductor_core.store.database import Store
from conductor_core.store.rollups import CALLS, DAY_MS, PAUSE, Counted, Keep, Rollups
from conductor_core.store.tables import calls, pruned, rollup_batches, rollups
from tests.metrics.histories import World, clear, play, worlds
from tests.store.rows import finished, running

NOON = 21_900 * DAY_MS + DAY_MS // 2


def attempts_at(engine: Engine, level: int) -> int:
    with engine.connect() as connection:
        stored = connection.execute(select(rollups.c.sums).where(rollups.c.level == level)).scalars().all()
    return int(sum(rollup.attempts(rollup.sums_of([one])).sum() for one in stored))


def save(store: Store, *some: object) -> None:
    for saved in [store.save_call(call) for call in some]:  # type: ignore[arg-type]  # calls
        saved.result()


@given(worlds())
def test_every_finished_call_is_in_one_bucket_of_each_level(resting_store: Store, engine: Engine, world: World) -> None:
    """By however many copies of the app in turn; adding up again adds nothing."""
    clear(engine)
    for step in world.steps:
        play(replace(world, keep_calls_days=None), step, resting_store, engine, {})
    Rollups(engine, lambda: 3).add_up()
    assert Rollups(engine, lambda: 4).add_up() is None
    with engine.connect() as connection:
        ended = connection.execute(
            select(func.count()).select_from(calls).where(calls.c.outcome != Outcome.RUNNING)
        ).scalar_one()
        assert set(connection.execute(select(calls.c.counted).where(calls.c.outcome != Outcome.RUNNING)).scalars()) <= {
            Counted.YES
        }
    assert attempts_at(engine, 1440) == ended


def test_a_batch_that_fails_leaves_nothing_behind(resting_store: Store, engine: Engine) -> None:
    """Neither buckets nor marks nor a number for a series; the next one does it all."""
    save(resting_store, finished(started_at=NOON))
    adding = Rollups(engine, lambda: 1)

    def fail(*_: object) -> None:
        raise RuntimeError("the disk is gone")

    event.listen(engine, "commit", fail)
    with pytest.raises(RuntimeError):
        adding.add_up()
    event.remove(engine, "commit", fail)
    assert attempts_at(engine, 1) == 0
    assert adding.add_up() == PAUSE
    assert [attempts_at(engine, level) for level in rollup.LEVELS] == [1, 1, 1, 1]


def test_a_call_stays_as_it_was_counted(resting_store: Store, engine: Engine) -> None:
    """Its copy was taken for dead, its call for interrupted; an end that comes all the same would contradict that."""
    call = running(started_at=NOON)
    save(resting_store, call)
    with engine.begin() as connection:
        connection.execute(update(calls).values(outcome=Outcome.INTERRUPTED))
    Rollups(engine, lambda: 1).add_up()
    save(resting_store, finished(call))
    assert [one.outcome for one in resting_store.calls_between(0, 2**62)] == [Outcome.INTERRUPTED]
    save(resting_store, finished(call, superseded=True))
    Rollups(engine, lambda: 1).add_up()
    found = examine(resting_store._backend.reading)
    assert found.sound, list(found.sentences())


def test_full_batches_follow_one_another_at_once(
    resting_store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then a pause while calls trickle in, and nothing to do when there are none. Running ones wait."""
    monkeypatch.setattr("conductor_core.store.rollups.BATCH", 2)
    save(resting_store, *(finished(started_at=NOON + number) for number in range(3)), running(started_at=NOON))
    adding = Rollups(engine, lambda: 1)
    assert [adding.add_up() for _ in range(3)] == [0.0, PAUSE, None]


def test_batches_say_which_quarters_of_an_hour_they_changed(resting_store: Store, engine: Engine) -> None:
    """So that whoever keeps some in memory reads those again, and only those."""
    save(resting_store, finished(started_at=NOON), finished(started_at=NOON + 3_600_000))
    with resting_store.history() as past:
        seen = past.batches_seen()
    Rollups(engine, lambda: 7).add_up()
    with resting_store.history() as past:
        assert past.quarters_touched(seen) == ({NOON // 900_000, NOON // 900_000 + 4}, {7: 1})


def test_only_so_many_batches_are_remembered(
    resting_store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who has not looked for longer is told so."""
    monkeypatch.setattr("conductor_core.store.rollups.BATCHES_KEPT", 2)
    for number in range(4):
        save(resting_store, finished(started_at=NOON + number))
        Rollups(engine, lambda: 1).add_up()
    with engine.connect() as connection:
        assert connection.execute(
            select(rollup_batches.c.number).order_by(rollup_batches.c.number)
        ).scalars().all() == [3, 4]
    with resting_store.history() as past:
        assert past.quarters_touched({1: 1}) == (None, {1: 4})
        assert past.quarters_touched({1: 2}) == ({NOON // 900_000}, {1: 4})


def test_what_is_kept_no_longer_goes_and_its_figures_stay(resting_store: Store, engine: Engine) -> None:
    """Minutes after days, calls when they are wanted no longer; it is noted up to when."""
    ages = (0, 3, 30, 150, 500)
    save(resting_store, *(finished(started_at=NOON - age * DAY_MS) for age in ages))
    Rollups(engine, lambda: 1, Keep(calls=2, minutes=7, quarters=100, hours=400), lambda: NOON).add_up()
    assert [attempts_at(engine, level) for level in rollup.LEVELS] == [2, 3, 4, 5]
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(calls)).scalar_one() == 1
        assert {row.level: row.until for row in connection.execute(select(pruned))} == {
            CALLS: (NOON // DAY_MS - 2) * DAY_MS,
            1: NOON - 7 * DAY_MS,
            15: NOON - 100 * DAY_MS,
            60: NOON - 400 * DAY_MS,
        }


def test_what_was_pruned_is_not_forgotten_when_more_is_kept(resting_store: Store, engine: Engine) -> None:
    """Whoever raises a setting does not get back what is gone, nor is nought taken for it."""
    save(resting_store, finished(started_at=NOON - 10 * DAY_MS))
    Rollups(engine, lambda: 1, Keep(calls=5), lambda: NOON).add_up()
    save(resting_store, finished(started_at=NOON - 40 * DAY_MS))
    Rollups(engine, lambda: 1, Keep(calls=30, minutes=30), lambda: NOON).add_up()
    with resting_store.history() as past:
        assert past.pruned() == {CALLS: (NOON // DAY_MS - 5) * DAY_MS, 1: NOON - 7 * DAY_MS}
