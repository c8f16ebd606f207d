"""What every request of an installation shares: breakers, retry budgets, places, and where its rows and figures go."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from conductor_core.budgets import Budgets, Reservation, highest_cost
from conductor_core.errors import NobodyLeft, ProviderError
from conductor_core.incidents import Incidents
from conductor_core.keys.budget import KeyBudgets
from conductor_core.kinds import SUCCESSES, Fault, Outcome, ProviderState, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.live import LiveMetrics, Standing
from conductor_core.models import Provider
from conductor_core.prompt import Prompt
from conductor_core.providers import BaseProvider, Registry
from conductor_core.routing.breaker import Breakers, CircuitState, Throttle
from conductor_core.routing.bulkhead import Bulkheads
from conductor_core.routing.choice import Choice
from conductor_core.routing.refusals import lacking
from conductor_core.routing.request import Request
from conductor_core.routing.retry import RetryBudget
from conductor_core.routing.router import Route, Router
from conductor_core.settings import Settings
from conductor_core.store.database import Store

_STATES = {CircuitState.OPEN: ProviderState.OPEN, CircuitState.HALF_OPEN: ProviderState.RECOVERING}


class Gateway:
    """The way out to the providers, the only one.

    Attributes:
        providers: the registry.
        router: who answers what.
        breakers: whom not to ask for a while.
        retries: how many retries each provider has left.
        bulkheads: the places of every provider, and of the process.
        throttle: for the only provider left.
        budgets: what may be spent.
        key_budgets: what may be spent with each API key.
        incidents: what is going wrong.
        settings: deadlines and limits; changed ones hold from the next request on.
    """

    def __init__(
        self,
        store: Store,
        live: LiveMetrics,
        providers: Registry,
        settings: Settings,
        key_budgets: KeyBudgets,
        rng: random.Random | None = None,
    ) -> None:
        self.store = store
        self.key_budgets = key_budgets
        self.live = live
        self.settings = settings
        self.rng = rng or random.Random()  # noqa: S311 - delays and draws, no secret
        self.breakers = Breakers(settings.breaker_pause)
        self.throttle = Throttle(self.rng.random)
        self.retries = RetryBudget()
        self.bulkheads = Bulkheads(settings)
        self.budgets = Budgets(settings, store, providers.label)
        self.incidents = Incidents(store, providers.label)
        self.budgets.on_stop(self.incidents.budget_stopped)
        self.providers = providers
        self.router = Router(
            providers,
            live,
            settings.strategy,
            pinned=frozenset(settings.auto_providers),
            standing=self.standing,
            refusals=self.budgets.refusals,
        )

    def begin(
        self,
        name: str,
        prompt: Prompt,
        *,
        source: Source,
        conversation_id: str | None = None,
        lane_id: str | None = None,
        api_key_id: str | None = None,
        strategy: str | None = None,
        request_id: str | None = None,
    ) -> Request:
        """Finds a prompt its provider and queues the row of the first attempt; run the request once, or `drop` it.

        Args:
            name: a provider's, or `auto`.
            strategy: AUTO's for this prompt alone, if not the one that is set.
            api_key_id: with which key of ours it was asked for; its budget is held to.
            request_id: what its rows are called by, where whoever asks has told it already.

        Raises:
            UnknownProvider, NotConfigured, InvalidRequest: as the router says.
            LimitReached: the key's budget has no room for the one who would be asked first.
            ProviderError: too many requests are running, the provider is not asked just now, or a budget is used up.
        """
        if name == Provider.AUTO and self.budgets.any:
            self.affordable(self.providers.available(), prompt)  # tells of whom budgets keep it from
        route = self.routed(name, prompt, strategy)
        route.provider.require_configured()
        for need in prompt.needs:
            if need in route.provider.vendor.lacks:
                raise lacking(route.provider, need)
        if self.key_budgets.applies(api_key_id):
            refused = self.key_budgets.refused(api_key_id, _key_cost(route.provider, prompt))
            if refused:
                raise refused
        if not self.bulkheads.admit():
            raise _full(route.provider, self.bulkheads.requests)
        try:
            return Request(
                self,
                route,
                prompt,
                source=source,
                conversation_id=conversation_id,
                lane_id=lane_id,
                api_key_id=api_key_id,
                request_id=request_id,
            )
        except BaseException:
            self.bulkheads.dismiss()
            raise

    def apply(self, settings: Settings) -> None:
        """Puts changed limits in force for the requests that come."""
        self.settings = self.bulkheads.settings = settings
        self.breakers.pause = settings.breaker_pause
        self.budgets.apply(settings)
        self.router.apply(settings.strategy, frozenset(settings.auto_providers))
        self.router.refuse_by(*self.budgets.refusals)
        self.incidents.budgets_changed(self.budgets.standing())

    def seed(self, calls: Iterable[Call]) -> None:
        """Takes in stored calls from before this start, oldest first."""
        self.breakers.seed(calls)
        self.breakers.on_change(self.incidents.breaker_changed)  # what they opened or closed back then is no news

    def standing(self, provider: str, model: str | None) -> Standing:
        """How a provider stands for a model: its breaker first, else its live figures."""
        circuit, stands = self.breakers.state(provider, model), self.live.state(provider)
        if circuit.state is not CircuitState.CLOSED:
            return Standing(_STATES[circuit.state], circuit.sentence(self.breakers.now()))
        if stands.state in _STATES.values():  # it failed lately, yet its breaker was closed since
            return Standing(ProviderState.DEGRADED, stands.reason.partition(". ")[0] + ".")
        return stands

    def recorded(self, call: Call) -> None:
        """Tells breakers, retry budgets, throttle and incidents how an attempt ended."""
        self.breakers.record(call)
        self.incidents.call_ended(call)
        if call.outcome in SUCCESSES:
            self.retries.refund(call.provider)
            self.throttle.accepted(call.provider)

    def affordable(
        self, providers: Sequence[BaseProvider], prompt: Prompt, api_key_id: str | None = None
    ) -> list[BaseProvider]:
        """Those of them whose budgets, and the key's, have room for a prompt and its answer."""
        budgets, limited = self.budgets, self.key_budgets.applies(api_key_id)
        if not budgets.any and not limited:
            return list(providers)
        return [
            provider
            for provider in providers
            if (not budgets.applies(provider.name) or budgets.admits(provider.name, highest_cost(provider, prompt)))
            and not (limited and self.key_budgets.refused(api_key_id, _key_cost(provider, prompt)))
        ]

    def over_budget(self, provider: BaseProvider, prompt: Prompt) -> ProviderError | None:
        """What keeps a prompt from a provider, when a budget does."""
        return self.budgets.refused(provider.name, highest_cost(provider, prompt))

    def reserve(self, provider: BaseProvider, prompt: Prompt, api_key_id: str | None = None) -> Reservation:
        """Takes what an attempt may cost from the budgets, and from the key's.

        Raises:
            ProviderError: a budget has no room.
            LimitReached: the key's budget has none.
        """
        if not self.key_budgets.applies(api_key_id):
            return self.budgets.reserve(provider.name, highest_cost(provider, prompt))
        hold = self.key_budgets.reserve(api_key_id, _key_cost(provider, prompt))
        try:
            reservation = self.budgets.reserve(provider.name, highest_cost(provider, prompt))
        except ProviderError:
            if hold:
                hold.settle(0.0)
            raise
        return replace(reservation, hold=hold, binding=True) if hold else reservation

    def fell_back(self, failed: Call, notices: Sequence[str]) -> None:
        """Notes that another provider was asked than the one that failed first."""
        at = failed.started_at + int(failed.latency_ms or 0.0)
        self.incidents.fell_back(failed.provider, failed.model, at, " ".join(notices))

    def routed(self, name: str, prompt: Prompt, strategy: str | None = None) -> Route:
        """The route, if budgets leave one; AUTO goes on with free providers alone only where the user wants it.

        Raises:
            UnknownProvider, NotConfigured, NobodyLeft, InvalidRequest: as the router says.
            ProviderError: a budget is used up.
        """
        try:
            route = self.router.route(name, prompt, strategy)
        except NobodyLeft:
            refused = [self.over_budget(provider, prompt) for provider in self.providers.available()]
            if refused[0] is None or None in refused:
                raise
            raise refused[0] from None
        if route.choice and self.budgets.any:
            self._refuse_if_free_only(route, route.choice, prompt)
        return route

    def _refuse_if_free_only(self, route: Route, choice: Choice, prompt: Prompt) -> None:
        if any(highest_cost(provider, prompt) != 0.0 for provider in route.providers):
            return
        over = [self.providers.get(other.provider) for other in choice.passed_over]
        costs = [(provider.name, highest_cost(provider, prompt)) for provider in over]
        why = self.budgets.stops_everyone([cost for cost in costs if cost[1] != 0.0])
        if why:
            raise ProviderError(why, provider=over[0].name, kind=Outcome.BUDGET)


def _key_cost(provider: BaseProvider, prompt: Prompt) -> float | None:
    """What a call takes from a key's budget at most; a drill costs nothing real."""
    return 0.0 if provider.vendor.simulated else highest_cost(provider, prompt)


def _full(provider: BaseProvider, running: int) -> ProviderError:
    return ProviderError(
        f"Conductor is busy: {running} requests are running. Try again in a moment.",
        provider=provider.name,
        kind=Outcome.UNAVAILABLE,
        retry_after=1.0,
        fault=Fault.NOT_SENT,
    )
