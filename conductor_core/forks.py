"""Forks: the path up to an answer, as a conversation of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import Any

from conductor_core.answers import FIGURES, stored_answer
from conductor_core.branches import CONTINUES, Step
from conductor_core.errors import InvalidRequest
from conductor_core.metrics.call import Call
from conductor_core.store.records import Attachment, Conversation, StoredMessage, Vote
from conductor_core.turns import LaneSetup

FORK_OF = "Fork of "


def forked(
    origin: Conversation, path: Sequence[Step], answer_id: str, calls: Mapping[str | None, Call]
) -> tuple[Conversation, list[StoredMessage]]:
    """A new chat that holds one lane of a path, up to an answer; to be saved in this order.

    The answers keep their figures, but not their calls: those were made, and paid for, once.

    Args:
        calls: by the answer they brought.

    Raises:
        InvalidRequest: there is no such answer at its end, or it has not ended.
    """
    answer = next((one for one in path[-1].answers.values() if one.id == answer_id), None)
    if answer is None:
        raise InvalidRequest("A fork begins at an answer, and this is none.")
    if answer.state.running:
        raise InvalidRequest("This answer is still being written. Fork once it has ended.")
    now = time.time_ns() // 1_000_000
    title = origin.title if origin.title.startswith(FORK_OF) else f"{FORK_OF}{origin.title}"
    setup = answer.facts.get("setup") or LaneSetup().model_dump()
    made = Conversation(token_hex(16), "chat", title, {"lanes": [setup]}, now, now)
    messages: list[StoredMessage] = []
    for step in path:
        attached = step.prompt.facts.get("files")
        messages.append(_copied(step.prompt, made, messages, {"files": attached} if attached else {}))
        given = step.answers.get(answer.lane)
        if given:
            messages.append(_copied(given, made, messages, _facts(given, calls.get(given.id))))
    return made, messages


def copied_files(
    files: Sequence[Attachment], messages: Sequence[StoredMessage], conversation_id: str
) -> list[Attachment]:
    """What was attached, for the fork to have of its own; its messages name the copies from now on."""
    names = {file.id: token_hex(16) for file in files}
    for message in messages:
        attached = [file for file in message.facts.get("files", ()) if file["id"] in names]
        if attached:
            message.facts["files"] = [file | {"id": names[file["id"]]} for file in attached]
    return [replace(file, id=names[file.id], conversation_id=conversation_id) for file in files]


def check_told(path: Sequence[Step], votes: Mapping[int, Vote]) -> None:
    """Refuses what nobody may be told of yet.

    Raises:
        InvalidRequest: a blind comparison on this path waits for its vote.
    """
    if any(step.prompt.facts.get("order") and step.prompt.turn not in votes for step in path):
        raise InvalidRequest("This is a blind comparison that waits for a vote. Vote first, then fork.")


def _copied(
    message: StoredMessage, made: Conversation, before: Sequence[StoredMessage], facts: dict[str, Any]
) -> StoredMessage:
    """The turn's number stays: what was left out of a prompt is told by it."""
    return replace(
        message,
        id=token_hex(16),
        conversation_id=made.id,
        lane=0,
        version=0,
        facts=facts,
        parent=before[-1].id if before else None,
        shown=0,
    )


def _facts(message: StoredMessage, call: Call | None) -> dict[str, Any]:
    answer = stored_answer(message, call)
    own = {name: value for name, value in message.facts.items() if name != CONTINUES}
    figures = {name: getattr(answer, name) for name in FIGURES}
    return own | {"provider": answer.provider, "model": answer.model, "figures": figures}
