"""Conductor: the one object the outside talks to. Opened and closed by the process's lifespan, on its event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import structlog

from conductor_core import VERSION
from conductor_core.comparisons import Comparisons
from conductor_core.configuration import Configuration, check_budgets, check_default_models
from conductor_core.conversations import Conversations
from conductor_core.incidents import Step
from conductor_core.keys.ring import KeyRing
from conductor_core.kinds import Source, Verdict
from conductor_core.library import Library
from conductor_core.metrics.live import LiveMetrics, overall
from conductor_core.models import ChatRequest, ChatResponse, ProviderStatus, SystemStatus
from conductor_core.presets import Presets
from conductor_core.pricing import FREE, price
from conductor_core.prompt import Prompt
from conductor_core.prompt_sets.sets import PromptSets
from conductor_core.providers import VENDORS, BaseProvider, Chunk, Endpoint, Registry
from conductor_core.providers.catalog import Catalog
from conductor_core.providers.wire import Wire
from conductor_core.redaction import Redactor
from conductor_core.routing.candidates import NOT_RATED
from conductor_core.routing.gateway import Gateway
from conductor_core.routing.request import Request
from conductor_core.settings import Environment, Settings, warnings
from conductor_core.store.database import Store
from conductor_core.store.records import Incident, Vote
from conductor_core.store.rollups import Keep
from conductor_core.submissions import Submissions
from conductor_core.transfer.moving import Transfer
from conductor_core.webhook import VARIABLE as WEBHOOK_VARIABLE
from conductor_core.webhook import Webhook

if TYPE_CHECKING:
    from conductor_core.metrics.health import Health
    from conductor_core.ratings.board import Ratings

SEED_CALLS = 20
"""Calls per provider read back at start, so that a restart does not forget who is healthy."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_VENDORS_OWN = frozenset(name for row in VENDORS for name in (*row.key_variables, row.base_url_variable) if name)
_log = structlog.get_logger()


class Conductor:
    """Providers, store, live metrics and conversations of one installation.

    Everything async runs on the loop it was opened on; everything else may be called from any thread.

    Attributes:
        conversations: starts turns and reads them back.
        prompt_sets: runs many prompts over chosen lanes.
        comparisons: what is done with conversations of several lanes.
        presets: sets of lanes kept under a name.
        keys: who may come in through the HTTP door.
        library: personas and prompt templates.
        providers: the registry.
        live: the live figures of every provider.
        gateway: what every request goes through: routing, breakers, retries, places.
        catalog: which models each provider offers.
        configuration: changes keys, endpoints and default models while running.
        store: what is on disk, for reading.
        transfer: conversations out and in.
        submissions: what programs sent lately under idempotency keys.
        webhook: where incidents are posted.
    """

    def __init__(
        self,
        settings: Settings,
        environment: Environment,
        store: Store,
        wire: Wire,
        redactor: Redactor,
        *,
        private: bool = True,
    ) -> None:
        self.settings = settings
        self._private = private
        self.environment = environment
        self.store = store
        self.redactor = redactor
        self.providers = Registry(settings, environment, wire, private=private)
        self.live = LiveMetrics()
        self.keys = KeyRing(store, settings)
        self.gateway = Gateway(store, self.live, self.providers, settings, self.keys.budgets)
        self.conversations = Conversations(store, self.gateway, redactor)
        self.prompt_sets = PromptSets(store, self.gateway, redactor)
        self.comparisons = Comparisons(store, self.conversations)
        self.presets = Presets(store)
        self.library = Library(store)
        self.transfer = Transfer(store, redactor)
        self.catalog = Catalog(self.providers, asyncio.get_running_loop())
        self.configuration = Configuration(environment, self.providers, self.apply, private=private)
        self.submissions: Submissions[Any] = Submissions()
        self.webhook = Webhook(wire, redactor)
        self.gateway.incidents.on_change(self._post_incident)
        self._apply_webhook(settings)
        self._wire = wire
        self._opened = time.monotonic()

    @classmethod
    async def open(cls, environment: Environment | None = None, *, private: bool | None = None) -> Conductor:
        """Reads the settings, opens the store and seeds the live metrics from its calls.

        Args:
            private: whether only this machine reaches the application; when not given, what `CONDUCTOR_HOST` says.

        Raises:
            SettingsError: a setting that can't be read.
            StoreError: the database can't be used, or another process has it.
        """
        environment = environment or Environment.read()
        settings = Settings.load(environment)
        check_default_models(settings, environment)
        check_budgets(settings, environment)
        place = f"http://{settings.host}:{settings.port}"
        store = await asyncio.to_thread(
            Store.open,
            settings.home,
            durability=settings.durability,
            place=place,
            database_url=settings.database_url,
            keep=Keep(
                settings.keep_calls_days,
                settings.keep_minutes_days,
                settings.keep_quarters_days,
                settings.keep_hours_days,
            ),
        )
        redactor = Redactor()
        redactor.learn_environment(environment.merged())
        private = settings.host in _LOOPBACK if private is None else private
        conductor = cls(settings, environment, store, Wire(settings, redactor), redactor, private=private)
        before = store.last_calls(SEED_CALLS)
        conductor.live.seed(before)
        conductor.gateway.seed(before)
        await asyncio.to_thread(conductor.gateway.budgets.open)
        await asyncio.to_thread(conductor.keys.open)
        await conductor.conversations.deletions.take_up()
        for warning in warnings(environment, _VENDORS_OWN):
            _log.warning(warning)
        return conductor

    async def prepare(self) -> None:
        """Loads what a first call would wait for: the price table, and what the configured providers need."""
        providers = self.providers.available()
        if any(provider.vendor.price_list not in (None, FREE) for provider in providers):
            await asyncio.to_thread(price, "openai", "gpt-4.1-mini", 0)
        for provider in providers:
            await provider.prepare()
        await self.go_by_votes()

    async def close(self) -> None:
        """Ends running answers as interrupted, saves everything, ends child processes and connections."""
        await self.submissions.close()
        await self.prompt_sets.close()
        await self.conversations.close()
        self.gateway.incidents.close()
        await self.webhook.close()
        await self.catalog.close()
        await self.providers.close()
        await self._wire.close()
        await asyncio.to_thread(self.gateway.budgets.close)
        await asyncio.to_thread(self.keys.close)
        await asyncio.to_thread(self.store.close)

    async def recover(self, provider: str) -> None:
        """Forgets what made a provider be passed over: its next call decides anew."""
        self.gateway.breakers.recover_now(provider)

    def apply(self) -> None:
        """Puts the environment as it is now in force; on the loop. Calls that are running go on as they began.

        Raises:
            SettingsError: a variable can't be used; everything stays as it was.
        """
        settings = Settings.load(self.environment)
        self.redactor.learn_environment(self.environment.merged())
        before = self._endpoints()
        self.providers.apply(settings)
        self.gateway.apply(settings)
        self.keys.apply(settings)
        self._apply_webhook(settings)
        for name, endpoint in self._endpoints().items():
            if before.get(name) != endpoint:  # another key or address, or a new drill: what was learnt is void
                self.gateway.breakers.recover_now(name)
        self.catalog.forget()
        self.settings = settings

    async def vote(
        self, conversation_id: str, turn: int, verdict: Verdict, best: int | None = None, tags: Iterable[str] = ()
    ) -> Vote:
        """A vote as `Conversations.vote`; AUTO goes by it from now on, where it goes by votes."""
        vote = await self.conversations.vote(conversation_id, turn, verdict, best, tags)
        await self.go_by_votes()
        return vote

    async def go_by_votes(self) -> None:
        """Gives AUTO the ratings as they are now, or none where it is not to go by them."""
        quality = await asyncio.to_thread(lambda: self.ratings.quality()) if self.settings.auto_quality else NOT_RATED
        self.gateway.router.quality = quality

    async def chat(
        self, request: ChatRequest, source: Source = Source.API, *, api_key_id: str | None = None
    ) -> ChatResponse:
        """One whole answer. It is acknowledged once its call row is committed.

        Args:
            api_key_id: with which key of ours it was asked for.

        Raises:
            UnknownProvider, NotConfigured, LimitReached, ProviderError.
        """
        asked = self._begin(request, source, api_key_id)
        completion = await asked.complete()
        await asked.attempt.saved
        return response_of(asked, completion.text)

    async def stream(
        self, request: ChatRequest, source: Source = Source.API, *, api_key_id: str | None = None
    ) -> AsyncGenerator[Chunk | ChatResponse, None]:
        """The answer as it comes; the last item is the `ChatResponse` with the whole text and its analytics.

        Args:
            api_key_id: with which key of ours it was asked for.

        Raises:
            UnknownProvider, NotConfigured, LimitReached, ProviderError.
        """
        asked = self._begin(request, source, api_key_id)
        pieces = []
        async with aclosing(asked.stream()) as chunks:
            async for chunk in chunks:
                pieces.append(chunk.text)
                yield chunk
        await asked.attempt.saved
        yield response_of(asked, "".join(pieces))

    def status(self) -> SystemStatus:
        """Every provider as it stands, from the live counters; during a drill the simulated ones instead."""
        providers = [self._status_of(self.providers.get(name)) for name in self.providers.current()]
        costs = [status.total_cost_usd for status in providers if status.total_cost_usd is not None]
        return SystemStatus(
            state=overall(status.state for status in providers),
            providers=providers,
            total_requests=sum(status.total_requests for status in providers),
            successful_requests=sum(status.successful_requests for status in providers),
            failed_requests=sum(status.failed_requests for status in providers),
            total_cost_usd=sum(costs) if costs else None,
            unpriced_requests=sum(status.unpriced_requests for status in providers),
            uptime_seconds=time.monotonic() - self._opened,
            version=VERSION,
        )

    def status_of(self, name: str) -> ProviderStatus:
        """One provider as it stands.

        Raises:
            UnknownProvider: lists the known ones.
        """
        return self._status_of(self.providers.get(name))

    def models(self) -> dict[str, list[str]]:
        """Every configured provider's models, as far as known; their default model first."""
        return {provider.name: self.catalog.known(provider.name) for provider in self.providers.available()}

    @cached_property
    def health(self) -> Health:
        """The figures of every span of time, from the calls themselves. Any thread may ask."""
        from conductor_core.metrics.health import Health  # numpy: only for those who look

        return Health(self.store)

    @cached_property
    def ratings(self) -> Ratings:
        """The leaderboards, from the votes. Any thread may ask."""
        from conductor_core.ratings.board import Ratings  # numpy and scipy: only for those who look

        return Ratings(self.store)

    def _endpoints(self) -> dict[str, Endpoint]:
        """Where every provider is reached, the drill's too: beginning or ending one changes nothing at the others."""
        names = [*self.providers.names(), *self.providers.drills()]
        return {name: self.providers.get(name).endpoint for name in names}

    def _apply_webhook(self, settings: Settings) -> None:
        """An address typed into Settings is only in a private installation the owner's word."""
        found = self.environment.get(WEBHOOK_VARIABLE)
        self.webhook.apply(settings.webhook_url, trusted=self._private or not (found and found.origin.typed))

    def _post_incident(self, incident: Incident, step: Step) -> None:
        if incident.provider not in self.providers.drills():
            self.webhook.post(incident, step)

    def _status_of(self, provider: BaseProvider) -> ProviderStatus:
        missing, model = provider.endpoint.missing, provider.default_model
        gateway, live = self.gateway, self.live
        standing = live.state(provider.name, missing) if missing else gateway.standing(provider.name, model)
        return live.status(provider.name, provider.vendor.label, model, standing)

    def _begin(self, request: ChatRequest, source: Source, api_key_id: str | None) -> Request:
        prompt = Prompt.from_request(request)
        return self.gateway.begin(request.provider, prompt, source=source, api_key_id=api_key_id)


def response_of(request: Request, text: str) -> ChatResponse:
    """A whole answer with the facts of the attempt that gave it."""
    call = request.attempt.call
    return ChatResponse.model_construct(  # of our own values: whoever sends it on validates it there
        content=text,
        provider=call.provider,
        model=call.model_served or call.model,
        finish_reason=call.finish_reason,
        prompt_tokens=call.prompt_tokens,
        completion_tokens=call.completion_tokens,
        thinking_tokens=call.thinking_tokens,
        latency_ms=call.latency_ms or 0.0,
        ttft_ms=call.ttft_ms,
        cost_usd=call.cost_usd,
        cost_kind=call.cost_kind,
        request_id=call.request_id,
        created=datetime.fromtimestamp(call.started_at / 1000, UTC),
    )
