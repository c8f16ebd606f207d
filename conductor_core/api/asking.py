"""A prompt that a program sends, in whatever protocol: its key's limits, the gateway, the facts of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from fastapi import Request as HttpRequest

from conductor_core.api.access import admit
from conductor_core.api.installation import conductor_of
from conductor_core.api.visit import Visit
from conductor_core.errors import ProviderError, StoreError
from conductor_core.keys.limits import Admission
from conductor_core.kinds import CostKind, Source
from conductor_core.pricing import estimate_tokens
from conductor_core.prompt import Prompt
from conductor_core.providers import Chunk, Completion
from conductor_core.routing.request import SAVE_SECONDS, Request


class Asking:
    """One prompt: `complete` or `stream` once.

    Attributes:
        visit: the request it came with.
    """

    def __init__(self, request: HttpRequest, provider: str, prompt: Prompt, strategy: str | None = None) -> None:
        """
        Args:
            provider: a provider's name, or `auto`.
            strategy: AUTO's for this prompt alone, if not the one that is set.
        """
        self._http = request
        self._provider = provider
        self._prompt = prompt
        self._strategy = strategy
        self._asked: Request | None = None
        self._admission: Admission | None = None
        self.visit = Visit.of(request.scope)

    @property
    def asked(self) -> Request:
        """The attempts made; there are some once the answer has begun."""
        assert self._asked is not None, "nothing was asked yet"
        return self._asked

    def admit(self) -> None:
        """Takes it from what its key may do. Asked before this was done, it does so itself.

        Raises:
            LimitReached, StoreError.
        """
        stuck = conductor_of(self._http).store.writer.stuck
        if stuck:
            raise StoreError(f"Nothing is asked while answers can't be saved. {stuck}")
        self._admission = admit(self._http, estimate_tokens(self._prompt.characters))
        self.visit.admission = None  # settled here, since an answer may go on without its client

    async def complete(self) -> Completion:
        """The whole answer, once its row is committed. The answer's headers then have its facts.

        Raises:
            LimitReached, StoreError, ProviderError; what the gateway refuses.
        """
        try:
            completion = await self._begin().complete()
            await self._saved()
        except ProviderError:
            await self._saved_if_it_can_be()
            raise
        finally:
            self._settle()
        self.visit.tell(self.facts(whole=True))
        return completion

    async def stream(self, *, relay: bool = False) -> AsyncGenerator[Chunk, None]:
        """The answer as it comes; it ends once its row is committed. Closing it ends the call upstream.

        Args:
            relay: chunks may be raw.

        Raises:
            LimitReached, StoreError, ProviderError; what the gateway refuses.
        """
        # Begun in here and not before: a generator that nobody comes to start gives nothing back.
        try:
            async with aclosing(self._begin().stream(relay=relay)) as chunks:
                async for chunk in chunks:
                    yield chunk
            await self._saved()
        except ProviderError:
            await self._saved_if_it_can_be()
            raise
        finally:
            self._settle()

    def facts(self, *, whole: bool = False) -> dict[str, str]:
        """Who answers, after how many attempts, and what Conductor added, as headers.

        Args:
            whole: the answer has ended, so that its cost is known.
        """
        if self._asked is None:
            return {}
        attempt, call = self.asked.attempt, self.asked.attempt.call
        before = sum(earlier.call.latency_ms or 0.0 for earlier in self.asked.attempts[:-1])
        upstream = before + ((call.latency_ms if whole else call.ttft_ms) or 0.0)
        found = {
            "x-conductor-provider": call.provider,
            "x-conductor-model": call.model_served or call.model,
            "x-conductor-attempts": str(len(self.asked.attempts)),
            "x-conductor-overhead-ms": f"{max(0.0, self.visit.elapsed_ms - upstream):.1f}",
        }
        first = self.asked.attempts[0].call.provider
        if first != attempt.provider.name:
            found["x-conductor-fallback-from"] = first
        if whole:
            found["x-conductor-cost-kind"] = call.cost_kind.value
            if call.cost_usd is not None and call.cost_kind is not CostKind.UNKNOWN:
                found["x-conductor-cost-usd"] = f"{call.cost_usd:.9f}".rstrip("0").rstrip(".")
        # What upstream calls its model may hold anything.
        return {name: value for name, value in found.items() if value.isascii() and value.isprintable()}

    def _begin(self) -> Request:
        if self._admission is None:
            self.admit()
        assert self.visit.key is not None, "a key was let in"
        self._asked = conductor_of(self._http).gateway.begin(
            self._provider,
            self._prompt,
            source=Source.API,
            strategy=self._strategy,
            api_key_id=self.visit.key.id,
            request_id=self.visit.id,
        )
        return self._asked

    async def _saved(self) -> None:
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                await self.asked.attempt.saved
        except TimeoutError as error:
            trouble = conductor_of(self._http).store.writer.trouble or "The database is busy."
            raise StoreError(f"The answer came and waits to be saved. {trouble}") from error

    async def _saved_if_it_can_be(self) -> None:
        """Of a call that failed the fault is what is told, also while its row has to wait."""
        if self._asked:
            with suppress(StoreError):
                await self._saved()

    def _settle(self) -> None:
        if self._admission:
            call = self._asked.attempt.call if self._asked else None
            self._admission.settle((call.prompt_tokens or 0) + (call.completion_tokens or 0) if call else 0)
