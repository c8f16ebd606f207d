"""What calls cost over all copies: kept sums and fresh rows, never a call twice and none left out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event

from conductor_core.errors import StoreError
from conductor_core.kinds import Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.secret import Secret
from conductor_core.store.database import Store
from conductor_core.store.postgres import Postgres
from conductor_core.store.rollups import QUARTER_MS, Rollups
from conductor_core.store.spending import Account, Bounds, Payer, Spending
from tests.conftest import OpenStore
from tests.store.rows import finished, fresh_id, running

SINCE = 1_000 * QUARTER_MS
DAY = (SINCE, SINCE + 96 * QUARTER_MS)
MONTH = (SINCE - 100 * QUARTER_MS, SINCE + 2_000 * QUARTER_MS)
OPENAI = Payer("openai", None, ours=False)


def count(store: Store) -> None:
    """Adds up what has ended."""
    backend = store._backend
    while Rollups(backend.writing, lambda: backend.copy).add_up() is not None:
        pass


def look(store: Store, span: Bounds = DAY) -> Account:
    return store.spending.look([span])[span]


async def test_every_payer_has_what_its_calls_cost(resting_store: Store) -> None:
    """Real calls with a known price, within the span, by provider and key; before and after they are added up."""
    store = resting_store
    for given in (
        {"cost_usd": 0.25},
        {"cost_usd": 1.0, "started_at": SINCE},
        {"cost_usd": 2.0, "api_key_id": "k" * 32},
        {"cost_usd": 4.0, "provider": "gemini", "started_at": DAY[1] - 1},
        {"cost_usd": 8.0, "started_at": SINCE - 1},
        {"cost_usd": 16.0, "started_at": DAY[1]},
        {"cost_usd": None},
        {"cost_usd": 32.0, "source": Source.DRILL},
    ):
        await store.save_call(finished(None, **{"started_at": SINCE + 5_000, **given}))
    wanted = {OPENAI: 1.25, Payer("openai", "k" * 32, ours=False): 2.0, Payer("gemini", None, ours=False): 4.0}
    assert look(store) == Account(wanted, [])
    count(store)
    assert look(store) == Account(wanted, [])
    assert look(store, MONTH).ended[OPENAI] == 25.25


async def test_a_running_call_holds_what_it_may_cost(resting_store: Store) -> None:
    """Until it has ended, however long before it began."""
    store = resting_store
    call = running(started_at=SINCE, cost_usd=0.5)
    await store.save_call(call)
    found = look(store)
    assert (found.ended, [(one.id, one.started_at, one.usd) for one in found.running]) == ({}, [(call.id, SINCE, 0.5)])
    await store.save_call(finished(call, cost_usd=0.125))
    assert look(store) == Account({OPENAI: 0.125}, [])


async def test_calls_of_this_process_are_told_from_all_others(open_store: OpenStore) -> None:
    """A restart makes them others'."""
    with closing(open_store()) as store:
        now = store.spending._opened
        span = (now - QUARTER_MS, now + QUARTER_MS)
        await store.save_call(finished(started_at=now, cost_usd=0.5))
        await store.save_call(finished(started_at=now - 1, cost_usd=0.25))
        assert look(store, span).ended == {OPENAI._replace(ours=True): 0.5, OPENAI: 0.25}
    with closing(open_store()) as store:
        assert look(store, span).ended == {OPENAI: 0.75}


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_between_two_looks_each_call_is_there_once(resting_store: Store, seed: int) -> None:
    """Calls that begin, end, are superseded and added up in any order, in two spans, some of them late."""
    store, rng = resting_store, random.Random(seed)
    known: dict[str, Call] = {}
    for step in range(60):
        chosen = rng.choice([*known.values()]) if known else None
        match rng.randrange(5):
            case 0 | 1:
                at = SINCE + rng.randrange(-20, 96) * QUARTER_MS // 2
                call = running(id=fresh_id(), started_at=at, cost_usd=rng.randrange(1, 64) / 64)
                known[call.id] = call
                await store.save_call(call)
            case 2 | 3 if chosen and chosen.outcome is Outcome.RUNNING:
                known[chosen.id] = finished(chosen, cost_usd=rng.randrange(64) / 64)
                await store.save_call(known[chosen.id])
            case 2 if chosen:
                known[chosen.id] = replace(chosen, superseded=True)
                await store.save_call(known[chosen.id])
            case _:
                count(store)
        if step % 3 == 0:
            for span in (DAY, MONTH):
                of_span = [call for call in known.values() if span[0] <= call.started_at < span[1]]
                ended = sum(call.cost_usd or 0 for call in of_span if call.outcome is not Outcome.RUNNING)
                held = {call.id: call.cost_usd for call in of_span if call.outcome is Outcome.RUNNING}
                found = look(store, span)
                assert sum(found.ended.values()) == pytest.approx(ended)
                assert {call.id: call.usd for call in found.running} == held


async def test_a_look_reads_what_changed_and_no_more(resting_store: Store, statements: list[str]) -> None:
    """One statement while nothing was added up; a batch has its own quarters summed again and no others."""
    store = resting_store
    for quarter in range(3):
        await store.save_call(finished(started_at=SINCE + quarter * QUARTER_MS, cost_usd=0.5))
    count(store)
    look(store)
    statements.clear()
    await store.save_call(running(started_at=SINCE, cost_usd=0.25))
    assert len(look(store).running) == 1
    assert len(statements) == 1
    await store.save_call(finished(started_at=SINCE + QUARTER_MS, cost_usd=0.5))
    count(store)
    statements.clear()
    assert look(store).ended == {OPENAI: 2.0}
    [summed] = [one for one in statements if "sum(calls.cost_usd)" in one]
    assert summed.count("calls.started_at >= ") == 2  # that of the quarter, and that of what is ours


async def test_batches_that_are_forgotten_have_all_summed_again(
    resting_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has not looked for long starts anew."""
    monkeypatch.setattr("conductor_core.store.rollups.BATCHES_KEPT", 1)
    store = resting_store
    look(store)
    for quarter in range(3):
        await store.save_call(finished(started_at=SINCE + quarter * QUARTER_MS, cost_usd=0.5))
        count(store)
    assert look(store).ended == {OPENAI: 1.5}


async def test_figures_that_are_added_up_anew_are_summed_again(resting_store: Store, engine: Engine) -> None:
    """Without the batches nobody knows what was in the sums that are kept."""
    store = resting_store
    await store.save_call(finished(started_at=SINCE, cost_usd=0.5))
    count(store)
    assert look(store).ended == {OPENAI: 0.5}
    with engine.begin() as connection:
        for text in ("DELETE FROM rollup_batches", "DELETE FROM rollups", "UPDATE calls SET counted = 0"):
            connection.exec_driver_sql(text)
    assert look(store).ended == {OPENAI: 0.5}


async def test_many_spans_at_once_are_all_answered(resting_store: Store) -> None:
    """More than are kept for later."""
    store = resting_store
    await store.save_call(finished(started_at=SINCE, cost_usd=0.5))
    count(store)
    spans = [(SINCE - back, DAY[1]) for back in range(6)]
    assert [account.ended for account in store.spending.look(spans).values()] == [{OPENAI: 0.5}] * 6
    assert look(store).ended == {OPENAI: 0.5}


async def test_a_look_that_failed_leaves_nothing_half_done(
    resting_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one finds what is there."""
    store = resting_store
    await store.save_call(finished(started_at=SINCE, cost_usd=0.5))
    count(store)
    look(store)
    await store.save_call(finished(started_at=SINCE, cost_usd=0.25))
    count(store)
    with monkeypatch.context() as broken:
        broken.setattr("conductor_core.store.spending._pending", _raises)
        with pytest.raises(StoreError):
            store.spending._sum_again([DAY], SINCE)
    assert look(store).ended == {OPENAI: 0.75}


async def test_who_asks_during_a_look_is_answered_by_a_later_one(
    resting_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And shares it: a hundred that ask at once cost two looks, and none gets what was seen before it asked."""
    store = resting_store
    looks: list[int] = []
    looked = Spending.look

    def counted(self: Spending, spans: set[Bounds]) -> dict[Bounds, Account]:
        looks.append(len(spans))
        return looked(self, spans)

    monkeypatch.setattr(Spending, "look", counted)
    first = asyncio.create_task(store.spending.look_soon([DAY]))
    while not looks:
        await asyncio.sleep(0)
    await store.save_call(running(started_at=SINCE, cost_usd=0.5))
    found = await asyncio.gather(*(store.spending.look_soon([span]) for span in (DAY, MONTH) for _ in range(50)))
    assert (await first).keys() == {DAY}
    assert looks == [1, 2]
    assert all(len(accounts[DAY].running) == 1 for accounts in found)


async def test_one_who_stops_asking_takes_the_look_from_nobody(resting_store: Store) -> None:
    """A call that is cancelled while others wait for the same look."""
    asking = [asyncio.create_task(resting_store.spending.look_soon([DAY])) for _ in range(3)]
    await asyncio.sleep(0)
    asking[0].cancel()
    assert (await asking[1], await asking[2]) == ({DAY: Account({}, [])},) * 2


async def test_another_copys_calls_are_seen_as_they_are_committed(postgres_url: Secret) -> None:
    """Also when it has added them up itself, and its own among them."""
    with closing(_resting(postgres_url)) as one, closing(_resting(postgres_url)) as two:
        call = running(started_at=SINCE, cost_usd=0.5)
        assert look(two) == Account({}, [])
        await one.save_call(call)
        assert [found.id for found in look(two).running] == [call.id]
        await one.save_call(finished(call, cost_usd=0.125))
        assert look(two).ended == {OPENAI: 0.125}
        count(one)
        assert look(two).ended == look(one).ended == {OPENAI: 0.125}


def _resting(url: Secret) -> Store:
    store = Store(Postgres.open(url), chore=lambda: None)
    store.writer.start()
    return store


@pytest.fixture
def statements(resting_store: Store) -> Iterator[list[str]]:
    """What is read, in order."""
    engine: Engine = resting_store._backend.reading
    seen: list[str] = []

    def note(*given: object) -> None:
        if str(given[2]).startswith("SELECT"):
            seen.append(str(given[2]))

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def _raises() -> Callable[[], None]:
    raise StoreError("The database is away.")
