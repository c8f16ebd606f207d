"""Which provider a prompt goes to: the one named, or AUTO's choice."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conductor_core.errors import InvalidRequest
from conductor_core.metrics.live import LiveMetrics, Standing
from conductor_core.models import Provider
from conductor_core.prompt import Prompt
from conductor_core.providers import BaseProvider, Registry
from conductor_core.routing.candidates import NOT_RATED, Limits, Refusal, candidates_of, job_of
from conductor_core.routing.choice import Choice, choose
from conductor_core.routing.strategies import Strategy, strategy_named


@dataclass(frozen=True, slots=True)
class Route:
    """The providers to try, best first; only AUTO has more than one, and a choice that says why."""

    providers: tuple[BaseProvider, ...]
    choice: Choice | None = None

    @property
    def provider(self) -> BaseProvider:
        return self.providers[0]

    @property
    def strategy(self) -> str | None:
        return self.choice.strategy if self.choice else None

    @property
    def receipt(self) -> dict[str, Any] | None:
        """The choice as plain values, made anew each time."""
        return self.choice.receipt() if self.choice else None


class Router:
    """Turns a provider's name into providers. On one thread.

    Attributes:
        quality: ratings by (provider, model) that choices go by; made elsewhere, never while choosing.

    Args:
        providers: the registry.
        live: the facts AUTO goes by.
        strategy: a strategy's name, or an order of providers, comma-separated.
        pinned: the only providers AUTO may use; empty: all.
        standing: state and reason of a (provider, model); when not given, as the live figures judge.
        refusals: what else may rule a candidate out, each with a reason (a budget).

    Raises:
        SettingsError: there is no such strategy.
    """

    def __init__(
        self,
        providers: Registry,
        live: LiveMetrics,
        strategy: str = "balanced",
        *,
        pinned: frozenset[str] = frozenset(),
        standing: Callable[[str, str], Standing] | None = None,
        refusals: tuple[Refusal, ...] = (),
    ) -> None:
        self._providers = providers
        self._live = live
        self._standing = standing
        self._refusals = refusals
        self._random = random.Random()  # noqa: S311 - which of two equals goes first is no secret
        self._strategy_name = ""
        self._asked: dict[str, Strategy] = {}
        self.quality = NOT_RATED
        self.apply(strategy, pinned)

    def apply(self, strategy: str, pinned: frozenset[str] = frozenset()) -> None:
        """Puts other settings in force.

        Raises:
            SettingsError: there is no such strategy.
        """
        if strategy != self._strategy_name:
            self._strategy, self._strategy_name = strategy_named(strategy), strategy
        self._limits = Limits(pinned, self._refusals)

    def refuse_by(self, *refusals: Refusal) -> None:
        """Puts other refusals in force."""
        self._refusals = refusals
        self._limits = Limits(self._limits.pinned, refusals)

    def route(self, name: str, prompt: Prompt, strategy: str | None = None) -> Route:
        """The route for one prompt.

        Args:
            strategy: AUTO's, by its name, for this prompt alone; None: the one that is set.

        Raises:
            UnknownProvider: lists the known ones.
            NotConfigured: AUTO has nobody to ask.
            NobodyLeft: AUTO may ask nobody; the sentence says why.
            InvalidRequest: a model was named, but not whose.
            SettingsError: there is no such strategy.
        """
        if name != Provider.AUTO:
            return Route((self._providers.get(name),))
        if prompt.model:
            raise InvalidRequest(
                "model: AUTO chooses the model itself; name the provider to choose its model.", "model"
            )
        choice = self.choose(prompt, strategy)
        return Route(tuple(self._providers.get(candidate.provider) for candidate in choice.order), choice)

    def choose(self, prompt: Prompt, strategy: str | None = None) -> Choice:
        """AUTO's choice for one prompt. Raises as `route`."""
        job = job_of(prompt, self._live.answer_tokens)
        providers, limits = self._providers.available(), self._limits
        if limits.pinned and any(provider.vendor.simulated for provider in providers):
            limits = Limits(refusals=limits.refusals)  # a drill is not about the user's own providers
        found = candidates_of(providers, self._live, job.prompt_tokens, self._standing, self.quality)
        return choose(self._by_name(strategy), found, job, self._random, limits)

    def _by_name(self, strategy: str | None) -> Strategy:
        """The strategy that is set, or another one, which goes on counting where it was."""
        if strategy is None or strategy == self._strategy_name:
            return self._strategy
        if strategy not in self._asked:
            self._asked[strategy] = strategy_named(strategy)
        return self._asked[strategy]
