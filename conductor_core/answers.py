"""An answer as pages and exports see it: the same value whether it is still running or was read back from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

from conductor_core.kinds import CostKind, FinishReason, LaneState, MergeKind, Outcome
from conductor_core.metrics.call import Call
from conductor_core.store.records import Conversation, StoredMessage, Vote

BROKEN_OFF = frozenset({LaneState.INCOMPLETE, LaneState.STOPPED, LaneState.INTERRUPTED})
"""How an answer ends whose text is a part."""

FIRST_MERGE = 1000
"""From this lane on, what is stored beside the answers to a prompt was made of them: a merge each."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an answer failed: our sentence, what upstream said (redacted), and what to quote."""

    sentence: str
    detail: str = ""
    kind: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """What was asked of a model with all answers to a prompt at hand, and the words it was asked with."""

    kind: MergeKind
    prompt: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer with its facts. Times in ms, money in USD; None is "not known (yet)", never zero.

    Attributes:
        notices: what the reader should know of how it came about: who failed, and who answers instead.
        waiting_until: while it waits before it is asked for again, until when (seconds of `time.monotonic`).
        queued: whether it waits for a place at its provider.
        attempt, attempts: the number of the current attempt from 1, and how many there may be.
        kept: what earlier answers to the same prompt had written before they broke off, oldest first.
        ended_at: when its last attempt ended (UTC ms).
        merge: of what was made of other answers, how.
    """

    id: str
    lane: int
    provider: str
    model: str
    state: LaneState
    text: str
    thinking: str = ""
    ttft_ms: float | None = None
    latency_ms: float | None = None
    tokens_per_second: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    thinking_tokens: int | None = None
    cost_usd: float | None = None
    cost_kind: CostKind = CostKind.UNKNOWN
    finish_reason: FinishReason | None = None
    failure: Failure | None = None
    receipt: dict[str, Any] | None = None
    notices: tuple[str, ...] = ()
    waiting_until: float | None = None
    queued: bool = False
    attempt: int = 1
    attempts: int = 1
    request_id: str = ""
    created_at: int = 0
    setup: dict[str, Any] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    ended_at: float | None = None
    merge: Merge | None = None

    @property
    def running(self) -> bool:
        return self.state.running

    @property
    def broke_off(self) -> bool:
        """Whether there is more to come: it was cut, stopped, interrupted, or reached its limit of tokens."""
        ended = self.state in BROKEN_OFF or self.finish_reason is FinishReason.LENGTH
        return ended and bool(self.text)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One prompt and the answers to it, one per lane.

    Attributes:
        order: of the lanes as they were shuffled for a blind comparison; empty when it is not one.
        vote: what somebody thought of the answers.
        in_turn: the lanes answered one after another, each timed by itself.
        merges: what was made of the answers, oldest first.
    """

    turn: int
    prompt: str
    prompt_id: str
    created_at: int
    answers: tuple[Answer, ...]
    order: tuple[int, ...] = ()
    vote: Vote | None = None
    in_turn: bool = False
    merges: tuple[Answer, ...] = ()

    @property
    def blind(self) -> bool:
        """Whether the vote is, or was, cast before anybody was told who answers."""
        return bool(self.order)

    @property
    def hidden(self) -> bool:
        """Whether nobody may be told yet who answers."""
        return self.blind and self.vote is None

    @property
    def sides(self) -> tuple[Answer, ...]:
        """The answers as they are shown: side A, side B …"""
        places = {lane: place for place, lane in enumerate(self.order)}
        return tuple(sorted(self.answers, key=lambda answer: places.get(answer.lane, answer.lane)))

    @property
    def places(self) -> dict[int, int]:
        """By lane, who was done first (1), second …; lanes that did not come to a whole answer have no place."""
        done = [answer for answer in self.answers if answer.state is LaneState.DONE and not answer.failure]
        took = sorted((_took(answer, alone=self.in_turn), answer.lane) for answer in done)
        return {lane: place for place, (_, lane) in enumerate(took, 1)}

    def side(self, lane: int) -> str:
        """What a lane is called: a letter where sides were shuffled, else its number."""
        if not self.blind:
            return str(lane + 1)
        return chr(ord("A") + [answer.lane for answer in self.sides].index(lane))


def _took(answer: Answer, *, alone: bool) -> float:
    """Milliseconds from the prompt to the end, with failed attempts; alone: of the answer itself."""
    if alone or answer.ended_at is None:
        return answer.latency_ms or 0.0
    return answer.ended_at - answer.created_at


class Running(Protocol):
    """A turn in progress, as readers see it."""

    @property
    def running(self) -> bool: ...

    def exchange(self) -> Exchange: ...


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation with everything said in it, and the turn that was running in it when it was read."""

    conversation: Conversation
    exchanges: tuple[Exchange, ...]
    turn: Running | None = None

    @property
    def hidden(self) -> bool:
        """Whether something in it waits for a blind vote."""
        return any(exchange.hidden for exchange in self.exchanges)

    @property
    def total_cost(self) -> float | None:
        """USD of all answers and merges shown, or None when any price is unknown."""
        shown = [answer for exchange in self.exchanges for answer in (*exchange.answers, *exchange.merges)]
        costs = [answer.cost_usd for answer in shown if not answer.running]
        return None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)


def stored_answer(message: StoredMessage, call: Call | None) -> Answer:
    """The answer behind a stored message and its call row; without a row, one that failed before anything was sent."""
    failure = message.facts.get("failure")
    known: dict[str, Any] = {}
    if call is not None:
        known = {
            "ttft_ms": call.ttft_ms,
            "latency_ms": call.latency_ms,
            "tokens_per_second": call.tokens_per_second,
            "prompt_tokens": call.prompt_tokens,
            "completion_tokens": call.completion_tokens,
            "thinking_tokens": call.thinking_tokens,
            "cost_usd": call.cost_usd,
            "cost_kind": call.cost_kind,
            "finish_reason": call.finish_reason,
            "request_id": call.request_id,
            "ended_at": None if call.latency_ms is None else call.started_at + call.latency_ms,
        }
    merge = message.facts.get("merge")
    return Answer(
        id=message.id,
        lane=message.lane,
        provider=call.provider if call else message.facts.get("provider", ""),
        model=(call.model_served or call.model) if call else message.facts.get("model", ""),
        state=message.state,
        text=message.content,
        thinking=message.thinking,
        failure=Failure(failure["sentence"], failure["detail"], Outcome(failure["kind"]) if failure["kind"] else None)
        if failure
        else None,
        receipt=message.facts.get("receipt"),
        notices=tuple(message.facts.get("notices", ())),
        created_at=message.created_at,
        setup=message.facts.get("setup", {}),
        merge=Merge(MergeKind(merge["kind"]), merge["prompt"]) if merge else None,
        **known,
    )


def exchanges_of(
    messages: list[StoredMessage], calls: list[Call], votes: Mapping[int, Vote] = MappingProxyType({})
) -> tuple[Exchange, ...]:
    """Messages in order (turn, lane, version) as exchanges; of several versions of an answer the highest counts.

    Args:
        votes: by turn.
    """
    by_lane = {call.lane_id: call for call in calls}
    prompts: dict[int, StoredMessage] = {}
    answers: dict[int, dict[int, list[StoredMessage]]] = {}
    for message in messages:
        if message.role == "user":
            prompts[message.turn] = message
        else:
            answers.setdefault(message.turn, {}).setdefault(message.lane, []).append(message)
    return tuple(
        _exchange(prompt, [_newest(found, by_lane) for _, found in sorted(answers.get(turn, {}).items())], votes)
        for turn, prompt in sorted(prompts.items())
    )


def _exchange(prompt: StoredMessage, found: Sequence[Answer], votes: Mapping[int, Vote]) -> Exchange:
    return Exchange(
        prompt.turn,
        prompt.content,
        prompt.id,
        prompt.created_at,
        tuple(answer for answer in found if answer.lane < FIRST_MERGE) or (_never_begun(prompt),),
        tuple(prompt.facts.get("order", ())),
        votes.get(prompt.turn),
        bool(prompt.facts.get("in_turn")),
        tuple(answer for answer in found if answer.lane >= FIRST_MERGE),
    )


def kept_of(versions: Sequence[StoredMessage], text: str = "") -> tuple[str, ...]:
    """What answers that broke off had written, but for what `text` goes on from."""
    partial = [version.content for version in versions if version.state in BROKEN_OFF and version.content]
    return tuple(content for content in partial if not text.startswith(content))


def _newest(versions: list[StoredMessage], by_lane: dict[str | None, Call]) -> Answer:
    *earlier, last = versions
    return replace(stored_answer(last, by_lane.get(last.id)), kept=kept_of(earlier, last.content))


def _never_begun(prompt: StoredMessage) -> Answer:
    """In place of an answer: the process was killed between the commit of the prompt and that of its answer's row."""
    return Answer(f"none-{prompt.id}", 0, "auto", "", LaneState.INTERRUPTED, "", created_at=prompt.created_at)
