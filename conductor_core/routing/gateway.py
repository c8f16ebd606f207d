"""What every request of an installation shares: breakers, retry budgets, places, and where its rows and figures go."""

from __future__ import annotations

import random
from collections.abc import Iterable

from conductor_core.errors import ProviderError
from conductor_core.kinds import SUCCESSES, Fault, Outcome, ProviderState, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.live import LiveMetrics, Standing
from conductor_core.prompt import Prompt
from conductor_core.providers import BaseProvider, Registry
from conductor_core.routing.breaker import Breakers, CircuitState, Throttle
from conductor_core.routing.bulkhead import Bulkheads
from conductor_core.routing.request import Request
from conductor_core.routing.retry import RetryBudget
from conductor_core.routing.router import Router
from conductor_core.settings import Settings
from conductor_core.store.database import Store

_STATES = {CircuitState.OPEN: ProviderState.OPEN, CircuitState.HALF_OPEN: ProviderState.RECOVERING}


class Gateway:
    """The way out to the providers, the only one.

    Attributes:
        router: who answers what.
        breakers: whom not to ask for a while.
        retries: how many retries each provider has left.
        bulkheads: the places of every provider, and of the process.
        throttle: for the only provider left.
        settings: deadlines and limits; changed ones hold from the next request on.
    """

    def __init__(
        self, store: Store, live: LiveMetrics, providers: Registry, settings: Settings, rng: random.Random | None = None
    ) -> None:
        self.store = store
        self.live = live
        self.settings = settings
        self.rng = rng or random.Random()  # noqa: S311 - delays and draws, no secret
        self.breakers = Breakers(settings.breaker_pause)
        self.throttle = Throttle(self.rng.random)
        self.retries = RetryBudget()
        self.bulkheads = Bulkheads(settings)
        self.router = Router(providers, live, standing=self.standing)

    def begin(
        self,
        name: str,
        prompt: Prompt,
        *,
        source: Source,
        conversation_id: str | None = None,
        lane_id: str | None = None,
    ) -> Request:
        """Finds a prompt its provider and queues the row of the first attempt; run the request once, or `drop` it.

        Args:
            name: a provider's, or `auto`.

        Raises:
            UnknownProvider, NotConfigured, InvalidRequest: as the router says.
            ProviderError: too many requests are running, or the provider is not asked just now.
        """
        route = self.router.route(name, prompt)
        route.provider.require_configured()
        if not self.bulkheads.admit():
            raise _full(route.provider, self.bulkheads.requests)
        try:
            return Request(self, route, prompt, source=source, conversation_id=conversation_id, lane_id=lane_id)
        except BaseException:
            self.bulkheads.dismiss()
            raise

    def apply(self, settings: Settings) -> None:
        """Puts changed limits in force for the requests that come."""
        self.settings = self.bulkheads.settings = settings
        self.breakers.pause = settings.breaker_pause

    def seed(self, calls: Iterable[Call]) -> None:
        """Takes in stored calls from before this start, oldest first."""
        self.breakers.seed(calls)

    def standing(self, provider: str, model: str | None) -> Standing:
        """How a provider stands for a model: its breaker first, else its live figures."""
        circuit, stands = self.breakers.state(provider, model), self.live.state(provider)
        if circuit.state is not CircuitState.CLOSED:
            return Standing(_STATES[circuit.state], circuit.sentence(self.breakers.now()))
        if stands.state in _STATES.values():  # it failed lately, yet its breaker was closed since
            return Standing(ProviderState.DEGRADED, stands.reason.partition(". ")[0] + ".")
        return stands

    def recorded(self, call: Call) -> None:
        """Tells breakers, retry budgets and throttle how an attempt ended."""
        self.breakers.record(call)
        if call.outcome in SUCCESSES:
            self.retries.refund(call.provider)
            self.throttle.accepted(call.provider)


def _full(provider: BaseProvider, running: int) -> ProviderError:
    return ProviderError(
        f"Conductor is busy: {running} requests are running. Try again in a moment.",
        provider=provider.name,
        kind=Outcome.UNAVAILABLE,
        retry_after=1.0,
        fault=Fault.NOT_SENT,
    )
