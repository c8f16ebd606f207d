"""Turn and Lane: answers in progress. They live on the event loop, not in a page; a page only looks.

Chat is a turn with one lane, Compare a turn with several. A page on another thread may read every attribute and call
`stop`; all else happens on the loop.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from conductor_core.answers import Answer, Exchange, Failure, Merge
from conductor_core.branches import CONTINUES, FIRST_MERGE
from conductor_core.errors import ConductorError, ProviderError
from conductor_core.kinds import CostKind, FinishReason, LaneState, Outcome
from conductor_core.metrics.call import SHORTEST_WRITING_MS
from conductor_core.models import MAX_CHARACTERS, CleanText, MessageRole, ModelName, ProviderName
from conductor_core.providers import Chunk
from conductor_core.routing.attempt import Attempt, cost_of
from conductor_core.routing.request import Request
from conductor_core.store.database import Store
from conductor_core.store.records import StoredMessage
from conductor_core.store.saved import Saved

CHECKPOINT_SECONDS = 1.0
CHECKPOINT_CHARACTERS = 2048
SAVE_SECONDS = 5.0


class LaneSetup(BaseModel):
    """What one lane is asked with. The bounds are `ChatRequest`'s.

    `first_turn` is the first turn of the conversation that is sent along; earlier ones no longer fit the window.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True, frozen=True)

    provider: ProviderName = "auto"
    model: ModelName | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 0.7
    max_tokens: Annotated[int, Field(ge=1, le=4000)] = 1000
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    system: Annotated[CleanText, Field(max_length=MAX_CHARACTERS)] = ""
    first_turn: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True)
class Begun:
    """What there was of an answer before this one.

    Attributes:
        version: how many answers there were.
        shown: as `StoredMessage.shown`, for this one to be the one that is shown.
        continues: the id of the answer it goes on from; empty when it starts anew.
        text: what that one had written.
        label: who wrote that, as people read it.
        kept: as `Answer.kept`.
    """

    version: int = 0
    shown: int = 0
    continues: str = ""
    text: str = ""
    label: str = ""
    kept: tuple[str, ...] = ()


class Lane:
    """One answer in progress: its text so far, its state, its figures."""

    def __init__(
        self,
        message_id: str,
        index: int,
        setup: LaneSetup,
        begun: Begun | None = None,
        merge: Merge | None = None,
    ) -> None:
        self.id = message_id
        self.index = index
        self.setup = setup
        self.state = LaneState.WAITING
        self.request: Request | None = None
        self.task: asyncio.Task[None] | None = None
        self.ending = False
        self.failure: Failure | None = None
        self.created_at = time.time_ns() // 1_000_000
        self.begun = begun or Begun()
        self.merge = merge
        self.interrupted = False
        self._text = io.StringIO()
        self._text.write(self.begun.text)
        self._thinking = io.StringIO()
        self._thought_from: float | None = None
        self._thought_until: float | None = None

    @property
    def attempt(self) -> Attempt | None:
        """The attempt that is running or ran last."""
        return self.request.attempt if self.request else None

    @property
    def receipt(self) -> dict[str, Any] | None:
        """Why AUTO chose, and what became of it."""
        return self.request.receipt if self.request else None

    @property
    def notices(self) -> tuple[str, ...]:
        """What the reader should know of how it came about."""
        told = tuple(self.request.notices) if self.request else ()
        label = self.request.provider.vendor.label if self.request else ""
        if self.begun.text and label not in ("", self.begun.label):
            return (f"Begun by {self.begun.label}, continued by {label}.", *told)
        return told

    @property
    def text(self) -> str:
        return self._text.getvalue()

    @property
    def thinking(self) -> str:
        return self._thinking.getvalue()

    @property
    def thinking_ms(self) -> float | None:
        """From the first word of the thinking to the first one of the answer, or to now; None: there was none."""
        if self._thought_from is None:
            return None
        return ((self._thought_until or time.monotonic()) - self._thought_from) * 1000

    def add(self, chunk: Chunk) -> int:
        """Takes a chunk in; returns the number of characters it brought."""
        if chunk.thinking and self._thought_from is None:
            self._thought_from = time.monotonic()
        if chunk.text and self._thought_from is not None and self._thought_until is None:
            self._thought_until = time.monotonic()
        if chunk.text:
            self._text.write(chunk.text)
            self.state = LaneState.STREAMING
        if chunk.thinking:
            self._thinking.write(chunk.thinking)
        return len(chunk.text) + len(chunk.thinking)

    def fail(self, error: ConductorError) -> LaneState:
        """Notes why the lane ended; returns the state it ends in. What has arrived is kept and called incomplete."""
        kind = error.kind if isinstance(error, ProviderError) else None
        detail = error.detail if isinstance(error, ProviderError) else ""
        self.failure = Failure(str(error), detail, kind)
        return LaneState.INCOMPLETE if self._text.tell() else LaneState.FAILED

    def answer(self) -> Answer:
        """The lane as it stands now. Figures of a running lane are live estimates."""
        request = self.request
        known = self._figures(request) if request else {}
        return Answer(
            id=self.id,
            lane=self.index,
            provider=request.provider.name if request else self.setup.provider,
            model=known.pop("model", self.setup.model or ""),
            state=self.state,
            text=self.text,
            thinking=self.thinking,
            thinking_ms=self.thinking_ms,
            failure=self.failure,
            receipt=self.receipt,
            created_at=self.created_at,
            setup=self.setup.model_dump(),
            kept=self.begun.kept,
            merge=self.merge,
            **known,
        )

    def _figures(self, request: Request) -> dict[str, Any]:
        call, attempt = request.attempt.call, request.attempt
        known: dict[str, Any] = {
            "notices": self.notices,
            "waiting_until": request.waiting_until,
            "queued": request.queued,
            "attempt": request.number,
            "attempts": request.limit,
            "model": call.model_served or call.model,
            "ttft_ms": call.ttft_ms,
            "latency_ms": call.latency_ms or attempt.elapsed_ms,
            "request_id": call.request_id,
            "ended_at": call.ended_at,
        }
        if call.outcome is Outcome.RUNNING:
            usage = attempt.usage_so_far
            usd, kind = cost_of(attempt.provider, (call.model_served, call.model), usage)
            writing = known["latency_ms"] - (call.ttft_ms or 0.0)
            timed = call.ttft_ms and writing >= SHORTEST_WRITING_MS
            return known | {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens or None,
                "tokens_per_second": usage.completion_tokens / writing * 1000 if timed else None,
                "cost_usd": usd,
                "cost_kind": CostKind.ESTIMATED if kind is CostKind.REPORTED else kind,
            }
        return known | {
            "prompt_tokens": call.prompt_tokens,
            "completion_tokens": call.completion_tokens,
            "thinking_tokens": call.thinking_tokens,
            "tokens_per_second": call.tokens_per_second,
            "cost_usd": call.cost_usd,
            "cost_kind": call.cost_kind,
            "finish_reason": call.finish_reason,
        }


class Turn:
    """One prompt sent to one or more lanes of a conversation."""

    def __init__(
        self, conversation_id: str, number: int, prompt: str, prompt_id: str, lanes: Sequence[Lane], created_at: int
    ) -> None:
        self.conversation_id = conversation_id
        self.number = number
        self.prompt = prompt
        self.prompt_id = prompt_id
        self.lanes = tuple(lanes)
        self.created_at = created_at
        self._loop = asyncio.get_running_loop()

    @property
    def running(self) -> bool:
        return any(lane.state.running for lane in self.lanes)

    def stop(self, lane_index: int | None = None) -> None:
        """Stops one lane or all of them; from any thread. What has arrived is kept, the upstream call ends at once."""
        for lane in self.lanes:
            if lane_index in (None, lane.index):
                self._loop.call_soon_threadsafe(_cancel, lane)

    def interrupt(self) -> None:
        """Ends every lane because the process ends: its answers become `interrupted`. On the loop only."""
        for lane in self.lanes:
            lane.interrupted = True
            if lane.request:
                lane.request.interrupt()
            self._loop.call_soon(_cancel, lane)  # after its first step: before it, nobody would save how it ended

    def exchange(self) -> Exchange:
        """The turn as it stands now."""
        found = [lane.answer() for lane in self.lanes]
        return Exchange(
            self.number,
            self.prompt,
            self.prompt_id,
            self.created_at,
            tuple(answer for answer in found if answer.lane < FIRST_MERGE),
            merges=tuple(answer for answer in found if answer.lane >= FIRST_MERGE),
        )

    async def wait(self) -> None:
        """Until every lane has ended."""
        await asyncio.gather(*(lane.task for lane in self.lanes if lane.task))


def _cancel(lane: Lane) -> None:
    if lane.task and not lane.ending:
        lane.ending = True
        lane.task.cancel()


async def run_lane(lane: Lane, turn: Turn, store: Store) -> None:
    """Drives one lane to its end and saves it. Never raises: every end is a state of the lane.

    The answer is checkpointed within `CHECKPOINT_SECONDS` of each change, or every 2 KB (an eighth of a long answer),
    so that a killed process loses about a second.
    """
    request = lane.request
    assert request
    checkpoint = _Checkpoint(lane, store)
    state = LaneState.DONE
    try:
        async with aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                checkpoint.grew(lane.add(chunk))
    except ProviderError as error:
        state = lane.fail(error)
    except asyncio.CancelledError:
        state = LaneState.INTERRUPTED if request.interrupted else LaneState.STOPPED
    attempt = request.attempt
    if state is LaneState.DONE and attempt.call.finish_reason in (FinishReason.SAFETY, FinishReason.RECITATION):
        lane.failure = Failure(blocked_sentence(attempt), kind=Outcome.BLOCKED)
    lane.ending = True
    checkpoint.close()
    written = store.save_message(stored_lane(lane, turn, state))
    await _settle(attempt.saved, written)
    lane.state = state


async def end_unsent(lane: Lane, turn: Turn, store: Store, state: LaneState) -> None:
    """Ends a lane of which no byte was sent, and saves that."""
    lane.ending = True
    if lane.request:
        lane.request.drop()
    await _settle(store.save_message(stored_lane(lane, turn, state)))
    lane.state = state


async def _settle(*saves: Saved) -> None:
    """Waits until all is committed, but not for ever: with a full disk the answer is shown, and the writer tries on."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SAVE_SECONDS):
            await asyncio.gather(*(_done(save) for save in saves), return_exceptions=True)


async def _done(save: Saved) -> None:
    await save


def blocked_sentence(attempt: Attempt) -> str:
    """Why there is no (more) answer, when the provider blocked it."""
    label = attempt.provider.vendor.label
    if attempt.call.finish_reason is FinishReason.RECITATION:
        return f"{label} stopped: the answer came too close to a text it may not recite. Rephrase the question."
    return f"{label} blocked this for safety reasons. Rephrase the question or ask another provider."


def stored_lane(lane: Lane, turn: Turn, state: LaneState) -> StoredMessage:
    """The lane as a row of `messages`."""
    facts: dict[str, Any] = {"setup": lane.setup.model_dump(), "receipt": lane.receipt}
    if lane.request is None:
        facts |= {"provider": lane.setup.provider, "model": lane.setup.model or ""}
    if lane.merge:
        facts["merge"] = {"kind": lane.merge.kind, "prompt": lane.merge.prompt}
    if lane.notices:
        facts["notices"] = list(lane.notices)
    if lane.thinking_ms is not None:
        facts["thinking_ms"] = round(lane.thinking_ms, 1)
    if lane.begun.continues:
        facts[CONTINUES] = lane.begun.continues
    if lane.failure:
        facts["failure"] = {
            "sentence": lane.failure.sentence,
            "detail": lane.failure.detail,
            "kind": lane.failure.kind,
        }
    return StoredMessage(
        id=lane.id,
        conversation_id=turn.conversation_id,
        turn=turn.number,
        lane=lane.index,
        version=lane.begun.version,
        role=MessageRole.ASSISTANT,
        content=lane.text,
        thinking=lane.thinking,
        state=state,
        facts=facts,
        created_at=lane.created_at,
        parent=turn.prompt_id,
        shown=lane.begun.shown,
    )


class _Checkpoint:
    """Saves a growing answer now and then: soon after it changed, sooner when it grew a lot."""

    def __init__(self, lane: Lane, store: Store) -> None:
        self._lane = lane
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._unsaved = 0
        self._saved = 0

    def grew(self, characters: int) -> None:
        self._unsaved += characters
        if self._unsaved > max(CHECKPOINT_CHARACTERS, self._saved // 8):
            self._save()
        elif self._timer is None and characters:
            self._timer = self._loop.call_later(CHECKPOINT_SECONDS, self._save)

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _save(self) -> None:
        self.close()
        self._timer = None
        self._saved += self._unsaved
        self._unsaved = 0
        self._store.checkpoint(self._lane.id, self._lane.text, self._lane.thinking, self._lane.state)
