"""What a prompt may cost and who may not be asked, before it is sent: for the page to say so beside its button."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from conductor_core.budgets import highest_cost
from conductor_core.errors import ProviderError, UserError
from conductor_core.kinds import ProviderState
from conductor_core.pricing import Usage, estimate_tokens
from conductor_core.prompt import Prompt

if TYPE_CHECKING:
    from conductor_core.providers.base import BaseProvider
    from conductor_core.routing.gateway import Gateway

SHORT_ANSWER = 100
"""Tokens of an answer of a model that has not answered yet."""
NEWEST = 2_000
"""Among so many newest calls a model's answers are looked for."""

Lengths = Mapping[tuple[str, str], Sequence[int]]
"""Tokens of answers, by provider and model."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is to be expected of one lane.

    Attributes:
        provider: as the lane names it; it may be `auto`.
        low: USD for an answer as long as that model's usually are; None: price unknown, 0: free.
        high: USD for the longest answer the lane allows; of AUTO at the dearest who may be asked.
        closed: why it is not asked just now (its breaker is open, it lacks a key), as a sentence.
        over_budget: why a budget would refuse it, as a sentence.
    """

    provider: str
    low: float | None = None
    high: float | None = None
    closed: str = ""
    over_budget: str = ""

    @property
    def unknown(self) -> bool:
        """Whether nobody knows the price."""
        return self.high is None

    @property
    def free(self) -> bool:
        return self.high == 0.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What sending a prompt takes of the model that would be asked.

    Attributes:
        provider: of AUTO, whom it would ask first.
        model: empty where the server has its own default.
        tokens: of the prompt with all that goes along, as we count.
        answer: tokens its answer is expected to have.
        window: tokens prompt and answer may have together; None: nobody says.
        cost: USD of both; None: price unknown, 0: free.
    """

    provider: str
    model: str
    tokens: int
    answer: int
    window: int | None
    cost: float | None

    @property
    def fits(self) -> bool:
        """Whether there is room for prompt and answer, as far as is known."""
        return self.window is None or self.tokens + self.answer <= self.window


def expected_cost(prompts: Iterable[tuple[str, Prompt]], gateway: Gateway, lengths: Lengths) -> list[Expectation]:
    """One expectation per prompt that has not been sent. On the event loop; asks nobody and reserves nothing.

    Args:
        prompts: each with its provider's name, which may be `auto`.
        lengths: `Store.completion_lengths(NEWEST)`.
    """
    return [_expected(name, prompt, gateway, lengths) for name, prompt in prompts]


def outlook_of(name: str, prompt: Prompt, gateway: Gateway, lengths: Lengths) -> Outlook | None:
    """What a prompt takes that has not been sent; None while nobody may be asked. As `expected_cost` otherwise."""
    try:
        provider = gateway.routed(name, prompt).provider
    except (ProviderError, UserError):
        return None
    return Outlook(
        provider.name,
        prompt.model or provider.default_model or "",
        estimate_tokens(prompt.characters),
        _usual_tokens(provider, prompt, lengths),
        provider.context_window(prompt.model),
        _usual_cost(provider, prompt, lengths),
    )


def _expected(name: str, prompt: Prompt, gateway: Gateway, lengths: Lengths) -> Expectation:
    try:
        route = gateway.routed(name, prompt)
        route.provider.require_configured()
    except ProviderError as error:  # a budget has no room for it
        return Expectation(
            name, *_range([gateway.providers.get(error.provider)], prompt, lengths), over_budget=str(error)
        )
    except UserError as error:
        return Expectation(name, closed=str(error))
    over_budget, first = gateway.over_budget(route.provider, prompt), route.provider
    stands = gateway.standing(first.name, prompt.model or first.default_model)
    return Expectation(
        name,
        *_range(route.providers, prompt, lengths),
        closed=stands.reason if stands.state is ProviderState.OPEN else "",
        over_budget=str(over_budget or ""),
    )


def _range(providers: Sequence[BaseProvider], prompt: Prompt, lengths: Lengths) -> tuple[float | None, float | None]:
    """From the cheapest usual answer to the dearest longest one; an unknown price makes the top unknown."""
    lows = [low for provider in providers if (low := _usual_cost(provider, prompt, lengths)) is not None]
    highs = [highest_cost(provider, prompt) for provider in providers]
    known = [high for high in highs if high is not None]
    return min(lows, default=None), max(known) if len(known) == len(highs) else None


def _usual_cost(provider: BaseProvider, prompt: Prompt, lengths: Lengths) -> float | None:
    """USD of an answer as long as this model's usually are."""
    if provider.is_free(prompt.model):
        return 0.0
    tokens = Usage(estimate_tokens(prompt.characters), _usual_tokens(provider, prompt, lengths))
    return provider.estimate_cost(tokens, prompt.model)


def _usual_tokens(provider: BaseProvider, prompt: Prompt, lengths: Lengths) -> int:
    """How long this model's answers usually are, within what the prompt allows."""
    model = prompt.model or provider.default_model or ""
    usual = round(median(lengths.get((provider.name, model), (SHORT_ANSWER,))))
    return min(usual, prompt.max_tokens or usual)
