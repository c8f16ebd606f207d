"""From a provider's name to a provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest, UnknownProvider
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
    assert (route.provider.name, route.strategy, route.receipt["winner"]) == ("openai", "auto", "openai")
    assert [candidate["provider"] for candidate in route.receipt["candidates"]] == ["openai", "anthropic", "local"]


async def test_auto_takes_no_model(router: Router) -> None:
    """A model belongs to a provider; whose this one is, nobody said."""
    with pytest.raises(InvalidRequest, match="name the provider"):
        router.route("auto", prompt("gpt-4.1-mini"))


async def test_an_unknown_name_lists_the_known(router: Router) -> None:
    """It is a mistake of the caller, not of any provider."""
    with pytest.raises(UnknownProvider, match="gemini, openai, anthropic"):
        router.route("opnai", prompt())
