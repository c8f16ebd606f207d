"""The drill's rows, and that a drill stays apart from everything real."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_core.errors import NotConfigured, UnknownProvider
from conductor_core.kinds import CostKind, Source
from conductor_core.models import PROVIDER_PATTERN, ChatMessage, ChatRequest, MessageRole, Provider
from conductor_core.providers import DRILLS, VENDORS
from conductor_core.providers.drill import MODEL, OFF, TEMPERAMENTS
from tests.drilling import drilling
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
