"""From a provider's name to a provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest, SettingsError, UnknownProvider
from conductor_core.kinds import Source
from conductor_core.models import MessageRole
from conductor_core.prompt import AnswerFormat, Message, Prompt, Tool
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


async def test_a_prompt_may_have_a_strategy_of_its_own(router: Router) -> None:
    """It holds for that prompt alone, goes on counting from one prompt to the next, and is named in the receipt."""
    turns = [router.route("auto", prompt(), "round_robin") for _ in range(3)]
    assert [route.provider.name for route in turns] == ["openai", "anthropic", "openai"]
    assert {route.strategy for route in turns} == {"round_robin"}
    assert router.route("auto", prompt()).strategy == "balanced"
    with pytest.raises(SettingsError, match="no such strategy"):
        router.route("auto", prompt(), "luckiest")


@pytest.mark.parametrize(
    ("more", "left", "words"),
    [
        ({"tools": (Tool("look"),)}, ["openai", "anthropic"], "It takes no tools."),
        ({"answer_format": AnswerFormat()}, ["openai", "local"], "It takes no response_format json_object."),
        ({"answer_format": AnswerFormat({"type": "object"})}, ["openai", "anthropic", "local"], ""),
        ({"presence_penalty": 0.5}, ["openai", "local"], "It takes no presence_penalty or frequency_penalty."),
        ({"frequency_penalty": 0.0}, ["openai", "anthropic", "local"], ""),
    ],
    ids=["tools", "json", "schema", "penalties", "no penalty"],
)
async def test_auto_passes_over_who_does_not_take_what_the_prompt_holds(
    router: Router, more: dict[str, Any], left: list[str], words: str
) -> None:
    """And says so; the receipt can be stored."""
    route = router.route("auto", replace(prompt(), **more))
    assert [provider.name for provider in route.providers] == left
    receipt = orjson.loads(orjson.dumps(route.receipt))
    assert {other["reason"] for other in receipt["passed_over"]} == ({words} if words else set())


@pytest.mark.parametrize(
    ("name", "more", "field"),
    [
        ("local", {"tools": (Tool("look"),)}, "tools"),
        ("anthropic", {"answer_format": AnswerFormat()}, "response_format"),
        ("anthropic", {"frequency_penalty": 1.0}, "presence_penalty"),
    ],
)
async def test_a_named_provider_refuses_what_it_does_not_take(
    conductor: Conductor, name: str, more: dict[str, Any], field: str
) -> None:
    """By the name of the parameter, before any row is written and any place is taken."""
    with pytest.raises(InvalidRequest, match="takes no ") as caught:
        conductor.gateway.begin(name, replace(prompt(), **more), source=Source.API)
    assert caught.value.field == field
    assert conductor.gateway.bulkheads.requests == 0
