"""Budgets of several copies of the app on one PostgreSQL: together they spend no more than one copy may."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from datetime import UTC
from pathlib import Path

import pytest

from conductor_core.budgets import Budgets, Reservation, highest_cost
from conductor_core.conductor import Conductor
from conductor_core.confirming import PATIENCE
from conductor_core.errors import LimitReached, ProviderError, StoreError
from conductor_core.keys.budget import KeyBudgets
from conductor_core.keys.key import Scope, Wish
from conductor_core.kinds import CostKind, IncidentKind, Outcome
from conductor_core.metrics.call import Call
from conductor_core.prompt import Prompt
from conductor_core.secret import Secret
from conductor_core.settings import Settings
from conductor_core.store.database import Store
from conductor_core.store.spending import Spending
from tests.clock import NOON, Clock
from tests.installation import installation, opened_store
from tests.keys.keys import api_key
from tests.store.rows import fresh_id, running, until
from tests.tight_budget import REQUEST, ROOM_FOR_TEN, asked, killed_with_ten_out
from tests.upstream import Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
def stores(tmp_path: Path, postgres_url: Secret) -> Iterator[list[Store]]:
    """Those of two copies."""
    with ExitStack() as both:
        yield [both.enter_context(closing(opened_store(tmp_path, postgres_url))) for _ in range(2)]


@asynccontextmanager
async def copies(
    home: Path, upstream: Upstream, url: Secret, **variables: str
) -> AsyncIterator[tuple[Conductor, Conductor]]:
    """Two Conductors on one database."""
    variables["CONDUCTOR_DATABASE_URL"] = url.reveal()
    async with (
        installation(home / "one", upstream, **variables) as one,
        installation(home / "two", upstream, **variables) as two,
    ):
        yield one, two


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is older waits for the younger ones on a slow machine, too."""
    monkeypatch.setattr("conductor_core.confirming.PATIENCE", 2.0)


@pytest.fixture
def slow(patient: None, upstream: Upstream) -> None:
    """And not until an answer makes room."""
    upstream.behaviour = "delay-3000"


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("round", range(2))
async def test_of_two_hundred_calls_in_two_copies_ten_have_room(
    tmp_path: Path, upstream: Upstream, postgres_url: Secret, round: int
) -> None:
    """All at once: neither knows of the other's when it reserves. Both know what was spent, a little later."""
    async with copies(tmp_path, upstream, postgres_url, CONDUCTOR_BUDGET_DAY=str(ROOM_FOR_TEN)) as (one, two):
        told = await asyncio.gather(*(asked(copy) for _ in range(100) for copy in (one, two)))
        assert told.count("") == len(upstream.requests) == 10
        assert all("has no room for this call" in sentence for sentence in told if sentence)
        found = one.store.recent_calls(300)
        assert {call.outcome for call in found} <= {Outcome.OK, Outcome.REFUSED}
        spent = sum(call.cost_usd or 0.0 for call in found)
        for copy in (one, two):
            await stands_at(copy, spent)


@pytest.mark.usefixtures("slow")
async def test_a_keys_budget_is_one_for_all_copies(tmp_path: Path, upstream: Upstream, postgres_url: Secret) -> None:
    """It is refused as a key's budget is, whichever copy is asked."""
    async with copies(tmp_path, upstream, postgres_url) as (one, two):
        wish = Wish("laptop", (Scope.CHAT,), budget_day=ROOM_FOR_TEN, requests_per_minute=None)
        key = (await one.keys.create(wish))[0].id
        await asyncio.to_thread(until, lambda: two.keys.find(key))
        told = await asyncio.gather(*(asked(copy, key) for _ in range(30) for copy in (one, two)))
        assert told.count("") == len(upstream.requests) == 10
        refused = "Today's budget of the key “laptop” of $0.02 has no room for this call"
        assert all(sentence.startswith(refused) for sentence in told if sentence)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("seed", range(4))
async def test_whoever_reserves_what_when_the_limit_holds(stores: list[Store], seed: int) -> None:
    """At every moment what was sent in both copies has cost, or may cost, no more than a budget."""
    rng, clock = random.Random(seed), Clock(time.time())
    limits = {"budget_day": 4.0, "budget_month": 5.0, "budgets": {"openai": {"day": 3.0}}}
    both = [Budgets(Settings.model_validate(limits), store, clock=clock, zone=UTC) for store in stores]
    sent: dict[str, dict[str, float]] = {"openai": {}, "gemini": {}}
    totals: list[float] = []

    async def call(copy: int, provider: str, usd: float, actual: float, pause: float) -> None:
        await asyncio.sleep(pause)
        try:
            reserved = both[copy].reserve(provider, usd)
        except ProviderError:
            return
        row = running(provider=provider, cost_usd=usd, cost_kind=CostKind.ESTIMATED, started_at=reserved.at)
        await stores[copy].save_call(row)
        row.latency_ms, row.outcome, row.cost_usd = 1.0, Outcome.OK, actual
        try:
            await reserved.confirm(row.id)
        except ProviderError:
            row.outcome, row.cost_usd = Outcome.REFUSED, 0.0
        else:
            sent[provider][row.id] = usd
            totals.append(sum(sum(calls.values()) for calls in sent.values()))
            assert totals[-1] <= 4.0 + 1e-9
            assert sum(sent["openai"].values()) <= 3.0 + 1e-9
            await asyncio.sleep(pause)
            sent[provider][row.id] = actual
        reserved.settle(row.cost_usd)
        await stores[copy].save_call(row)

    calls = []
    for _ in range(120):
        usd = rng.uniform(0.05, 0.6)
        actual, pause = usd * rng.random() * 0.6, rng.random() * 0.2
        calls.append(call(rng.randrange(2), rng.choice(["openai", "gemini"]), usd, actual, pause))
    await asyncio.gather(*calls)
    assert max(totals) > 1.0
    total = sum(sum(calls.values()) for calls in sent.values())
    for copy in both:
        copy.look()
        assert [line.spent + line.held for line in copy.standing()][:2] == [pytest.approx(total)] * 2
    for row in stores[0].recent_calls(200):
        assert row.outcome is not Outcome.RUNNING


def reserved(store: Store, limit: float, usd: float) -> Reservation:
    """A call's reservation in a copy that knows of no other."""
    return Budgets(Settings(budget_day=limit), store, clock=Clock(), zone=UTC).reserve("openai", usd)


def row_of(at: int, usd: float, id: str) -> Call:
    return running(id=id * 32, cost_usd=usd, cost_kind=CostKind.ESTIMATED, started_at=at)


@pytest.mark.usefixtures("patient")
async def test_of_two_that_cross_the_older_goes(stores: list[Store]) -> None:
    """It waits until the younger one, which gives way at once, is out of its way."""
    one, two = (reserved(store, 1.0, 0.6) for store in stores)
    older, younger = row_of(one.at, 0.6, "a"), row_of(two.at, 0.6, "b")
    await stores[0].save_call(older)
    await stores[1].save_call(younger)
    goes = asyncio.create_task(one.confirm(older.id))
    with pytest.raises(
        ProviderError, match=r"\$0\.00 is spent, \$0\.60 held by running calls, and it may cost \$0\.60"
    ):
        await two.confirm(younger.id)
    assert not goes.done()
    younger.outcome, younger.cost_usd = Outcome.REFUSED, 0.0
    await stores[1].save_call(younger)
    await goes


async def test_a_younger_one_that_was_sent_is_not_waited_for_long(stores: list[Store]) -> None:
    """Clocks of copies differ: a call that seems to be younger may have been sent before."""
    one = reserved(stores[0], 1.0, 0.6)
    await stores[1].save_call(row_of(one.at + 5_000, 0.6, "b"))
    await stores[0].save_call(row_of(one.at, 0.6, "a"))
    began = asyncio.get_running_loop().time()
    with pytest.raises(ProviderError, match="has no room for this call"):
        await one.confirm("a" * 32)
    assert asyncio.get_running_loop().time() - began >= PATIENCE


async def test_what_was_spent_elsewhere_is_told_as_spent(stores: list[Store]) -> None:
    """In the sentence, and to whoever asks next: the look was not for one call only."""
    made = Budgets(Settings(budget_day=1.0), stores[0], str.title, clock=Clock(), zone=UTC)
    stopped: list[str] = []
    made.on_stop(lambda budget, sentence, start, end: stopped.append(sentence))
    one = made.reserve("openai", 0.1)
    await stores[0].save_call(row_of(one.at, 0.1, "a"))
    spent = row_of(one.at, 1.0, "b")
    spent.outcome = Outcome.OK
    await stores[1].save_call(spent)
    with pytest.raises(ProviderError) as refused:
        await one.confirm("a" * 32)
    assert str(refused.value) == (
        "Today's budget of $1.00 is used up ($1.00). It starts anew at 00:00. "
        "Raise CONDUCTOR_BUDGET_DAY in Settings, or use a free provider."
    )
    assert (refused.value.kind, stopped) == (Outcome.BUDGET, [str(refused.value)])
    one.settle(0.0)
    assert made.refusal("gemini", 0.1) == str(refused.value)


async def test_a_call_is_held_to_the_day_it_began_in(stores: list[Store]) -> None:
    """Also when it is midnight meanwhile."""
    clock = Clock(NOON + 43_199)
    made = Budgets(Settings(budget_day=1.0), stores[0], clock=clock, zone=UTC)
    one = made.reserve("openai", 0.6)
    clock.now += 2
    other = made.reserve("openai", 0.6)
    for id, reservation in (("a", one), ("b", other)):
        await stores[0].save_call(row_of(reservation.at, 0.6, id))
    await stores[1].save_call(row_of(one.at - 1, 0.6, "c"))
    await other.confirm("b" * 32)
    with pytest.raises(ProviderError):
        await one.confirm("a" * 32)


async def test_where_nobody_can_tell_nothing_is_sent(
    tmp_path: Path, upstream: Upstream, postgres_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row says that nothing was; what was reserved is given back."""
    async with copies(tmp_path, upstream, postgres_url, CONDUCTOR_BUDGET_DAY="5") as (one, _):
        monkeypatch.setattr(Spending, "look", _unreadable)
        assert (await asked(one)).startswith("Nothing was sent, because its cost could not be noted.")
        assert upstream.requests == []
        [line] = one.gateway.budgets.standing()
        assert line.held == 0.0
        await one.store.rename("none", "none")
        assert [call.outcome for call in one.store.recent_calls(2)] == [Outcome.REFUSED]


async def test_a_call_that_was_refused_at_last_is_an_incident(
    tmp_path: Path, upstream: Upstream, postgres_url: Secret
) -> None:
    """As one that is refused at first."""
    async with copies(tmp_path, upstream, postgres_url, CONDUCTOR_BUDGET_DAY="5") as (one, two):
        one.gateway.budgets.close()  # it learns nothing but before it sends
        await two.store.save_call(running(id=fresh_id(), cost_usd=5.0, started_at=_now(one)))
        assert "$5.00 held by running calls" in await asked(one)
        assert upstream.requests == []
        await one.store.rename("none", "none")
        [incident] = one.store.incidents(0, 10**15)
        assert incident.kind is IncidentKind.BUDGET


async def test_a_copy_that_is_killed_gives_nothing_back(
    tmp_path: Path, upstream: Upstream, postgres_url: Secret
) -> None:
    """What its calls may have cost is held in the others, and spent once they are known to be interrupted."""
    upstream.behaviour = "silent"
    limits = {"CONDUCTOR_DATABASE_URL": postgres_url.reveal(), "CONDUCTOR_BUDGET_DAY": str(ROOM_FOR_TEN)}
    async with installation(tmp_path / "one", upstream, **limits) as one:
        await killed_with_ten_out(tmp_path / "killed", upstream, 10, **limits)
        usd = highest_cost(one.providers.get("openai"), Prompt.from_request(REQUEST))
        assert usd
        upstream.behaviour = ""
        assert "held by running calls" in await asked(one)
        async with installation(tmp_path / "two", upstream, **limits) as two:  # finds the dead one's slot free
            for copy in (one, two):
                await stands_at(copy, 10 * usd)
                assert "has no room for this call" in await asked(copy)
        assert len(upstream.requests) == 10


async def test_who_shares_nothing_or_has_no_budget_looks_at_nothing(
    tmp_path: Path, upstream: Upstream, postgres_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file once at the start; on PostgreSQL without a budget never."""
    looks: list[object] = []
    looked = Spending.look

    def counted(self: Spending, spans: set[tuple[int, int]]) -> object:
        looks.append(spans)
        return looked(self, spans)

    monkeypatch.setattr(Spending, "look", counted)
    async with installation(tmp_path / "file", upstream, CONDUCTOR_BUDGET_DAY="5") as conductor:
        for _ in range(3):
            assert await asked(conductor) == ""
        assert len(looks) == 1
    looks.clear()
    async with copies(tmp_path, upstream, postgres_url) as (one, _):
        for _ in range(3):
            assert await asked(one) == ""
        one.gateway.budgets.look()
        assert looks == []


async def test_a_key_whose_budget_was_found_full_is_told_when_to_ask_again(stores: list[Store]) -> None:
    """As at the first look."""
    key = api_key(budget_day=1.0)
    budgets = KeyBudgets(stores[0], {key.id: key}.get, clock=Clock(), zone=UTC)
    hold = budgets.reserve(key.id, 0.6)
    assert hold
    everyone = Budgets(Settings(), stores[0], clock=Clock(), zone=UTC)
    one = Reservation(everyone, "openai", 0.6, int(hold.at * 1000), True, hold)
    mine, others = row_of(one.at, 0.6, "b"), row_of(one.at, 0.6, "a")
    mine.api_key_id = others.api_key_id = key.id
    await stores[0].save_call(mine)
    await one.confirm(mine.id)
    await stores[1].save_call(others)
    with pytest.raises(LimitReached) as refused:
        await one.confirm(mine.id)
    assert refused.value.retry_after == 5.0


async def stands_at(conductor: Conductor, spent: float) -> None:
    """Waits until so much is spent of the only budget, and nothing held."""

    def it_does() -> bool:
        [line] = conductor.gateway.budgets.standing()
        return abs(line.spent - spent) < 1e-9 and line.held == 0.0

    await asyncio.to_thread(until, it_does)


def _now(conductor: Conductor) -> int:
    return int(conductor.gateway.budgets._clock() * 1000)


def _unreadable(*_: object) -> None:
    raise StoreError("The database is away.")
