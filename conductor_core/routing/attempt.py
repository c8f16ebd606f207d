"""One attempt at one provider, measured: the wrapper that writes the call row and feeds the live counters."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import structlog

from conductor_core.budgets import Reservation
from conductor_core.errors import ConductorError, ProviderError
from conductor_core.ids import new_id
from conductor_core.kinds import FAILURES, CostKind, Fault, FinishReason, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.live import LiveMetrics
from conductor_core.metrics.pace import Flight
from conductor_core.pricing import estimate_tokens
from conductor_core.prompt import Prompt
from conductor_core.providers import BaseProvider, Chunk, Completion, Usage
from conductor_core.store.database import Store

_log = structlog.get_logger()

_REFUSED_UNBILLED = frozenset(
    {
        Outcome.BAD_REQUEST,
        Outcome.AUTH,
        Outcome.FORBIDDEN,
        Outcome.NOT_FOUND,
        Outcome.TOO_LARGE,
        Outcome.RATE_LIMITED,
        Outcome.QUOTA,
        Outcome.OVERLOADED,
        Outcome.CONNECTION,
    }
)
"""Refused before any work was done: no vendor bills these, so they cost nothing instead of "unknown"."""


class Attempt:
    """One attempt: `begin`, then `complete` or `stream` once. Its row is final when either has ended, however it ended.

    Attributes:
        call: the row, filled in as the attempt goes on.
        reservation: what the budgets hold for it.
        saved: resolved once the row as it stood last is committed.
        interrupted: the process ends, so being cancelled is no stop of the user's.
        out_of_time: asked of every cancellation: whether it is a deadline's.
    """

    def __init__(
        self,
        provider: BaseProvider,
        prompt: Prompt,
        call: Call,
        store: Store,
        live: LiveMetrics,
        reservation: Reservation | None = None,
    ) -> None:
        self.provider = provider
        self.reservation = reservation
        self.prompt = prompt
        self.call = call
        self._store = store
        self._live = live
        self._started = time.perf_counter()
        self._characters = 0
        self._usage: Usage | None = None
        self._flight: Flight | None = None
        self.interrupted = False
        self.out_of_time: Callable[[], bool] = _never
        self.saved = store.save_call(call)

    @classmethod
    def begin(
        cls,
        provider: BaseProvider,
        prompt: Prompt,
        store: Store,
        live: LiveMetrics,
        *,
        source: Source,
        request_id: str | None = None,
        conversation_id: str | None = None,
        lane_id: str | None = None,
        strategy: str | None = None,
        number: int = 0,
        fallback_from: str | None = None,
        api_key_id: str | None = None,
        reservation: Reservation | None = None,
    ) -> Attempt:
        """Queues the running row, with what is reserved for it as its cost so far.

        Await `saved` where a byte may only leave once it is committed.
        """
        reserved = reservation.usd if reservation else None
        call = Call(
            id=new_id(),
            request_id=request_id or new_id(),
            attempt=number,
            source=Source.DRILL if provider.vendor.simulated else source,
            conversation_id=conversation_id,
            lane_id=lane_id,
            provider=provider.name,
            model=prompt.model or provider.default_model or "",
            model_served=None,
            strategy=strategy,
            fallback_from=fallback_from,
            started_at=reservation.at if reservation else time.time_ns() // 1_000_000,
            api_key_id=api_key_id,
            cost_usd=reserved,
            cost_kind=CostKind.UNKNOWN if reserved is None else CostKind.ESTIMATED if reserved else CostKind.FREE,
        )
        return cls(provider, prompt, call, store, live, reservation)

    async def complete(self) -> Completion:
        """The whole answer. Raises what the provider raises."""
        self._leave()
        try:
            completion = await self.provider.chat_completion(self.prompt)
            self._take(completion.text, completion.thinking, completion.finish_reason, completion.usage)
            self._characters += sum([call.characters for call in completion.calls])
            self.call.model_served = completion.model
            self._finish(self._outcome())
        except ProviderError as error:
            self._fail(error)
            raise
        except asyncio.CancelledError as error:
            if self.out_of_time():
                raise self._late() from error
            self._finish(self._cut_short())
            raise
        except Exception as error:  # the boundary: an attempt always ends as a row and a ProviderError
            raise self._unforeseen(error) from error
        return completion

    async def stream(self, *, relay: bool = False) -> AsyncGenerator[Chunk, None]:
        """The answer as it comes. Raises what the provider raises; closing it early makes the call `cancelled`.

        Args:
            relay: chunks may be raw.
        """
        self._leave()
        call, provider = self.call, self.provider
        answer = provider.relayed_completion if relay else provider.stream_completion
        try:
            async with aclosing(answer(self.prompt)) as chunks:
                async for chunk in chunks:
                    if chunk.calls:
                        self._characters += sum([len(piece.name) + len(piece.arguments) for piece in chunk.calls])
                    if chunk.raw:
                        self._characters += chunk.raw.characters
                    if call.ttft_ms is None and chunk.speaks:
                        call.ttft_ms = self.elapsed_ms
                        self._spoke()
                    self._take(chunk.text, chunk.thinking, chunk.finish_reason, chunk.usage)
                    if chunk.model:
                        call.model_served = chunk.model
                    yield chunk
            self._finish(self._outcome())
        except ProviderError as error:
            self._fail(error)
            raise
        except (asyncio.CancelledError, GeneratorExit) as error:
            if isinstance(error, asyncio.CancelledError) and self.out_of_time():
                raise self._late() from error
            self._finish(self._cut_short())
            raise
        except Exception as error:  # the boundary: an attempt always ends as a row and a ProviderError
            raise self._unforeseen(error) from error

    def refuse(self, error: ConductorError) -> None:
        """Ends it unsent, by a limit of our own: the provider is not to blame and learns nothing of it."""
        self.call.error = str(error)[:500]
        self._close(Outcome.REFUSED)

    def drop(self) -> None:
        """Ends it unsent because nobody wants it any more; nothing happens when it has ended."""
        if self.call.outcome is Outcome.RUNNING:
            self._close(self._cut_short())

    def supersede(self) -> None:
        """Notes that another attempt of the same request follows: how this one ended is not how the request does."""
        self.call.superseded = True
        self.saved = self._store.save_call(self.call)

    def _close(self, outcome: Outcome) -> None:
        call = self.call
        call.latency_ms, call.outcome = self.elapsed_ms, outcome
        call.cost_usd, call.cost_kind = 0.0, CostKind.FREE
        self._save_end()

    def _save_end(self) -> None:
        if self.reservation:
            self.reservation.settle(self.call.cost_usd)
        self.saved = self._store.save_call(self.call)

    @property
    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    @property
    def usage_so_far(self) -> Usage:
        """What the provider reported, else our estimate of what went out and came in."""
        return self._usage or Usage(
            prompt_tokens=estimate_tokens(self.prompt.characters),
            completion_tokens=estimate_tokens(self._characters),
            estimated=True,
        )

    def _leave(self) -> None:
        """From here on it counts as in flight."""
        self._started = time.perf_counter()
        self._flight = self._live.begin(self.call.provider, self.call.model)

    def _spoke(self) -> None:
        if self._flight:
            self._flight.spoke()

    def _take(self, text: str, thinking: str, finish_reason: FinishReason | None, usage: Usage | None) -> None:
        self._characters += len(text) + len(thinking)
        if finish_reason:
            self.call.finish_reason = finish_reason
        if usage:
            self._usage = usage

    def _outcome(self) -> Outcome:
        match self.call.finish_reason:
            case FinishReason.LENGTH:
                return Outcome.LENGTH
            case FinishReason.SAFETY | FinishReason.RECITATION:
                return Outcome.BLOCKED
        return Outcome.OK if self._characters else Outcome.EMPTY

    def _cut_short(self) -> Outcome:
        return Outcome.INTERRUPTED if self.interrupted else Outcome.CANCELLED

    def _fail(self, error: ProviderError) -> None:
        self.call.http_status = error.status
        self.call.error = str(error)[:500]
        self._finish(error.kind)

    def _late(self) -> ProviderError:
        """The deadline of the whole request."""
        late = ProviderError(
            f"{self.provider.vendor.label} did not finish in time. Retry or use another provider.",
            provider=self.provider.name,
            kind=Outcome.TIMEOUT,
            fault=Fault.DEADLINE,
        )
        self._fail(late)
        return late

    def _unforeseen(self, error: Exception) -> ProviderError:
        """A fault of our own, told as one that can be quoted; the log has the rest."""
        _log.error("attempt failed unforeseen", request_id=self.call.request_id, exc_info=error)
        told = ProviderError(
            f"{self.provider.vendor.label}'s answer could not be read: a fault in Conductor. "
            f"Try again, or quote {self.call.request_id} in a report.",
            provider=self.provider.name,
            kind=Outcome.BAD_RESPONSE,
        )
        self._fail(told)
        return told

    def _finish(self, outcome: Outcome) -> None:
        call = self.call
        call.latency_ms = self.elapsed_ms
        call.outcome = outcome
        if outcome in _REFUSED_UNBILLED and not self._characters:
            call.cost_usd, call.cost_kind = 0.0, CostKind.FREE
        else:
            self._charge(self.usage_so_far)
        if self._flight:
            self._flight.end()
        self.provider.update_metrics(call.latency_ms, outcome not in FAILURES, call.error)
        self._live.record(call)
        self._save_end()

    def _charge(self, usage: Usage) -> None:
        call = self.call
        call.prompt_tokens = usage.prompt_tokens
        call.completion_tokens = usage.completion_tokens
        call.thinking_tokens = usage.thinking_tokens
        call.cost_usd, call.cost_kind = cost_of(self.provider, (call.model_served, call.model), usage)


def _never() -> bool:
    return False


def cost_of(provider: BaseProvider, models: tuple[str | None, ...], usage: Usage) -> tuple[float | None, CostKind]:
    """USD and how it is known, at the price of the first of `models` that has one; the owner's price goes first."""
    known = CostKind.ESTIMATED if usage.estimated else CostKind.REPORTED
    own = provider.own_price(*reversed(models))
    if own:
        return own.of(usage), CostKind.FREE if own.nothing else known
    if provider.is_free():
        return 0.0, CostKind.FREE
    for model in models:
        usd = provider.estimate_cost(usage, model) if model else None
        if usd is not None:
            return usd, known
    return None, CostKind.UNKNOWN
