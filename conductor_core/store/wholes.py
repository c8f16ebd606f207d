"""Whole conversations: read one after the other, however many there are, and added many at once or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, select, tuple_

from conductor_core.errors import NotFound
from conductor_core.metrics.call import Call
from conductor_core.store.records import (
    Attachment,
    Conversation,
    Feedback,
    StoredMessage,
    Vote,
    call_columns,
    call_from,
    conversation_columns,
    conversation_from,
    message_columns,
    message_from,
    vote_from,
)
from conductor_core.store.tables import attachments, calls, conversations, feedback, messages, votes

if TYPE_CHECKING:
    from conductor_core.store.database import Store

AT_ONCE = 50
"""Conversations that are in memory together."""

_ASKED_AT_ONCE = 500


@dataclass(slots=True)
class Whole:
    """A conversation with all there is of it: messages as `Store.messages` orders them, votes by turn, its calls,
    and feedback by the answer's id.

    Attributes:
        files: of one that is to be added; of one that was read there are none, for they may not fit into memory.
    """

    conversation: Conversation
    messages: list[StoredMessage] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    feedback: dict[str, Feedback] = field(default_factory=dict)
    files: list[Attachment] = field(default_factory=list)


def one(store: Store, id: str) -> Whole:
    """A conversation as it is at one moment.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    with store.reading() as connection:
        found = _completed(connection, _visible().where(conversations.c.id == id))
    if not found:
        raise NotFound
    return found[0]


def every(store: Store) -> Iterator[Whole]:
    """All that were not deleted, in the order they were begun; each as it is when it is read."""
    place = (conversations.c.created_at, conversations.c.id)
    after: tuple[int, str] = (-1, "")
    while True:
        wanted = _visible().where(tuple_(*place) > after).order_by(*place).limit(AT_ONCE)
        with store.reading() as connection:
            found = _completed(connection, wanted)
        yield from found
        if len(found) < AT_ONCE:
            return
        after = (found[-1].conversation.created_at, found[-1].conversation.id)


def known(store: Store, ids: Iterable[str]) -> set[str]:
    """Those of some ids that conversations have here, deleted ones that can still be brought back included."""
    with store.reading() as connection:
        return {row[0] for row in _rows(connection, select(conversations.c.id), conversations.c.id, list(ids))}


def known_messages(store: Store, ids: Iterable[str]) -> set[str]:
    """Those of some ids that messages have here."""
    with store.reading() as connection:
        return {row[0] for row in _rows(connection, select(messages.c.id), messages.c.id, list(ids))}


def known_files(store: Store, ids: Iterable[str]) -> set[str]:
    """Those of some ids that files have here."""
    with store.reading() as connection:
        return {row[0] for row in _rows(connection, select(attachments.c.id), attachments.c.id, list(ids))}


def _visible() -> Select[Any]:
    return select(*conversation_columns()).where(conversations.c.erase_at.is_(None))


def _completed(connection: Connection, wanted: Select[Any]) -> list[Whole]:
    found = [Whole(conversation_from(row)) for row in connection.execute(wanted)]
    by_id = {whole.conversation.id: whole for whole in found}
    ids = list(by_id)
    order = attrgetter("turn", "lane", "version", "id")
    for row in _rows(connection, select(*message_columns()), messages.c.conversation_id, ids):
        message = message_from(row)
        by_id[message.conversation_id].messages.append(message)
    given = select(messages.c.conversation_id, *feedback.c).join(messages, messages.c.id == feedback.c.id)
    for id, *row in _rows(connection, given, messages.c.conversation_id, ids):
        by_id[id].feedback[row[0]] = Feedback(*row)
    for row in _rows(connection, select(votes), votes.c.conversation_id, ids):
        vote = vote_from(row)
        by_id[vote.conversation_id or ""].votes.append(vote)
    made: defaultdict[str | None, list[Call]] = defaultdict(list)
    for row in _rows(connection, select(*call_columns(calls)), calls.c.conversation_id, ids):
        call = call_from(row)
        made[call.conversation_id].append(call)
    for whole in found:
        whole.messages.sort(key=lambda message: (message.turn, message.role != "user", *order(message)[1:]))
        whole.votes.sort(key=lambda vote: (vote.turn or 0, vote.id))
        whole.calls = sorted(made[whole.conversation.id], key=attrgetter("started_at", "attempt"))
    return found


def _rows(connection: Connection, wanted: Select[Any], column: Any, ids: Sequence[str]) -> Iterator[Any]:
    for start in range(0, len(ids), _ASKED_AT_ONCE):
        yield from connection.execute(wanted.where(column.in_(ids[start : start + _ASKED_AT_ONCE])))
