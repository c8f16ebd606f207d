"""An answer as pages and exports see it: the same value whether it is still running or was read back from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

from conductor_core.branches import Step, Tree
from conductor_core.kinds import CostKind, FinishReason, LaneState, MergeKind, Outcome
from conductor_core.metrics.call import Call
from conductor_core.metrics.total import NOTHING, Total
from conductor_core.store.records import Conversation, Feedback, StoredMessage, Vote

BROKEN_OFF = frozenset({LaneState.INCOMPLETE, LaneState.STOPPED, LaneState.INTERRUPTED})
"""How an answer ends whose text is a part."""

FIGURES = (
    "ttft_ms",
    "latency_ms",
    "tokens_per_second",
    "prompt_tokens",
    "completion_tokens",
    "thinking_tokens",
    "cost_usd",
    "cost_kind",
    "finish_reason",
    "request_id",
    "ended_at",
)
"""What an answer has of its call."""


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
        thinking_ms: how long it thought before the first word of the text.
        attempt, attempts: the number of the current attempt from 1, and how many there may be.
        kept: what earlier answers to the same prompt had written before they broke off, oldest first.
        versions: the ids of all answers to the prompt that can be looked at, oldest first, this one among them.
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
    thinking_ms: float | None = None
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
    versions: tuple[str, ...] = ()
    ended_at: float | None = None
    merge: Merge | None = None
    feedback: Feedback | None = None

    @property
    def running(self) -> bool:
        return self.state.running

    @property
    def broke_off(self) -> bool:
        """Whether there is more to come: it was cut, stopped, interrupted, or reached its limit of tokens."""
        ended = self.state in BROKEN_OFF or self.finish_reason is FinishReason.LENGTH
        return ended and bool(self.text)


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """What is told of a file that goes with a prompt; `size` in bytes, of all but images that of its text."""

    id: str
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """One prompt and the answers to it, one per lane.

    Attributes:
        order: of the lanes as they were shuffled for a blind comparison; empty when it is not one.
        vote: what somebody thought of the answers.
        edits: the ids of the prompts in this one's place, oldest first, this one among them.
        files: what goes with the prompt.
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
    edits: tuple[str, ...] = ()
    files: tuple[AttachedFile, ...] = ()
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
    """A conversation along the path that is shown, and the turn that was running in it when it was read.

    Attributes:
        turn: when it is on that path.
        elsewhere: when it is in another branch.
        branches: how many paths there are.
        path: what is shown, as it was stored.
        total: of all branches.
    """

    conversation: Conversation
    exchanges: tuple[Exchange, ...]
    turn: Running | None = None
    elsewhere: Running | None = None
    branches: int = 1
    path: tuple[Step, ...] = ()
    total: Total = NOTHING

    @property
    def end(self) -> str | None:
        """The id of the message that a next prompt follows."""
        return self.exchanges[-1].answers[0].id if self.exchanges else None

    @property
    def first_turn(self) -> int:
        """The first turn that was sent along last."""
        return self.exchanges[-1].answers[0].setup.get("first_turn", 0) if self.exchanges else 0

    @property
    def hidden(self) -> bool:
        """Whether something in it waits for a blind vote."""
        return any(exchange.hidden for exchange in self.exchanges)


def stored_answer(message: StoredMessage, call: Call | None) -> Answer:
    """The answer behind a stored message and its call row.

    Without a row, one that failed before anything was sent, or one of a fork, which has its figures with it.
    """
    failure = message.facts.get("failure")
    if call is not None:
        known = {name: getattr(call, name) for name in FIGURES}
    else:
        known = _figures_kept(message.facts.get("figures", {}))
    merge = message.facts.get("merge")
    return Answer(
        id=message.id,
        lane=message.lane,
        provider=call.provider if call else message.facts.get("provider", ""),
        model=(call.model_served or call.model) if call else message.facts.get("model", ""),
        state=message.state,
        text=message.content,
        thinking=message.thinking,
        thinking_ms=message.facts.get("thinking_ms"),
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


def _figures_kept(figures: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: figures[name] for name in FIGURES if name in figures}
    if known:
        known["cost_kind"] = CostKind(known["cost_kind"])
        known["finish_reason"] = FinishReason(known["finish_reason"]) if known["finish_reason"] else None
    return known


def exchanges_of(
    path: Sequence[Step],
    tree: Tree,
    calls: Sequence[Call],
    votes: Mapping[int, Vote] = MappingProxyType({}),
    feedback: Mapping[str, Feedback] = MappingProxyType({}),
) -> tuple[Exchange, ...]:
    """A path with its facts.

    Args:
        votes: by turn.
        feedback: by the answer's id.
    """
    by_lane = {call.lane_id: call for call in calls}
    return tuple(_exchange(step, tree, by_lane, votes.get(step.prompt.turn), feedback) for step in path)


def kept_of(versions: Sequence[StoredMessage], text: str = "") -> tuple[str, ...]:
    """What answers that broke off had written, but for what `text` goes on from."""
    partial = [version.content for version in versions if version.state in BROKEN_OFF and version.content]
    return tuple(content for content in partial if not text.startswith(content))


def _exchange(
    step: Step,
    tree: Tree,
    by_lane: Mapping[str | None, Call],
    vote: Vote | None,
    feedback: Mapping[str, Feedback],
) -> Exchange:
    prompt = step.prompt
    answers = [
        replace(
            stored_answer(answer, by_lane.get(answer.id)),
            kept=kept_of([one for one in step.versions[lane] if one.version < answer.version], answer.content),
            feedback=feedback.get(answer.id),
            versions=tuple(one.id for one in tree.told(step.versions[lane], answer)),
        )
        for lane, answer in sorted(step.answers.items())
    ]
    return Exchange(
        prompt.turn,
        prompt.content,
        prompt.id,
        prompt.created_at,
        tuple(answers) or (_never_begun(prompt),),
        tuple(prompt.facts.get("order", ())),
        vote,
        tuple(edit.id for edit in step.edits),
        tuple(AttachedFile(**file) for file in prompt.facts.get("files", ())),
        bool(prompt.facts.get("in_turn")),
        tuple(stored_answer(merge, by_lane.get(merge.id)) for merge in step.merges),
    )


def _never_begun(prompt: StoredMessage) -> Answer:
    """In place of an answer: the process was killed between the commit of the prompt and that of its answer's row."""
    return Answer(prompt.id, 0, "auto", "", LaneState.INTERRUPTED, "", created_at=prompt.created_at)
