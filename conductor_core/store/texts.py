"""What titles and messages are found by: their words, and one mark that says what each text is.

No person can type a mark: it begins with a character for private use, which is in no word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Executable, Text, bindparam, select, text

from conductor_core.kinds import LaneState
from conductor_core.snippet import Snippet
from conductor_core.store.records import Conversation
from conductor_core.store.statements import MESSAGE, TITLE, insert_of, words_value
from conductor_core.store.tables import conversations, messages, texts
from conductor_core.store.words import terms_of, words_of

_AT_ONCE = 500
_PLACES = {
    # CROSS: from the index outwards. It gives the newest first by itself, so no more is read than is wanted.
    "sqlite": text(
        "SELECT texts.id, texts.conversation_id FROM texts_found"
        " CROSS JOIN texts ON texts.number = texts_found.rowid"
        " CROSS JOIN conversations ON conversations.id = texts.conversation_id"
        " WHERE texts_found MATCH :query AND conversations.erase_at IS NULL"
        " ORDER BY texts_found.rowid DESC LIMIT :limit OFFSET :offset"
    ),
    "postgresql": text(
        "SELECT texts.id, texts.conversation_id FROM texts"
        " JOIN conversations ON conversations.id = texts.conversation_id"
        " WHERE texts.words @@ CAST(:query AS tsquery) AND conversations.erase_at IS NULL"
        " ORDER BY texts.number DESC LIMIT :limit OFFSET :offset"
    ),
}


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where all words of a query are.

    Attributes:
        message_id: empty when it is the title.
        turn: of the message within its conversation; 0 when it is the title.
    """

    conversation: Conversation
    message_id: str
    turn: int
    snippet: Snippet


def titles_with(dialect: str, query: str, kind: str, limit: int, offset: int) -> Executable:
    """Selects ids of conversations (twice) by their titles, those begun last first. The query has words."""
    return _places(dialect, query, f"{TITLE}{kind}", limit, offset)


def messages_with(dialect: str, query: str, kind: str, limit: int, offset: int) -> Executable:
    """Selects ids of messages and of their conversations, those written last first. The query has words."""
    return _places(dialect, query, f"{MESSAGE}{kind}", limit, offset)


def index_everything(connection: Connection) -> None:
    """Fills `texts` from every title and every ended message, oldest first."""
    titles = select(conversations.c.id, conversations.c.id, conversations.c.title)
    _insert(connection, TITLE, connection.execute(titles.order_by(conversations.c.created_at)).all())
    ended = messages.c.state.not_in([LaneState.WAITING, LaneState.STREAMING])
    ids = select(messages.c.id).where(ended).order_by(messages.c.created_at, messages.c.turn, messages.c.role.desc())
    index_messages(connection, list(connection.execute(ids).scalars()))


def index_messages(connection: Connection, ids: Sequence[str]) -> None:
    """Adds the words of some messages, in this order."""
    wanted = select(messages.c.id, messages.c.conversation_id, messages.c.content)
    for some in _lots(ids):
        rows: dict[str, Any] = {row[0]: row for row in connection.execute(wanted.where(messages.c.id.in_(some)))}
        _insert(connection, MESSAGE, [rows[id] for id in some if id in rows])


def _places(dialect: str, query: str, mark: str, limit: int, offset: int) -> Executable:
    parts = [_term(dialect, mark, False), *(_term(dialect, word, begins) for word, begins in terms_of(query))]
    joined = {"sqlite": " AND ", "postgresql": " & "}[dialect].join(parts)
    return _PLACES[dialect].bindparams(query=joined, limit=limit, offset=offset)


def _term(dialect: str, word: str, begins: bool) -> str:
    """A word in the database's language of queries; it has neither quotes nor backslashes."""
    if dialect == "sqlite":
        return f'"{word}"{" *" if begins else ""}'
    return f"'{word}'{':*' if begins else ''}"


def _insert(connection: Connection, mark: str, rows: Sequence[Any]) -> None:
    """Adds texts: id, conversation, and the text itself."""
    words = words_value(connection.dialect, mark, bindparam("of"), bindparam("new_words", type_=Text))
    values = {"id": bindparam("text"), "conversation_id": bindparam("chat"), "words": words}
    statement = insert_of(connection.dialect)(texts).values(values).on_conflict_do_nothing()
    for some in _lots(rows):
        found = [
            {"text": id, "chat": chat, "of": chat, "new_words": " ".join(words_of(said))} for id, chat, said in some
        ]
        connection.execute(statement, found)


def _lots(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
