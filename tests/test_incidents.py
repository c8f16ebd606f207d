"""Incidents: one row each, with start, end and reason, from what really happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_core.budget import Budget
from conductor_core.budgets import Budgets
from conductor_core.errors import ProviderError
from conductor_core.incidents import BURST, Incidents, Step
from conductor_core.kinds import IncidentKind, Outcome
from conductor_core.periods import Span
from conductor_core.routing.breaker import CircuitState
from conductor_core.settings import Settings
from conductor_core.store.database import Store
from conductor_core.store.records import Incident
from conductor_core.turns import LaneSetup
from tests.installation import installation
from tests.store.rows import finished
from tests.upstream import Upstream

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
LIMITED = finished(provider="openai", outcome=Outcome.RATE_LIMITED)


@pytest.fixture
def store(file_store: Store) -> Store:
    return file_store


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


class Told:
    """What listeners were told, and a way to wait for it."""

    def __init__(self, incidents: Incidents) -> None:
        self.steps: list[tuple[Step, IncidentKind]] = []
        self._news = asyncio.Event()
        incidents.on_change(self._take)

    def _take(self, incident: Incident, step: Step) -> None:
        self.steps.append((step, incident.kind))
        self._news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.steps) < count:
                self._news.clear()
                await self._news.wait()


def kept(store: Store) -> list[Incident]:
    """Every row, the oldest first, once all are committed."""
    store.rename("none", "none").result(5)
    return store.incidents(0, 10**15)[::-1]


async def test_a_breaker_is_one_incident_until_it_closes(store: Store) -> None:
    """Opened, probed, opened again and closed: one row, from the first to the last, that says why."""
    incidents = Incidents(store)
    told = Told(incidents)
    incidents.breaker_changed("openai", "gpt", CLOSED, OPEN, "The last 3 calls failed", 10.0)
    incidents.breaker_changed("openai", "gpt", OPEN, HALF_OPEN, "one call is let through", 40.0)
    incidents.breaker_changed("openai", "gpt", HALF_OPEN, OPEN, "It failed again", 41.0)
    [lasting] = kept(store)
    assert (lasting.started_at, lasting.ended_at, lasting.reason) == (10_000, None, "It failed again.")
    incidents.breaker_changed("openai", "gpt", HALF_OPEN, CLOSED, "A call succeeded", 101.0)
    [over] = kept(store)
    assert (over.kind, over.provider, over.model) == (IncidentKind.BREAKER, "openai", "gpt")
    assert (over.started_at, over.ended_at) == (10_000, 101_000)
    assert over.reason == "It failed again. A call succeeded."
    assert told.steps == [(Step.BEGAN, IncidentKind.BREAKER), (Step.ENDED, IncidentKind.BREAKER)]
    incidents.breaker_changed("openai", "gpt", HALF_OPEN, CLOSED, "A call succeeded", 102.0)
    assert len(kept(store)) == 1


async def test_refusals_in_a_burst_are_one_incident(store: Store) -> None:
    """From the third within the time on, until there was none for as long; it tells how many there were."""
    incidents = Incidents(store, str.title, burst_seconds=0.1)
    told = Told(incidents)
    for _ in range(BURST - 1):
        incidents.call_ended(LIMITED)
    assert kept(store) == []
    for _ in range(3):
        incidents.call_ended(LIMITED)
    [lasting] = kept(store)
    assert (lasting.kind, lasting.ended_at) == (IncidentKind.RATE_LIMITS, None)
    await told.until(2)
    [over] = kept(store)
    assert over.ended_at is not None
    assert lasting.started_at <= over.ended_at
    assert over.reason == "Openai refused 5 calls as too many (429)."


async def test_refusals_far_apart_are_none(store: Store) -> None:
    """Three refusals, but not within the time; and other faults do not count."""
    incidents = Incidents(store, burst_seconds=0.0)
    for _ in range(5):
        incidents.call_ended(LIMITED)
    incidents = Incidents(store)
    for outcome in (Outcome.OK, Outcome.SERVER_ERROR, Outcome.QUOTA):
        incidents.call_ended(finished(outcome=outcome))
    assert kept(store) == []


async def test_a_budget_stops_once_a_period(store: Store) -> None:
    """Every further refusal of the day is the same incident, after a restart, too; it ends with the day."""
    budget = Budget(Span.DAY, "", 5.0, "CONDUCTOR_BUDGET_DAY")
    first = Incidents(store, clock=lambda: 1_000.0)
    told = Told(first)
    for _ in range(3):
        first.budget_stopped(budget, "Today's budget is used up.", 0, 86_400_000)
    kept(store)
    Incidents(store, clock=lambda: 2_000.0).budget_stopped(budget, "Today's budget is used up.", 0, 86_400_000)
    [incident] = kept(store)
    assert (incident.kind, incident.started_at, incident.ended_at) == (IncidentKind.BUDGET, 1_000_000, 86_400_000)
    assert incident.lasts(5_000_000)
    assert not incident.lasts(86_400_000)
    assert told.steps == [(Step.BEGAN, IncidentKind.BUDGET)]


async def test_a_raised_budget_ends_its_stop(store: Store) -> None:
    """Raised, it has room; raised too little, it has not."""
    budgets = Budgets(Settings(budget_day=1.0), store)
    incidents = Incidents(store)
    budgets.on_stop(incidents.budget_stopped)
    budgets.reserve("openai", 1.0).settle(1.5)
    with pytest.raises(ProviderError):
        budgets.reserve("openai", 1.0)
    budgets.apply(Settings(budget_day=1.5))
    incidents.budgets_changed(budgets.standing())
    [lasting] = kept(store)
    budgets.apply(Settings(budget_day=9.0))
    incidents.budgets_changed(budgets.standing())
    [over] = kept(store)
    assert lasting.ended_at
    assert over.ended_at
    assert over.ended_at < lasting.ended_at


async def test_closing_ends_what_nobody_watches_any_more(store: Store) -> None:
    """Open breakers and bursts end with the process; a budget's end was known."""
    incidents = Incidents(store)
    incidents.breaker_changed("openai", "", CLOSED, OPEN, "The last 3 calls failed", 10.0)
    for _ in range(BURST):
        incidents.call_ended(LIMITED)
    incidents.close()
    assert [incident.ended_at is None for incident in kept(store)] == [False, False]


async def test_a_fallback_is_told_as_the_thread_tells_it(tmp_path: Path, upstream: Upstream) -> None:
    """One row per request: who failed, when, and who answered; and the breaker of the one that was refused."""
    models = {"CONDUCTOR_DEFAULT_MODELS__OPENAI": "any-status-401"}
    async with installation(tmp_path, upstream, **models) as conductor:
        conductor.gateway.router.apply("openai,anthropic")
        turn = await conductor.conversations.start_turn("Hello", [LaneSetup()])
        await turn.wait()
        found = {incident.kind: incident for incident in kept(conductor.store)}
        fallback, breaker = found.pop(IncidentKind.FALLBACK), found.pop(IncidentKind.BREAKER)
        assert found == {}
        assert (fallback.provider, fallback.model) == ("openai", "any-status-401")
        assert fallback.reason == "OpenAI refused the key; answered by Anthropic."
        assert fallback.ended_at is not None
        assert fallback.started_at <= fallback.ended_at
        assert (breaker.provider, breaker.model, breaker.ended_at) == ("openai", "", None)
        conductor.gateway.breakers.recover_now("openai")
        assert next(one for one in kept(conductor.store) if one.id == breaker.id).reason.endswith("Closed by hand.")


async def test_a_restart_is_no_incident(tmp_path: Path, upstream: Upstream) -> None:
    """Breakers that open while stored calls are read back tell nothing new."""
    models = {"CONDUCTOR_DEFAULT_MODELS__OPENAI": "any-status-500", "CONDUCTOR_ATTEMPTS": "3"}
    async with installation(tmp_path, upstream, **models) as conductor:
        turn = await conductor.conversations.start_turn("Hello", [LaneSetup(provider="openai")])
        await turn.wait()
        before = kept(conductor.store)
    assert [incident.kind for incident in before] == [IncidentKind.BREAKER]
    async with installation(tmp_path, upstream, **models) as conductor:
        after = kept(conductor.store)
        assert [incident.id for incident in after] == [incident.id for incident in before]
        assert after[0].ended_at is not None
