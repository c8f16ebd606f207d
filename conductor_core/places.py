"""Where a turn goes in its conversation: what it follows, what was answered already, and what is shown from then on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from secrets import token_hex
from typing import Any

from conductor_core.answers import kept_of
from conductor_core.branches import Step, Tree
from conductor_core.errors import InvalidRequest
from conductor_core.kinds import LaneState, Source
from conductor_core.models import MessageRole
from conductor_core.prompt import Content
from conductor_core.store.records import Conversation, StoredMessage
from conductor_core.turns import Begun


@dataclass(frozen=True, slots=True)
class Place:
    """Where a turn goes.

    Attributes:
        before: what was said on its path before its prompt.
        missing: the answer its prompt follows, where none was begun.
        showing: what has to be shown from now on for its path to be.
        begun: what there is already of the answers, by lane.
        parts: by its id what is attached, to the prompt or before it, as it is sent.
    """

    conversation: Conversation
    before: Sequence[Step]
    prompt: StoredMessage
    missing: StoredMessage | None = None
    showing: Sequence[tuple[str, int]] = ()
    begun: Mapping[int, Begun] = field(default_factory=dict)
    parts: Mapping[str, Content] = field(default_factory=dict)

    @property
    def source(self) -> Source:
        return Source.COMPARE if self.conversation.kind == "compare" else Source.CHAT


def of_prompt(
    text: str,
    conversation: Conversation,
    tree: Tree,
    *,
    after: str | None = None,
    instead_of: str | None = None,
    how: Mapping[str, Any],
    files: Sequence[dict[str, Any]] = (),
) -> Place:
    """The place of a new prompt.

    Args:
        after: the message it follows; when not given, the end of the path that is shown.
        instead_of: the prompt it is an edit of.
        how: what is kept of how it is sent, as facts.
        files: what is attached, as facts note it; an edit keeps what its prompt had.

    Raises:
        NotFound: no such message.
    """
    path = tree.path(instead_of or after)
    before, edited = (path[:-1], path[-1].prompt) if instead_of else (path, None)
    files = [*(edited.facts.get("files", ()) if edited else ()), *files]
    missing = _never_begun(before[-1]) if before and not before[-1].answers else None
    parent = (missing or before[-1].end).id if before else None
    prompt = StoredMessage(
        id=token_hex(16),
        conversation_id=conversation.id,
        turn=tree.next_turn,
        lane=0,
        version=0,
        role=MessageRole.USER,
        content=text,
        thinking="",
        state=LaneState.DONE,
        facts=dict(how) | ({"files": files} if files else {}),
        created_at=time.time_ns() // 1_000_000,
        parent=parent,
        shown=tree.next_shown(parent),
    )
    return Place(conversation, before, prompt, missing, tree.showing(before[-1].end.id) if before else ())


def of_answer(
    of: str | None,
    lanes: Iterable[int],
    conversation: Conversation,
    tree: Tree,
    writers: Mapping[str | None, str],
    *,
    going_on: bool,
) -> Place:
    """The place of another answer.

    Args:
        of: the answer that is to be given once more, or the prompt; when not given, the last one shown.
        writers: who wrote an answer, as people read it, by its id.
        going_on: from where each lane's answer broke off.

    Raises:
        InvalidRequest: nothing was asked yet.
        NotFound: no such message.
    """
    path = tree.path(of)
    if not path:
        raise InvalidRequest("There is nothing to answer yet. Send a message first.")
    *before, step = path
    prompt = step.prompt
    begun = {index: _begun(step, index, tree.next_shown(prompt.id, index), writers, going_on) for index in lanes}
    return Place(conversation, before, prompt, None, tree.showing(prompt.id), begun)


def _begun(step: Step, index: int, shown: int, writers: Mapping[str | None, str], going_on: bool) -> Begun:
    versions = step.versions.get(index, ())
    if not versions:
        return Begun(shown=shown)
    last = step.answers[index]
    text = last.content if going_on else ""
    return Begun(
        versions[-1].version + 1,
        shown,
        last.id if going_on else "",
        text,
        writers.get(last.id, ""),
        kept_of(versions, text),
    )


def _never_begun(step: Step) -> StoredMessage:
    """In place of an answer that was never begun, for the next prompt to follow."""
    return replace(
        step.prompt,
        id=token_hex(16),
        role=MessageRole.ASSISTANT,
        content="",
        state=LaneState.INTERRUPTED,
        facts={"provider": "auto", "model": ""},
        parent=step.prompt.id,
        shown=0,
    )
