"""What each key may spend a day: reserved, refused and settled, over crowds, midnights, restarts and faults."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import LimitReached, StoreError
from conductor_core.keys.budget import Hold, KeyBudgets
from conductor_core.keys.key import Scope, Wish
from conductor_core.kinds import CostKind, Source
from conductor_core.secret import Secret
from conductor_core.store.database import Store
from tests.clock import NOON, Clock
from tests.installation import installation
from tests.keys.keys import api_key
from tests.store.rows import finished, running, until
from tests.tight_budget import REQUEST, ROOM_FOR_TEN, asked
from tests.upstream import Upstream

KEY = api_key(budget_day=5.0)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


def budgets(store: Store, clock: Clock | None = None, budget_day: float | None = 5.0) -> KeyBudgets:
    """Of one key, on a clock of the test's."""
    keys = {KEY.id: api_key(budget_day=budget_day)}
    return KeyBudgets(store, keys.get, clock=clock or Clock(), zone=UTC)


def reserved(made: KeyBudgets, usd: float) -> Hold:
    hold = made.reserve(KEY.id, usd)
    assert hold is not None
    return hold


def refusal(made: KeyBudgets, usd: float | None) -> LimitReached:
    with pytest.raises(LimitReached) as refused:
        made.reserve(KEY.id, usd)
    return refused.value


def test_a_budget_that_is_used_up_says_so(store: Store) -> None:
    """Whose it is, what is spent, when it starts anew; what is free goes on."""
    made = budgets(store)
    reserved(made, 4.99).settle(5.02)
    error = refusal(made, 0.01)
    assert str(error) == (
        "Today's budget of the key “laptop” of $5.00 is used up ($5.02). It starts anew at 00:00. "
        "Use a free model, or another key."
    )
    assert error.retry_after == 12 * 3600
    assert made.reserve(KEY.id, 0.0) is None
    assert made.today(KEY.id) == (5.02, 0.0)


def test_what_running_calls_hold_is_gone_until_they_are_settled(store: Store) -> None:
    """Then it is worth asking again soon."""
    made = budgets(store)
    held = reserved(made, 4.0)
    error = refusal(made, 1.5)
    assert str(error) == (
        "Today's budget of the key “laptop” of $5.00 has no room for this call: $0.00 is spent, $4.00 held by running "
        "calls, and it may cost $1.50. It starts anew at 00:00. Use a free model, or another key."
    )
    assert error.retry_after == 5.0
    held.settle(0.5)
    reserved(made, 1.5)
    assert refusal(made, 5.5).retry_after == 12 * 3600


def test_a_price_that_is_unknown_fits_into_no_budget(store: Store) -> None:
    """Waiting would not help; a key without a budget is not asked."""
    error = refusal(budgets(store), None)
    assert (str(error), error.retry_after) == (
        "Today's budget of the key “laptop” needs a price, and this model has none. Use another model.",
        None,
    )
    free = budgets(store, budget_day=None)
    assert free.reserve(KEY.id, None) is None
    assert free.reserve(None, 9.0) is None
    assert free.reserve("b" * 32, 9.0) is None


def test_a_day_ends_at_midnight_and_a_call_belongs_to_the_one_it_began_in(store: Store) -> None:
    """What is settled after midnight is charged to the day before."""
    clock = Clock(NOON + 43_199)
    made = budgets(store, clock)
    late = reserved(made, 5.0)
    clock.now += 2
    assert made.today(KEY.id) == (0.0, 0.0)
    reserved(made, 5.0)
    late.settle(3.0)
    assert made.today(KEY.id) == (0.0, 5.0)
    clock.now -= 2
    assert made.today(KEY.id) == (3.0, 0.0)


async def test_a_restart_knows_what_was_spent(store: Store) -> None:
    """From today's rows of this key, running ones with what they hold; yesterday's, others' and drills count not."""
    rows = [
        finished(api_key_id=KEY.id, started_at=int(NOON * 1000) - 5_000, cost_usd=1.25),
        running(api_key_id=KEY.id, started_at=int(NOON * 1000) - 1, cost_usd=0.5, cost_kind=CostKind.ESTIMATED),
        finished(api_key_id=KEY.id, started_at=int(NOON * 1000) - 43_200_001, cost_usd=64.0),
        finished(api_key_id="b" * 32, started_at=int(NOON * 1000) - 5_000, cost_usd=16.0),
        finished(started_at=int(NOON * 1000) - 5_000, cost_usd=32.0),
        finished(api_key_id=KEY.id, started_at=int(NOON * 1000) - 5_000, cost_usd=8.0, source=Source.DRILL),
    ]
    for row in rows:
        await store.save_call(row)
    made = budgets(store)
    assert made.today(KEY.id) == (1.25, 0.5)
    reserved(made, 3.25)
    refusal(made, 0.01)


def test_what_cannot_be_read_is_not_spent(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails closed; free calls go on, and once the database is there again so do the others."""

    def unreadable(*_: object) -> None:
        raise StoreError("The database is away.")

    made = budgets(store)
    monkeypatch.setattr(store.spending, "look", unreadable)
    error = refusal(made, 0.01)
    assert (str(error), error.retry_after) == (
        "Today's budget of the key “laptop” can't be kept: The database is away. Until then only free models.",
        5.0,
    )
    assert made.reserve(KEY.id, 0.0) is None
    monkeypatch.undo()
    reserved(made, 0.01)


async def test_of_a_hundred_at_once_only_those_with_room_are_sent(tmp_path: Path, upstream: Upstream) -> None:
    """A budget for ten lets ten through; each is a row with its key, and nobody else's calls are touched."""
    async with installation(tmp_path, upstream) as conductor:
        key = await new_key(conductor, ROOM_FOR_TEN)
        upstream.behaviour = "delay-1000"
        told = await asyncio.gather(*(asked(conductor, key) for _ in range(100)), asked(conductor, None))
        assert told.count("") == 11
        assert sum("has no room for this call" in sentence for sentence in told) == 90
        assert len(upstream.requests) == 11
        found = [call for call in conductor.store.recent_calls(200) if call.api_key_id]
        assert {(call.api_key_id, call.source) for call in found} == {(key, Source.API)}
        assert len(found) == 10
        spent, held = conductor.keys.budgets.today(key)
        assert spent == pytest.approx(sum(call.cost_usd or 0 for call in found))
        assert held == 0.0
        assert await asked(conductor, key) == ""


async def test_however_calls_end_nothing_stays_held(tmp_path: Path, upstream: Upstream) -> None:
    """Answered, refused, cut, stopped: what is held in the end is nothing, and a restart finds the same sum."""
    async with installation(tmp_path, upstream, CONDUCTOR_ATTEMPTS="2") as conductor:
        key = await new_key(conductor, 50.0)
        for upstream.behaviour in ("", "status-500", "cut-3", "words-0", "status-400"):
            await asked(conductor, key)
        conductor.gateway.breakers.recover_now("openai")
        upstream.behaviour, already = "silent", len(upstream.requests)
        stopped = asyncio.create_task(conductor.chat(REQUEST, api_key_id=key))
        while len(upstream.requests) == already:
            await asyncio.sleep(0.001)
        assert conductor.keys.budgets.today(key)[1] > 0
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped
        spent, held = conductor.keys.budgets.today(key)
        assert held == 0.0
        assert spent > 0
    async with installation(tmp_path, upstream) as conductor:
        assert {call.api_key_id for call in conductor.store.recent_calls(50)} == {key}
        assert conductor.keys.budgets.today(key)[0] == pytest.approx(spent)


async def test_nothing_leaves_before_its_row_is_kept(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the database held by another program a call under a key's budget is not sent."""
    monkeypatch.setattr("conductor_core.routing.request.SAVE_SECONDS", 0.1)
    async with installation(tmp_path, upstream) as conductor:
        key = await new_key(conductor, 5.0)
        with closing(sqlite3.connect(tmp_path / "conductor.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with asyncio.timeout(20):
                assert "its cost could not be noted" in await asked(conductor, key)
            assert upstream.requests == []
            other.execute("ROLLBACK")
        assert conductor.keys.budgets.today(key) == (0.0, 0.0)


async def test_copies_share_one_budget(tmp_path: Path, upstream: Upstream, postgres_url: Secret) -> None:
    """What one holds and spends is known to the other within a second, also of the calls it made before it started."""
    database = {"CONDUCTOR_DATABASE_URL": postgres_url.reveal()}
    async with (
        installation(tmp_path / "one", upstream, **database) as one,
        installation(tmp_path / "two", upstream, **database) as two,
    ):
        key = await new_key(one, ROOM_FOR_TEN)
        await asyncio.to_thread(until, lambda: two.keys.find(key), 2.0)
        upstream.behaviour = "silent"
        running_ones = [asyncio.create_task(one.chat(REQUEST, api_key_id=key)) for _ in range(10)]
        await asyncio.to_thread(until, lambda: two.keys.budgets.today(key).held > ROOM_FOR_TEN * 0.9, 5.0)
        assert "$0.00 is spent, $0.02 held by running calls" in await asked(two, key)
        for running_one in running_ones:
            running_one.cancel()
        await asyncio.gather(*running_ones, return_exceptions=True)
        upstream.behaviour = ""
        await asyncio.to_thread(until, lambda: two.keys.budgets.today(key).held == 0.0, 5.0)
        assert await asked(two, key) == ""
        spent = two.keys.budgets.today(key)[0]
        await asyncio.to_thread(until, lambda: one.keys.budgets.today(key)[0] == pytest.approx(spent), 5.0)


@pytest.mark.parametrize(("budget", "vendors"), [(0.004, {"openai"}), (1.0, {"openai", "anthropic"})])
async def test_a_fallback_is_held_to_the_budget_too(
    tmp_path: Path, upstream: Upstream, budget: float, vendors: set[str]
) -> None:
    """AUTO goes on with another provider only where the key can pay for it."""
    order = {"CONDUCTOR_STRATEGY": "openai,anthropic", "CONDUCTOR_AUTO_PROVIDERS": "openai,anthropic"}
    async with installation(tmp_path, upstream, **order) as conductor:
        key = await new_key(conductor, budget)
        upstream.behaviour = "status-500"
        told = await asked(conductor, key, REQUEST.model_copy(update={"provider": "auto"}))
        assert "internal error" in told
        assert {call.provider for call in conductor.store.recent_calls(10)} == vendors


async def test_auto_does_not_answer_with_less_than_was_asked_for(tmp_path: Path, upstream: Upstream) -> None:
    """Where the key can't pay for AUTO's choice, it is told so instead of being answered by whoever costs nothing."""
    async with installation(tmp_path, upstream, CONDUCTOR_STRATEGY="openai,local") as conductor:
        key = await new_key(conductor, 0.0)
        told = await asked(conductor, key, REQUEST.model_copy(update={"provider": "auto"}))
        assert told.startswith("Today's budget of the key “laptop” of $0.00 is used up ($0.00).")
        assert conductor.store.recent_calls(10) == []


async def new_key(conductor: Conductor, budget: float) -> str:
    wish = Wish("laptop", (Scope.CHAT,), budget_day=budget, requests_per_minute=None)
    return (await conductor.keys.create(wish))[0].id
