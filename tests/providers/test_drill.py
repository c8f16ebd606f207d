"""The drill's rows, and that a drill stays apart from everything real."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_core.answers import Answer
from conductor_core.errors import NotConfigured, ProviderError, UnknownProvider
from conductor_core.kinds import CostKind, LaneState, ProviderState, Source
from conductor_core.models import PROVIDER_PATTERN, ChatMessage, ChatRequest, MessageRole, Provider
from conductor_core.providers import DRILLS, VENDORS
from conductor_core.providers.drill import MODEL, OFF, TEMPERAMENTS, Behaviour
from conductor_core.routing.breaker import CircuitState
from conductor_core.turns import LaneSetup
from tests.drilling import Drill, drilling, tamed
from tests.installation import installation
from tests.upstream import Upstream

NAMES = [vendor.name for vendor in DRILLS]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


def request(provider: str = "auto") -> ChatRequest:
    return ChatRequest(provider=provider, messages=[ChatMessage(role=MessageRole.USER, content="Hello")])


def test_rows_are_named_like_any_other_and_are_no_public_values() -> None:
    """A row, a URL and a colour take their names; neither the list of vendors nor the public enumeration has them."""
    assert all(re.fullmatch(PROVIDER_PATTERN, name) for name in NAMES)
    assert all(vendor.simulated and vendor.label.startswith("Drill · ") for vendor in DRILLS)
    assert not any(vendor.simulated for vendor in VENDORS)
    assert not {vendor.name for vendor in VENDORS} & set(NAMES)
    assert not {provider.value for provider in Provider} & set(NAMES)


def test_a_mishap_is_never_the_rule() -> None:
    """Whoever is left to its nature answers most calls."""
    assert all(sum(share for share, _ in nature.mishaps) < 0.5 for nature in TEMPERAMENTS.values())


async def test_off_they_are_neither_offered_nor_known_nor_called(tmp_path: Path, upstream: Upstream) -> None:
    """No picker, no status, no list of names has them; named all the same, the answer is that the drill is off."""
    async with installation(tmp_path, upstream) as conductor:
        offered = [provider.name for provider in conductor.providers.available()]
        assert not {*offered, *conductor.providers.names(), *conductor.models()} & set(NAMES)
        assert not {status.name for status in conductor.status().providers} & set(NAMES)
        with pytest.raises(NotConfigured, match=re.escape(OFF)):
            await conductor.chat(request("drill_swift"))
        with pytest.raises(UnknownProvider) as refused:
            await conductor.chat(request("nobody"))
        assert "drill" not in str(refused.value)
        assert conductor.providers.label("drill_swift") == "Drill · swift"
        assert (await conductor.chat(request())).provider not in NAMES


async def test_on_auto_asks_only_them(tmp_path: Path, upstream: Upstream) -> None:
    """Though real providers are configured, none of them is asked, offered or counted."""
    async with drilling(tmp_path, upstream) as drill:
        conductor = drill.conductor
        for _ in range(3):
            response = await conductor.chat(request())
            assert response.provider in NAMES
            assert response.model == MODEL
        assert upstream.requests == []
        assert [provider.name for provider in conductor.providers.available()] == NAMES
        status = conductor.status()
        assert [provider.name for provider in status.providers] == NAMES
        assert status.total_requests == 3


async def test_a_real_provider_that_is_named_is_still_reached(tmp_path: Path, upstream: Upstream) -> None:
    """A drill overrides nobody's explicit choice, and that call is counted as what it is."""
    async with drilling(tmp_path, upstream) as drill:
        assert (await drill.conductor.chat(request("openai"))).provider == "openai"
        assert len(upstream.requests) == 1
        assert drill.conductor.store.recent_calls(1)[0].source is Source.API
        assert drill.conductor.status().total_requests == 0


async def test_its_calls_are_told_apart_in_the_rows(tmp_path: Path, upstream: Upstream) -> None:
    """Their source is `drill` wherever they were asked from; charts, totals and a restart's seeds leave them out."""
    async with drilling(tmp_path, upstream) as drill:
        await drill.conductor.chat(request("drill_steady"), Source.CHAT)
        await drill.conductor.chat(request("openai"), Source.CHAT)
        store = drill.conductor.store
        assert store.call_columns(0, 2**62, ["provider", "source"]) == [("openai", Source.CHAT)]
        assert store.call_columns(0, 2**62, ["provider", "source"], drill=True) == [("drill_steady", Source.DRILL)]
        assert {call.provider for call in store.last_calls(20)} == {"openai"}


async def test_its_prices_enter_no_real_total(tmp_path: Path, upstream: Upstream) -> None:
    """A simulated answer has a price, and the total after the drill is that of the real calls alone."""
    async with drilling(tmp_path, upstream) as drill:
        response = await drill.conductor.chat(request("drill_swift"))
        assert response.cost_kind is CostKind.REPORTED
        assert response.cost_usd
        await drill.conductor.chat(request("openai"))
        await drill.conductor.configuration.set_drill(False)
        status = drill.conductor.status()
        openai = drill.conductor.store.recent_calls(1)[0]
        assert (status.total_requests, status.total_cost_usd) == (1, openai.cost_usd)


async def test_the_switch_takes_hold_at_once_both_ways(tmp_path: Path) -> None:
    """For this run, the answer after it comes from a simulated provider; ended, they are gone from what is offered."""
    async with installation(tmp_path) as conductor:
        await conductor.configuration.set_drill(True)
        assert [provider.name for provider in conductor.providers.available()] == NAMES
        await conductor.configuration.set_drill(False)
        assert not {provider.name for provider in conductor.providers.available()} & set(NAMES)
        assert not (tmp_path / ".env").exists()


@pytest.mark.parametrize("keep", [False, True])
async def test_the_switch_ends_what_the_environment_began(tmp_path: Path, keep: bool) -> None:
    """A drill begun by a variable is ended for this run; a saved one is also forgotten for the next."""
    async with drilling(tmp_path) as drill:
        await drill.conductor.configuration.set_drill(True, keep=keep)
        assert (tmp_path / ".env").exists() is keep
        await drill.conductor.configuration.set_drill(False)
        assert not drill.conductor.settings.drill
        assert not drill.conductor.environment.saved("CONDUCTOR_DRILL")


async def test_a_drill_leaves_real_breakers_as_they_are(tmp_path: Path, upstream: Upstream) -> None:
    """A real provider that is passed over stays so while a drill begins and ends; a drill begins afresh."""
    async with drilling(tmp_path, upstream) as drill:
        breakers = drill.conductor.gateway.breakers
        for name in ("openai", "drill_swift"):
            breakers.cool(name, None, 60.0, "The last 3 calls failed")
        await drill.conductor.configuration.set_drill(False)
        await drill.conductor.configuration.set_drill(True)
        assert breakers.state("openai", None).state is CircuitState.OPEN
        assert breakers.state("drill_swift", None).state is CircuitState.CLOSED


async def test_one_is_killed_and_comes_back(tmp_path: Path) -> None:
    """The next answer is another's, the thread says so and the receipt why; its breaker opens with reason and
    countdown, and after it returns one call closes it."""
    async with drilling(tmp_path, CONDUCTOR_BREAKER_PAUSE="0.2", CONDUCTOR_RETRY_BASE="0.001") as drill:
        conductor = drill.conductor
        name = (await _ask(drill)).provider
        killed = tamed(conductor.providers, name)
        killed.behaviour = Behaviour.FAILING
        answer = await _asked_first(drill, name)
        assert answer.state is LaneState.DONE
        assert answer.provider != name
        label = conductor.providers.label
        assert any(label(name) in told and f"answered by {label(answer.provider)}" in told for told in answer.notices)
        assert answer.receipt is not None
        assert [attempt["provider"] for attempt in answer.receipt["attempts"]][-1] == answer.provider
        assert answer.receipt["answered_by"] == answer.provider

        breakers = conductor.gateway.breakers
        while breakers.state(name, MODEL).state is CircuitState.CLOSED:
            with pytest.raises(ProviderError):
                await conductor.chat(request(name))
        status = next(one for one in conductor.status().providers if one.name == name)
        assert status.state is ProviderState.OPEN
        assert re.search(r"failed, lately: .*\(503\)\. Passed over for \d+ s\.", status.reason)

        killed.behaviour = Behaviour.USUAL
        before = killed.total_requests
        while breakers.state(name, MODEL).state is CircuitState.OPEN:
            await asyncio.sleep(0.01)
        assert (await conductor.chat(request(name))).provider == name
        assert killed.total_requests == before + 1
        assert breakers.state(name, MODEL).state is CircuitState.CLOSED


async def _ask(drill: Drill) -> Answer:
    """One question to AUTO, answered."""
    turn = await drill.conductor.conversations.start_turn("Who is there?", [LaneSetup()])
    await turn.wait()
    return turn.exchange().answers[0]


async def _asked_first(drill: Drill, name: str) -> Answer:
    """Asks AUTO until it tries that provider first: now and then it tries another to learn how it does."""
    for _ in range(50):
        answer = await _ask(drill)
        if answer.receipt and answer.receipt["attempts"][0]["provider"] == name:
            return answer
    raise AssertionError(f"{name} was never asked first")
