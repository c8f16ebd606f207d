"""From a provider's name to a provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest, SettingsError, UnknownProvider
from conductor_core.models import MessageRole
from conductor_core.prompt import Message, Prompt
from conductor_core.routing.router import Router
from tests.installation import installation
from tests.upstream import Upstream


@pytest.fixture
async def conductor(tmp_path: Path) -> AsyncIterator[Conductor]:
    async with Upstream() as upstream, installation(tmp_path, upstream) as opened:
        yield opened


@pytest.fixture
def router(conductor: Conductor) -> Router:
    return Router(conductor.providers, conductor.live)


def prompt(model: str | None = None) -> Prompt:
    return Prompt((Message.of(MessageRole.USER, "Hello"),), model=model)


async def test_a_named_provider_is_taken_at_its_word(router: Router) -> None:
    """Without a strategy, without a receipt, with any model, configured or not."""
    for name in ("openai", "gemini"):
        route = router.route(name, prompt("anything"))
        assert (route.provider.name, route.strategy, route.receipt) == (name, None, None)


async def test_auto_says_who_and_why(router: Router) -> None:
    """The receipt names the winner and all it was chosen from."""
    route = router.route("auto", prompt())
    assert route.receipt
    assert (route.provider.name, route.strategy, route.receipt["winner"]) == ("openai", "balanced", "openai")
    assert [candidate["provider"] for candidate in route.receipt["candidates"]] == ["openai", "anthropic", "local"]


async def test_the_route_goes_on_where_the_winner_fails(router: Router) -> None:
    """Every usable provider follows, in the order of the choice, for whoever falls back."""
    route = router.route("auto", prompt())
    assert [provider.name for provider in route.providers] == ["openai", "anthropic", "local"]


async def test_strategy_and_pins_are_the_settings(conductor: Conductor) -> None:
    """An order of one's own, and only those who may be used; changed settings hold from the next prompt on."""
    router = Router(conductor.providers, conductor.live, "anthropic,openai")
    assert router.route("auto", prompt()).provider.name == "anthropic"
    router.apply("balanced", frozenset({"local"}))
    route = router.route("auto", prompt())
    assert [provider.name for provider in route.providers] == ["local"]
    assert route.receipt
    assert [other["provider"] for other in route.receipt["passed_over"]] == ["openai", "anthropic"]
    with pytest.raises(SettingsError):
        router.apply("best")


async def test_running_calls_and_prices_are_seen(conductor: Conductor) -> None:
    """The receipt shows what the choice knew: calls in flight, the price of this prompt, the window."""
    flight = conductor.live.begin("openai", "gpt-4.1-mini")
    route = Router(conductor.providers, conductor.live).route("auto", prompt())
    flight.end()
    assert route.receipt
    found = {candidate["provider"]: candidate for candidate in route.receipt["candidates"]}
    assert found["openai"]["in_flight"] == 1
    assert found["openai"]["context_window"] > 100_000
    assert 0 < found["openai"]["expected_usd"] < found["anthropic"]["expected_usd"]
    assert (found["local"]["expected_usd"], found["local"]["context_window"]) == (0.0, 2048)


async def test_auto_takes_no_model(router: Router) -> None:
    """A model belongs to a provider; whose this one is, nobody said."""
    with pytest.raises(InvalidRequest, match="name the provider"):
        router.route("auto", prompt("gpt-4.1-mini"))


async def test_an_unknown_name_lists_the_known(router: Router) -> None:
    """It is a mistake of the caller, not of any provider."""
    with pytest.raises(UnknownProvider, match="gemini, openai, anthropic"):
        router.route("opnai", prompt())
