"""Conversations, messages and incidents as they are kept. Calls are in `metrics/call.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from conductor_core.kinds import CostKind, FinishReason, IncidentKind, LaneState, Outcome, Source, Verdict
from conductor_core.metrics.call import Call
from conductor_core.models import MessageRole
from conductor_core.store.tables import conversations, messages


@dataclass(slots=True)
class Conversation:
    """A chat or a comparison. Fields are the columns of `conversations`, in their order; times are UTC in ms."""

    id: str
    kind: str
    title: str
    settings: dict[str, Any]
    created_at: int
    updated_at: int
    pinned: bool = False
    archived: bool = False
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class StoredMessage:
    """One message or one answer. Fields are the columns of `messages`, in their order; times are UTC in ms.

    Attributes:
        parent: the message it follows: of an answer its prompt, of a prompt the answer before it; None: it comes first.
        shown: of messages with one parent (and one lane) the one with the highest is shown.
    """

    id: str
    conversation_id: str
    turn: int
    lane: int
    version: int
    role: MessageRole
    content: str
    thinking: str
    state: LaneState
    facts: dict[str, Any]
    created_at: int
    parent: str | None = None
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody thinks of one answer. Fields are the columns of `feedback`, in their order.

    Attributes:
        id: the answer's.
        updated_at: UTC in ms.
    """

    id: str
    good: bool
    note: str
    updated_at: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message. Fields are the columns of `attachments`, in their order.

    Attributes:
        name: for people; never a path.
        media_type: of an image its own; of anything else text/plain.
        data: an image's file; of anything else its text, as UTF-8.
    """

    id: str
    conversation_id: str
    name: str
    media_type: str
    data: bytes


@dataclass(slots=True)
class Incident:
    """What went wrong for a while. Fields are the columns of `incidents`, in their order; times are UTC in ms.

    Attributes:
        provider: empty for the whole installation.
        model: empty for the provider as a whole.
        ended_at: None while it lasts; of a budget it is known from the start, and may lie ahead.
        reason: a sentence for people.
    """

    id: str
    kind: IncidentKind
    provider: str
    model: str
    started_at: int
    ended_at: int | None
    reason: str

    def lasts(self, now: int) -> bool:
        """Whether it is not over yet."""
        return self.ended_at is None or self.ended_at > now


@dataclass(frozen=True, slots=True)
class Side:
    """One lane as a vote saw it. `rank` is 1 for the best, 2 for the others; all are equal in a tie."""

    lane: int
    provider: str
    model: str
    rank: int

    @property
    def key(self) -> tuple[str, str]:
        return self.provider, self.model


@dataclass(slots=True)
class Vote:
    """What somebody thought of the answers to one prompt. Fields are the columns of `votes`; times are UTC in ms.

    Attributes:
        conversation_id, turn: None once the conversation was deleted.
        blind: nobody had told who answered.
        objection: why it does not count, as a sentence; empty when it does.
    """

    id: str
    conversation_id: str | None
    turn: int | None
    created_at: int
    blind: bool
    verdict: Verdict
    sides: tuple[Side, ...]
    tags: tuple[str, ...]
    objection: str

    @property
    def best(self) -> Side | None:
        """The side that was picked."""
        picked = [side for side in self.sides if side.rank == 1]
        return picked[0] if self.verdict is Verdict.BETTER else None


@dataclass(slots=True)
class Preset:
    """A set of lanes kept under a name. Fields are the columns of `lane_presets`; times are UTC in ms."""

    id: str
    name: str
    settings: dict[str, Any]
    created_at: int


def conversation_from(row: Sequence[Any]) -> Conversation:
    """A row of `conversations`."""
    return Conversation(*row)


def message_from(row: Sequence[Any]) -> StoredMessage:
    """A row of `messages`."""
    message = StoredMessage(*row)
    message.role = MessageRole(message.role)
    message.state = LaneState(message.state)
    return message


def call_from(row: Sequence[Any]) -> Call:
    """A row of `calls`."""
    call = Call(*row)
    call.source = Source(call.source)
    call.cost_kind = CostKind(call.cost_kind)
    call.outcome = Outcome(call.outcome)
    call.finish_reason = None if call.finish_reason is None else FinishReason(call.finish_reason)
    return call


def incident_from(row: Sequence[Any]) -> Incident:
    """A row of `incidents`."""
    incident = Incident(*row)
    incident.kind = IncidentKind(incident.kind)
    return incident


def vote_from(row: Sequence[Any]) -> Vote:
    """A row of `votes`."""
    vote = Vote(*row)
    vote.verdict = Verdict(vote.verdict)
    vote.sides = tuple(Side(**side) for side in row[6])
    vote.tags = tuple(row[7])
    return vote


def vote_row(vote: Vote) -> tuple[Any, ...]:
    """The values of its columns, with what is JSON still as values."""
    row = [getattr(vote, column.name) for column in fields(Vote)]
    row[6], row[7] = [asdict(side) for side in vote.sides], list(vote.tags)
    return tuple(row)


def conversation_columns() -> list[Any]:
    """The columns of `conversations` that make a `Conversation`, in its fields' order."""
    return [conversations.c[column.name] for column in fields(Conversation)]


def message_columns() -> list[Any]:
    """The columns of `messages` that make a `StoredMessage`, in its fields' order."""
    return [messages.c[column.name] for column in fields(StoredMessage)]


def call_columns(table: Any) -> list[Any]:
    """The columns of `calls`, or of a selection from it, that make a `Call`, in its fields' order."""
    return [table.c[column.name] for column in fields(Call)]
