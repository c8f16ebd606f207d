"""One request: the only loop that retries and falls back.

At most so many attempts over all providers, inside one deadline. After the first visible token nothing is retried or
switched any more: what has come stays, and the fault is the caller's to see. Which fault leads to what: `policy`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from conductor_core.errors import ConductorError, LimitReached, ProviderError, StoreError
from conductor_core.ids import new_id
from conductor_core.kinds import Fault, Outcome, Source
from conductor_core.prompt import Prompt
from conductor_core.providers import BaseProvider, Chunk, Completion
from conductor_core.routing.attempt import Attempt
from conductor_core.routing.breaker import CircuitState
from conductor_core.routing.bulkhead import Crowded
from conductor_core.routing.deadline import Deadline
from conductor_core.routing.policy import HOUR, Policy, cause, policy_for
from conductor_core.routing.refusals import crowded, not_asked
from conductor_core.routing.retry import asked_wait, backoff

if TYPE_CHECKING:
    from conductor_core.routing.gateway import Gateway
    from conductor_core.routing.router import Route

SAVE_SECONDS = 5.0
"""How long a later attempt waits for its row; with a full disk the answer goes on, and the writer tries on."""


class Request:
    """Attempts at one or more providers until one answers. Run `stream` or `complete` once, or `drop` it.

    A page on another thread may read every attribute.

    Attributes:
        attempts: every attempt so far, the last one is the current.
        waiting_until: while it waits before a retry, until when (seconds of `time.monotonic`).
        queued: while it waits for a place at its provider.
        answered: something visible has come.
    """

    def __init__(
        self,
        gateway: Gateway,
        route: Route,
        prompt: Prompt,
        *,
        source: Source,
        conversation_id: str | None = None,
        lane_id: str | None = None,
        api_key_id: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self._gateway = gateway
        self._route = route
        self._prompt = prompt
        self._facts: dict[str, Any] = {
            "source": source,
            "conversation_id": conversation_id,
            "lane_id": lane_id,
            "api_key_id": api_key_id,
            "strategy": route.strategy,
            "request_id": request_id or new_id(),
        }
        self._limit = gateway.settings.attempts
        self._deadline: Deadline | None = None
        self._faults: list[ProviderError] = []
        self._waited_ms: list[float] = []
        self._over = False
        self.interrupted = False
        self.attempts: list[Attempt] = []
        self.waiting_until: float | None = None
        self.queued = False
        self.answered = False
        first = self._admitted(route.providers)
        if first is None:
            circuit = gateway.breakers.state(route.provider.name, self._model(route.provider))
            over_budget = gateway.over_budget(route.provider, prompt)
            raise over_budget or not_asked(route.provider, circuit, gateway.breakers.now())
        self._begin(first)

    @property
    def attempt(self) -> Attempt:
        """The current attempt."""
        return self.attempts[-1]

    @property
    def provider(self) -> BaseProvider:
        """Who is being asked, or has answered."""
        return self.attempt.provider

    @property
    def number(self) -> int:
        """The current attempt's number, from 1; while it waits, the number of the one to come."""
        return len(self.attempts) + (self.waiting_until is not None)

    @property
    def limit(self) -> int:
        """How many attempts there may be."""
        return self._limit

    @property
    def notices(self) -> list[str]:
        """What the reader should know: who failed, and who answers instead."""
        told = {error.provider: cause(self._label(error.provider), error) for error in self._faults}
        told.pop(self.provider.name, None)
        if not told:
            return []
        label = self.provider.vendor.label
        end = f"answered by {label}" if self.answered else f"{label} was asked" if self._over else f"asking {label}"
        return [f"{'; '.join(told.values())}; {end}."]

    @property
    def receipt(self) -> dict[str, Any] | None:
        """AUTO's choice, and what became of it; None when the provider was named."""
        if self._choice is None:
            return None
        answered_by = self.provider.name if self.answered else None
        return {**self._choice, "attempts": self._told(), "answered_by": answered_by}

    async def stream(self, *, relay: bool = False) -> AsyncGenerator[Chunk, None]:
        """The answer as it comes, from whoever gives it.

        Args:
            relay: chunks may be raw.

        Raises:
            ProviderError: nobody answered, the last fault; or the answer broke off.
        """
        with self._running(self._gateway.settings.total_timeout) as deadline:
            while True:
                held: list[Chunk] = []
                try:
                    async with aclosing(self._sent(self.attempt, deadline, relay)) as chunks:
                        async for chunk in chunks:
                            if not self.answered:
                                held.append(chunk)
                                if not chunk.speaks:
                                    continue
                                self.answered = True
                                for early in held:
                                    yield early
                            else:
                                yield chunk
                except ProviderError as error:
                    if self.answered or not await self._goes_on(error):
                        raise
                    continue
                if not self.answered:
                    if await self._another_than_empty():
                        continue
                    self.answered = True
                    for late in held:
                        yield late
                return

    async def complete(self) -> Completion:
        """The whole answer, from whoever gives it.

        Raises:
            ProviderError: nobody answered, the last fault.
        """
        settings = self._gateway.settings
        with self._running(min(settings.whole_timeout, settings.total_timeout)) as deadline:
            while True:
                try:
                    completion = await self._completed(self.attempt, deadline)
                except ProviderError as error:
                    if not await self._goes_on(error):
                        raise
                    continue
                if not await self._another_than_empty():
                    self.answered = True
                    return completion

    def interrupt(self) -> None:
        """The process ends: being cancelled is no stop of the user's."""
        self.interrupted = self.attempt.interrupted = True

    def drop(self) -> None:
        """Ends a request that was never run."""
        if not self._over:
            self._end()

    @cached_property
    def _choice(self) -> dict[str, Any] | None:
        return self._route.receipt

    @contextmanager
    def _running(self, seconds: float) -> Iterator[Deadline]:
        self._deadline = deadline = Deadline(seconds)
        try:
            with deadline:
                yield deadline
        finally:
            self._end()

    def _end(self) -> None:
        self._over = True
        self.waiting_until = None
        if self.attempt.call.outcome is Outcome.RUNNING:
            self._unsent()
        if self.attempt.call.fallback_from:
            self._gateway.fell_back(self.attempts[0].call, self.notices)
        self._gateway.bulkheads.dismiss()

    async def _sent(self, attempt: Attempt, deadline: Deadline, relay: bool) -> AsyncGenerator[Chunk, None]:
        """One attempt in its place, streamed."""
        await self._placed(attempt, deadline)
        try:
            async with aclosing(attempt.stream(relay=relay)) as chunks:
                while True:
                    deadline.waits()
                    try:
                        chunk = await anext(chunks)
                    except StopAsyncIteration:
                        return
                    finally:
                        deadline.waited()
                    yield chunk
        finally:
            self._left(attempt)

    async def _completed(self, attempt: Attempt, deadline: Deadline) -> Completion:
        """One attempt in its place, whole."""
        await self._placed(attempt, deadline)
        deadline.waits()
        try:
            return await attempt.complete()
        finally:
            deadline.waited()
            self._left(attempt)

    async def _placed(self, attempt: Attempt, deadline: Deadline) -> None:
        """Waits for a place at the provider.

        Raises:
            ProviderError: there is none in time; the row says that nothing was sent.
        """
        attempt.out_of_time = deadline.struck
        if attempt.reservation and attempt.reservation.binding:
            await self._noted(attempt, deadline)
        bulkheads, provider = self._gateway.bulkheads, attempt.provider
        if bulkheads.enter(provider.name):
            return
        self.queued = True
        try:
            await bulkheads.queue(provider.name, min(self._gateway.settings.queue_timeout, deadline.left))
        except Crowded as full:
            error = crowded(provider, self._gateway.settings.queue_timeout)
            self._withdraw(attempt, error)
            raise error from full
        finally:
            self.queued = False

    async def _noted(self, attempt: Attempt, deadline: Deadline) -> None:
        """Under a budget nothing leaves before the row that holds what it may cost is committed, and has room."""
        assert attempt.reservation
        try:
            async with asyncio.timeout(min(SAVE_SECONDS, deadline.left)):
                await attempt.saved
                await attempt.reservation.confirm(attempt.call.id)
        except (TimeoutError, StoreError) as failure:
            error = self._gateway.budgets.unkept(attempt.provider.name)
            self._withdraw(attempt, error)
            raise error from failure
        except (ProviderError, LimitReached) as error:
            self._withdraw(attempt, error)
            raise

    def _withdraw(self, attempt: Attempt, error: ConductorError) -> None:
        """Ends an attempt unsent: its provider learns nothing of it."""
        attempt.refuse(error)
        self._gateway.breakers.release(attempt.provider.name, attempt.call.model)

    def _left(self, attempt: Attempt) -> None:
        """Gives the place back and passes on how the attempt ended."""
        self._gateway.bulkheads.leave(attempt.provider.name)
        if attempt.call.outcome is not Outcome.RUNNING:
            self._gateway.recorded(attempt.call)

    def _unsent(self) -> None:
        """Ends the current attempt, whose first byte never left."""
        attempt = self.attempt
        attempt.interrupted = self.interrupted
        attempt.drop()
        self._gateway.breakers.release(attempt.provider.name, attempt.call.model)

    async def _goes_on(self, error: ProviderError) -> bool:
        """After a fault: waits where that is worth it and begins the next attempt; False when there is none."""
        self._faults.append(error)
        policy, here = policy_for(error), self.provider
        others = self._others(policy)
        wait = self._wait_here(error, policy, self._ready(others))
        if wait is not None:
            await self._pause(wait)
            if self._admitted((here,)):
                await self._next(here, wait)
                return True
        self._cool(error, policy)
        spent = len(self._sent_attempts()) >= self._limit
        following = None if spent or self._left_seconds() <= 0 else self._admitted(others)
        if following is not None:
            await self._next(following, 0.0)
        return following is not None

    async def _another_than_empty(self) -> bool:
        """An answer without any text gets one more try; the second one is shown as it is."""
        if self.attempt.call.outcome is not Outcome.EMPTY:
            return False
        label = self.provider.vendor.label
        return await self._goes_on(
            ProviderError(f"{label} gave an empty answer.", provider=self.provider.name, kind=Outcome.EMPTY)
        )

    def _others(self, policy: Policy) -> list[BaseProvider]:
        """Who may be asked instead, in AUTO's order."""
        if not policy.fallback:
            return []
        asked = {attempt.provider.name for attempt in self.attempts}
        left = [provider for provider in self._route.providers if provider.name not in asked]
        left = self._gateway.affordable(left, self._prompt, self._facts["api_key_id"])
        if not policy.larger:
            return left
        window = self.provider.context_window(self._prompt.model) or 0
        return [provider for provider in left if window and (provider.context_window() or 0) > window]

    def _ready(self, others: Sequence[BaseProvider]) -> bool:
        """Whether one of them can be asked now: then nobody needs to wait long."""
        return any(self._circuit(provider) is not CircuitState.OPEN for provider in others)

    def _wait_here(self, error: ProviderError, policy: Policy, others_ready: bool) -> float | None:
        """Seconds after which the same provider is asked again; None when it is not."""
        settings, rng = self._gateway.settings, self._gateway.rng
        retries = self._retries_here()
        sent = len(self._sent_attempts())
        if retries >= policy.retries or sent + others_ready >= self._limit:
            return None  # the last attempt is another provider's, where there is one
        if others_ready and self._circuit(self.provider) is CircuitState.OPEN:
            return None
        if error.retry_after is not None:
            if others_ready and error.retry_after > settings.fallback_after:
                return None
            wait = asked_wait(error.retry_after, rng, settings.retry_after_longest)
        else:
            wait = backoff(retries, rng, settings.retry_base, settings.retry_longest, policy.least_wait)
        if wait >= self._left_seconds() or not self._gateway.retries.take(self.provider.name):
            return None
        return wait

    async def _pause(self, seconds: float) -> None:
        """Waits, visibly; being stopped ends it at once."""
        if seconds > 0:
            self.waiting_until = time.monotonic() + seconds
            try:
                await asyncio.sleep(seconds)
            finally:
                self.waiting_until = None

    async def _next(self, provider: BaseProvider, waited: float) -> None:
        self._begin(provider, waited)
        if self._facts["lane_id"] is not None:  # a page's prompt leaves only once its row is committed
            with suppress(TimeoutError):
                async with asyncio.timeout(min(SAVE_SECONDS, self._left_seconds())):
                    await self.attempt.saved

    def _begin(self, provider: BaseProvider, waited: float = 0.0) -> None:
        before = self.attempts[-1].provider.name if self.attempts else provider.name
        attempt = Attempt.begin(
            provider,
            self._prompt,
            self._gateway.store,
            self._gateway.live,
            number=len(self.attempts),
            fallback_from=before if before != provider.name else None,
            reservation=self._gateway.reserve(provider, self._prompt, self._facts["api_key_id"]),
            **self._facts,
        )
        if self.attempts:
            self.attempts[-1].supersede()
        attempt.interrupted = self.interrupted
        self._waited_ms.append(waited * 1000)
        self.attempts.append(attempt)

    def _admitted(self, order: Sequence[BaseProvider]) -> BaseProvider | None:
        """The first that budget and breaker let the call through to. If no breaker does: the first not throttled."""
        order = self._gateway.affordable(order, self._prompt, self._facts["api_key_id"])
        for provider in order:
            if self._gateway.breakers.allow(provider.name, self._model(provider)):
                return provider
        return next((provider for provider in order if self._gateway.throttle.admits(provider.name)), None)

    def _cool(self, error: ProviderError, policy: Policy) -> None:
        """Passes the provider over for as long as it asked to, or as its kind of fault lasts."""
        seconds = min(error.retry_after, HOUR) if error.retry_after else policy.cool
        if seconds and error.fault is not Fault.NOT_SENT:
            model = self.attempt.call.model if policy.model_only else None
            self._gateway.breakers.cool(self.provider.name, model, seconds, cause(self.provider.vendor.label, error))

    def _retries_here(self) -> int:
        """How often the current provider has been asked again already."""
        return max(0, sum(attempt.provider is self.provider for attempt in self._sent_attempts()) - 1)

    def _sent_attempts(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.call.outcome is not Outcome.REFUSED]

    def _left_seconds(self) -> float:
        return self._deadline.left if self._deadline else 0.0

    def _circuit(self, provider: BaseProvider) -> CircuitState:
        return self._gateway.breakers.state(provider.name, self._model(provider)).state

    def _model(self, provider: BaseProvider) -> str:
        return self._prompt.model or provider.default_model or ""

    def _label(self, name: str) -> str:
        return next(a.provider.vendor.label for a in self.attempts if a.provider.name == name)

    def _told(self) -> list[dict[str, Any]]:
        """Every attempt as plain values, for the receipt."""
        return [
            {
                "provider": attempt.provider.name,
                "label": attempt.provider.vendor.label,
                "model": attempt.call.model_served or attempt.call.model,
                "outcome": attempt.call.outcome.value,
                "sentence": attempt.call.error or "",
                "waited_ms": waited,
            }
            for attempt, waited in zip(self.attempts, self._waited_ms, strict=True)
        ]
