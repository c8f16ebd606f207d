"""Our own document of conversations: JSON with everything a conversation has, one conversation a line.

    {"format": "conductor.conversations", "version": 2, "exported_at": "…Z", "conversations": [{…}, {…}]}

Times are UTC in ms, money in USD. Answers carry the figures of their calls; the calls themselves, which were made and
paid for once, stay where they were made.

Version 2 has the files that go with messages: `files` of a conversation, as `files.py` tells them, and their ids in
`facts.files` of its prompts. Version 1 had none, and is still read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson

from conductor_core.answers import FIGURES, stored_answer
from conductor_core.branches import files_of
from conductor_core.kinds import LaneState
from conductor_core.metrics.call import Call
from conductor_core.models import MessageRole
from conductor_core.store.records import Attachment, Conversation, Feedback, StoredMessage, Vote
from conductor_core.store.wholes import Whole
from conductor_core.transfer.files import WrittenFiles
from conductor_core.transfer.form import ConversationForm, MessageForm, VoteForm
from conductor_core.transfer.masking import masked
from conductor_core.votes import vote_id

FORMAT = "conductor.conversations"
VERSION = 2
WITHOUT_FILES = 1
"""The version that had none."""

LAST_LINE = b"]}"

_CONVERSATION = tuple(name for name in ConversationForm.model_fields if name not in ("messages", "votes"))
_MESSAGE = tuple(name for name in MessageForm.model_fields if name != "feedback")
_VOTE = tuple(VoteForm.model_fields)


def _no_files(_: str) -> None:
    return None


def document(
    wholes: Iterable[Whole],
    mask: Callable[[str], str],
    file: Callable[[str], Attachment | None] = _no_files,
    now: datetime | None = None,
) -> Iterator[bytes]:
    """The document, piece by piece: a conversation or a file is in memory at a time.

    Args:
        mask: blanks out this installation's keys in a text.
        file: one by its id, without such keys; None: it is gone.
    """
    at = (now or datetime.now(UTC)).isoformat(timespec="seconds").replace("+00:00", "Z")
    head = orjson.dumps({"format": FORMAT, "version": VERSION, "exported_at": at})
    yield head[:-1] + b',"conversations":[\n'
    files = WrittenFiles()
    for number, whole in enumerate(wholes):
        before, there = b",\n{" if number else b"{", set[str]()
        # Before the messages, which then name only what is there: a conversation may be erased while it is told.
        for id in dict.fromkeys(id for message in whole.messages for id in files_of(message)):
            if found := file(id):
                yield before + (b"," if there else b'"files":[') + files.told(found)
                before = b""
                there.add(id)
        told = orjson.dumps(masked(_told(whole, there), mask), option=orjson.OPT_SORT_KEYS)
        yield before + (b"]," if there else b"") + told[1:]
    yield b"\n" + LAST_LINE + b"\n"


def whole_of(form: ConversationForm, files: list[Attachment]) -> Whole:
    """A conversation as it is kept, of one that was checked."""
    chat = Conversation(**{name: getattr(form, name) for name in _CONVERSATION})
    made = [_message(message, chat.id) for message in form.messages]
    prompts = {message.turn: message.id for message in made if message.role is MessageRole.USER}
    votes = [_vote(vote, chat.id, prompts[vote.turn]) for vote in form.votes]
    given = {one.id: Feedback(one.id, **dict(one.feedback)) for one in form.messages if one.feedback}
    return Whole(chat, made, votes, feedback=given, files=files)


def _told(whole: Whole, files: Collection[str]) -> dict[str, Any]:
    calls = {call.lane_id: call for call in whole.calls}
    told = {name: getattr(whole.conversation, name) for name in _CONVERSATION}
    told["messages"] = [_told_message(message, calls.get(message.id), files) for message in whole.messages]
    for message in told["messages"]:
        given = whole.feedback.get(message["id"])
        if given:
            message["feedback"] = {"good": given.good, "note": given.note, "updated_at": given.updated_at}
    told["votes"] = [{name: getattr(vote, name) for name in _VOTE} for vote in whole.votes]
    for vote in told["votes"]:
        vote["sides"] = [asdict(side) for side in vote["sides"]]
    return told


def _told_message(message: StoredMessage, call: Call | None, files: Collection[str]) -> dict[str, Any]:
    """An answer that is still being written is told as one that was interrupted there; files are named by their ids."""
    told = {name: getattr(message, name) for name in _MESSAGE}
    facts = {name: fact for name, fact in message.facts.items() if name != "files"}
    if attached := [id for id in files_of(message) if id in files]:
        facts["files"] = attached
    if call:
        answer = stored_answer(message, call)
        figures = {name: getattr(answer, name) for name in FIGURES}
        facts |= {"provider": answer.provider, "model": answer.model, "figures": figures}
    told["facts"] = facts
    if message.state.running:
        told["state"] = LaneState.INTERRUPTED
    return told


def _message(form: MessageForm, conversation_id: str) -> StoredMessage:
    return StoredMessage(conversation_id=conversation_id, **{name: getattr(form, name) for name in _MESSAGE})


def _vote(form: VoteForm, conversation_id: str, prompt_id: str) -> Vote:
    values = {name: getattr(form, name) for name in _VOTE}
    return Vote(id=vote_id(prompt_id), conversation_id=conversation_id, **values)
