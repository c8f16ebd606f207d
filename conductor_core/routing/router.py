"""Which provider a prompt goes to: the one named, or AUTO's choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conductor_core.errors import InvalidRequest
from conductor_core.metrics.live import LiveMetrics
from conductor_core.models import Provider
from conductor_core.prompt import Prompt
from conductor_core.providers import BaseProvider, Registry
from conductor_core.routing.auto import candidates_of, choose


@dataclass(frozen=True, slots=True)
class Route:
    """The provider, and for AUTO the strategy's name and the receipt that says why."""

    provider: BaseProvider
    strategy: str | None = None
    receipt: dict[str, Any] | None = None


class Router:
    """Turns a provider's name into a provider."""

    def __init__(self, providers: Registry, live: LiveMetrics) -> None:
        self._providers = providers
        self._live = live

    def route(self, name: str, prompt: Prompt) -> Route:
        """The route for one prompt.

        Raises:
            UnknownProvider: lists the known ones.
            NotConfigured: AUTO has nobody to ask.
            InvalidRequest: a model was named, but not whose.
        """
        if name != Provider.AUTO:
            return Route(self._providers.get(name))
        if prompt.model:
            raise InvalidRequest(
                "model: AUTO chooses the model itself; name the provider to choose its model.", "model"
            )
        choice = choose(candidates_of(self._providers.available(), self._live))
        return Route(self._providers.get(choice.winner.provider), "auto", choice.receipt())
