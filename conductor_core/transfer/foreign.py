"""Conversations of other programs: their trees of messages, made into trees of ours.

With us answers hang on prompts and prompts on answers. Others have steps in between, and answers in several pieces:
what shows nothing is passed over, and neighbouring pieces of an answer become one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from typing import Any

from conductor_core.attachments import noted
from conductor_core.conversations import TAGS_AT_MOST
from conductor_core.errors import InvalidRequest
from conductor_core.kinds import LaneState
from conductor_core.models import MessageRole
from conductor_core.store.records import Attachment, Conversation, StoredMessage
from conductor_core.store.wholes import Whole
from conductor_core.text import clean_text, is_blank
from conductor_core.transfer import pictures
from conductor_core.transfer.file import MOST_BYTES
from conductor_core.transfer.form import LONGEST_TEXT, MOST_MESSAGES, TITLE_AT_MOST
from conductor_core.turns import LaneSetup
from conductor_core.votes import checked_tags

UNANSWERED = "answers without a question"
UNTITLED = "Untitled"


@dataclass(slots=True)
class Node:
    """One node of a foreign tree.

    Attributes:
        role: None: it shows nothing, what follows it follows the one before.
        at: when it was written, UTC ms; 0: not known.
        images: data URLs of those that are in the file.
    """

    id: str
    children: list[str]
    role: MessageRole | None = None
    text: str = ""
    thinking: str = ""
    model: str = ""
    at: int = 0
    images: list[str] = field(default_factory=list)

    def takes(self, url: Any, left_out: Counter[str]) -> bool:
        """Keeps an image of this message when it is in its address and is somebody's prompt's; else it is counted."""
        if self.role is MessageRole.USER and pictures.is_data(url):
            self.images.append(url)
            return True
        left_out[pictures.IN_ANSWERS if pictures.is_data(url) else pictures.ELSEWHERE] += 1
        return False


@dataclass(slots=True)
class Foreign:
    """One foreign conversation.

    Attributes:
        source: the program, as part of ids: the same conversation gets the same id each time.
        provider: who answered, as far as the program tells.
        roots: the nodes that follow none.
        current: the node whose path is shown.
        place: where in the file it is, for sentences.
    """

    source: str
    id: str
    title: str
    provider: str
    nodes: Mapping[str, Node]
    roots: list[str]
    current: str
    created_at: int
    updated_at: int
    place: str
    pinned: bool = False
    archived: bool = False
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Step:
    """A node that is to be looked at, and what stands before it.

    Attributes:
        parent: the message that a prompt there follows.
        prompt: the one that is being answered.
        written: the last piece of its answer so far.
    """

    id: str
    parent: StoredMessage | None = None
    prompt: StoredMessage | None = None
    written: _Piece | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of an answer, or of what was thought before it, and the one before."""

    node: Node
    before: _Piece | None


@dataclass(slots=True)
class _Grown:
    messages: list[StoredMessage] = field(default_factory=list)
    of_node: dict[str, StoredMessage] = field(default_factory=dict)
    versions: Counter[str] = field(default_factory=Counter)
    files: list[Attachment] = field(default_factory=list)
    turns: int = 0
    characters: int = 0


def whole_of(told: Foreign, left_out: Counter[str]) -> Whole | None:
    """The conversation as ours, or None where nothing of it is left; what could not be taken over is counted.

    Raises:
        InvalidRequest: it has too many messages, or too long ones.
    """
    id = _id(told.source, told.id)
    told.created_at = told.created_at or min((node.at for node in told.nodes.values() if node.at), default=0)
    grown = _grow(told, id, left_out)
    if not grown.messages:
        left_out["empty conversations"] += 1
        return None
    _show(told, grown)
    title = " ".join(clean_text(told.title[: 4 * TITLE_AT_MOST]).split())[:TITLE_AT_MOST].strip()
    made = Conversation(
        id=id,
        kind="chat",
        title=UNTITLED if is_blank(title) else title,
        settings={"lanes": [LaneSetup().model_dump()]},
        created_at=told.created_at,
        updated_at=told.updated_at or told.created_at,
        pinned=told.pinned,
        archived=told.archived,
        tags=sorted(checked_tags(told.tags[:TAGS_AT_MOST], most=TAGS_AT_MOST, of="conversation")),
    )
    grown.messages.sort(key=lambda message: (message.turn, message.role != "user", message.version))
    return Whole(made, grown.messages, files=grown.files)


def _id(*parts: str) -> str:
    return sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def _grow(told: Foreign, conversation_id: str, left_out: Counter[str]) -> _Grown:
    """Walks the tree from its roots; a node is looked at once, so that a circle ends."""
    grown = _Grown()
    seen: set[str] = set()
    open_steps = [_Step(root) for root in reversed(told.roots)]
    while open_steps:
        step = open_steps.pop()
        node = told.nodes.get(step.id)
        if node is None or step.id in seen:
            continue
        seen.add(step.id)
        after = _taken(told, grown, step, node, conversation_id, left_out)
        open_steps += [_Step(child, after.parent, after.prompt, after.written) for child in reversed(node.children)]
        if len(grown.messages) > MOST_MESSAGES:
            raise InvalidRequest(f"{told.place}: has more than {MOST_MESSAGES:,} messages, the limit.", told.place)
        if grown.characters > MOST_BYTES:  # pieces that many branches share
            raise InvalidRequest(f"{told.place}: has more than {MOST_BYTES:,} characters, the limit.", told.place)
    return grown


def _taken(
    told: Foreign, grown: _Grown, step: _Step, node: Node, conversation_id: str, left_out: Counter[str]
) -> _Step:
    """What stands before the node's children."""
    if node.role is MessageRole.USER:
        prompt = _prompt(told, grown, step, node, conversation_id, left_out)
        return _Step(node.id, prompt, prompt)
    if node.role is None and not node.thinking:
        return step
    if step.prompt is None:
        left_out[UNANSWERED] += node.role is not None
        return step
    written = _Piece(node, step.written)
    if node.role is None or _is_gone_on_with(told, node):
        return _Step(node.id, step.parent, step.prompt, written)
    answer = _answer(told, grown, step.prompt, written, conversation_id)
    return _Step(node.id, answer, step.prompt, written)


def _is_gone_on_with(told: Foreign, node: Node) -> bool:
    """Whether all that follows is one more piece of the same answer."""
    seen = {node.id}
    while len(node.children) == 1 and node.children[0] not in seen:
        following = told.nodes.get(node.children[0])
        if following is None or following.role is not None:
            return following is not None and following.role is MessageRole.ASSISTANT
        node = following
        seen.add(node.id)
    return False


def _prompt(
    told: Foreign, grown: _Grown, step: _Step, node: Node, conversation_id: str, left_out: Counter[str]
) -> StoredMessage:
    ids = (_id(told.source, told.id, node.id, str(number)) for number in count())
    files = pictures.attached(node.images, ids, left_out)
    grown.files += [replace(file, conversation_id=conversation_id) for file in files]
    made = StoredMessage(
        id=_id(told.source, told.id, node.id),
        conversation_id=conversation_id,
        turn=grown.turns,
        lane=0,
        version=0,
        role=MessageRole.USER,
        content=_bounded(node.text or pictures.words(node.images, files), told.place),
        thinking="",
        state=LaneState.DONE,
        facts={"files": [noted(file) for file in files]} if files else {},
        created_at=node.at or told.created_at,
        parent=step.parent.id if step.parent else None,
    )
    grown.turns += 1
    return _added(grown, node, made)


def _answer(
    told: Foreign, grown: _Grown, prompt: StoredMessage, written: _Piece, conversation_id: str
) -> StoredMessage:
    """The answer as far as this piece."""
    pieces = []
    last: _Piece | None = written
    while last:
        pieces.append(last.node)
        last = last.before
    node = written.node
    made = StoredMessage(
        id=_id(told.source, told.id, node.id),
        conversation_id=conversation_id,
        turn=prompt.turn,
        lane=0,
        version=grown.versions[prompt.id],
        role=MessageRole.ASSISTANT,
        content=_bounded("\n\n".join(piece.text for piece in reversed(pieces) if piece.text), told.place),
        thinking=_bounded("\n\n".join(piece.thinking for piece in reversed(pieces) if piece.thinking), told.place),
        state=LaneState.DONE,
        facts={"provider": told.provider, "model": next((piece.model for piece in pieces if piece.model), "")},
        created_at=node.at or prompt.created_at,
        parent=prompt.id,
    )
    grown.versions[prompt.id] += 1
    return _added(grown, node, made)


def _added(grown: _Grown, node: Node, message: StoredMessage) -> StoredMessage:
    grown.messages.append(message)
    grown.of_node[node.id] = message
    grown.characters += len(message.content) + len(message.thinking)
    return message


def _show(told: Foreign, grown: _Grown) -> None:
    """The path to the current node is the one that is shown."""
    parents = {child: node.id for node in told.nodes.values() for child in node.children}
    at, seen = told.current, set[str]()
    by_id = {message.id: message for message in grown.messages}
    while at in told.nodes and at not in seen and at not in grown.of_node:
        seen.add(at)
        at = parents.get(at, "")
    message = grown.of_node.get(at)
    while message:
        message.shown = 1
        message = by_id.get(message.parent or "")


def _bounded(text: str, place: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise InvalidRequest(f"{place}: a message has {len(text):,} characters; the limit is {LONGEST_TEXT:,}.", place)
    return text
