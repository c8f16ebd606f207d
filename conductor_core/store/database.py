"""The store: what the Conductor and the pages know of the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from operator import attrgetter
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import BindParameter, Connection, Engine, Executable, Select, Text, bindparam, cast, func, select

from conductor_core.errors import NotFound, StoreError
from conductor_core.kinds import LaneState, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.secret import Secret
from conductor_core.snippet import snippet_of
from conductor_core.store.backend import Backend
from conductor_core.store.chores import Work
from conductor_core.store.key_rows import KeyRows
from conductor_core.store.library_rows import LibraryRows
from conductor_core.store.records import (
    Attachment,
    Conversation,
    Feedback,
    Incident,
    Preset,
    StoredMessage,
    Vote,
    call_columns,
    call_from,
    conversation_columns,
    conversation_from,
    incident_from,
    message_columns,
    message_from,
    vote_from,
    vote_row,
)
from conductor_core.store.rollups import KEEP, Keep, Rollups
from conductor_core.store.saved import Saved
from conductor_core.store.set_rows import SetRows
from conductor_core.store.spending import Spending
from conductor_core.store.sqlite import SQLite
from conductor_core.store.statements import Statements
from conductor_core.store.tables import (
    attachments,
    calls,
    conversations,
    feedback,
    incidents,
    lane_presets,
    messages,
    votes,
)
from conductor_core.store.texts import Hit, messages_with, titles_with
from conductor_core.store.words import terms_of, words_of
from conductor_core.store.writer import Writer

if TYPE_CHECKING:
    from conductor_core.store.history import History
    from conductor_core.store.wholes import Whole

SEED_CALLS = 20_000
"""How many of the newest calls `last_calls` looks at."""

CROWD = 8
"""Calls at once from which on an end, too, waits 2 ms for company: a commit costs more than the rows in it."""

_BEGIN_SNAPSHOT = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
_call_columns = call_columns(calls)
_message_columns = message_columns()
_attachment_columns = [attachments.c[field.name] for field in fields(Attachment)]
_attachment_row = attrgetter(*(column.name for column in _attachment_columns))
_incident_columns = [incidents.c[field.name] for field in fields(Incident)]
_call_row = attrgetter(*(column.name for column in _call_columns))
_conversation_columns = conversation_columns()
_conversation_row = attrgetter(*(column.name for column in _conversation_columns))
_message_row = attrgetter(*(column.name for column in _message_columns))
_incident_row = attrgetter(*(column.name for column in _incident_columns))
_SETTINGS = conversations.c.keys().index("settings")
_tags_written = cast(conversations.c.tags, Text)
_TAGS = conversations.c.keys().index("tags")
_SIDES = votes.c.keys().index("sides")
_FACTS = messages.c.keys().index("facts")


class Store:
    """Conversations, messages, calls and incidents. Reads are synchronous, from any thread, and raise a `StoreError`
    while the database can't be read; writes are queued and return a future resolved after their commit.

    Attributes:
        sets: prompt sets, their runs and cells.
        keys: API keys.
        library: personas and prompt templates.
        spending: what calls cost, over all copies of the app.
    """

    def __init__(self, backend: Backend, keep: Keep = KEEP, chore: Work | None = None) -> None:
        self.keep = keep
        self._backend = backend
        self._running: set[str] = set()
        self._statements = Statements.of(backend.dialect)
        self.writer = Writer(backend, chore=chore or Rollups(backend.writing, lambda: backend.copy, keep).add_up)
        self.sets = SetRows(self._rows, self.writer, self._statements, lambda: backend.copy)
        self.keys = KeyRows(self._rows, self.writer, self._statements)
        self.library = LibraryRows(self._rows, self.writer, self._statements)
        self.spending = Spending(self._rows, self.reading, lambda: backend.copy)

    @classmethod
    def open(
        cls,
        home: Path,
        *,
        durability: str = "normal",
        place: str = "",
        database_url: Secret | None = None,
        keep: Keep = KEEP,
    ) -> Store:
        """Opens the database, making it if it isn't there, and marks what a crash left running.

        Args:
            home: the folder of `conductor.db`; it and what is in it are for its owner only.
            durability: "full" also outlasts a power cut, at a disk flush per commit; "normal" any crash of Conductor.
            place: our own address, shown to whoever finds the file in use.
            database_url: a PostgreSQL database instead of the file, `postgresql+psycopg://…`.
            keep: how long calls and rollups stay.

        Raises:
            AlreadyRunning: another process has the file.
            StoreError: the database can't be used; it is as it was.
            DatabaseTooNew: a later version wrote it; it is as it was.
        """
        store = cls(open_backend(home, durability, place, database_url), keep)
        store.writer.start()
        return store

    def close(self) -> None:
        """Writes what is queued and closes every connection."""
        self.writer.close()
        self._backend.close()

    @property
    def facts(self) -> Mapping[str, str]:
        """Name and value of what people may want to know of the database."""
        return self._backend.facts()

    @property
    def copy(self) -> int:
        """Which copy of the app this is, among those that write into the same database."""
        return self._backend.copy

    @property
    def shared(self) -> bool:
        """Whether other copies of the app may write into the same database."""
        return self._backend.shared

    def conversations(
        self, kind: str, limit: int = 100, offset: int = 0, *, archived: bool = False, tag: str = ""
    ) -> list[Conversation]:
        """Those of a kind ("chat" or "compare") that are archived, or are not: the pinned, then the last used first.

        Args:
            tag: only those that have it.
        """
        wanted = select(*_conversation_columns).where(
            conversations.c.kind == kind, conversations.c.archived == archived, conversations.c.erase_at.is_(None)
        )
        if tag:
            wanted = wanted.where(_tags_written.contains(orjson.dumps(tag).decode(), autoescape=True))
        order = (conversations.c.pinned.desc(), conversations.c.updated_at.desc(), conversations.c.id)
        return [conversation_from(row) for row in self._rows(wanted.order_by(*order).limit(limit).offset(offset))]

    def tags(self, kind: str) -> list[str]:
        """Every tag that conversations of a kind have, in the order of the alphabet."""
        wanted = select(_tags_written).distinct()
        wanted = wanted.where(conversations.c.kind == kind, conversations.c.erase_at.is_(None), _tags_written != "[]")
        return sorted({tag for (written,) in self._rows(wanted) for tag in orjson.loads(written)})

    def conversation(self, id: str) -> Conversation:
        """One conversation.

        Raises:
            NotFound: there is none, or it was deleted.
        """
        wanted = select(*_conversation_columns).where(conversations.c.id == id, conversations.c.erase_at.is_(None))
        rows = self._rows(wanted)
        if not rows:
            raise NotFound
        return conversation_from(rows[0])

    def put_away(self) -> dict[str, int]:
        """Deleted conversations that can still be brought back, and from when on (UTC ms) they are to be erased."""
        wanted = select(conversations.c.id, conversations.c.erase_at).where(conversations.c.erase_at.is_not(None))
        return dict(self._rows(wanted))

    def search(self, query: str, kind: str, limit: int = 30, offset: int = 0) -> list[Hit]:
        """Where all words of a query are, titles before messages, the newest first; archived conversations too.

        `store/words.py` says what a word is. Every character of the query is literal. An answer is found once it ended.
        """
        if not terms_of(query):
            return []
        dialect = self._backend.dialect.name
        titles = self._rows(titles_with(dialect, query, kind, offset + limit, 0))
        rest = limit - len(titles[offset:])
        found = titles[offset:]
        if rest:
            found += self._rows(messages_with(dialect, query, kind, rest, max(0, offset - len(titles))))
        return self._hits(found, query)

    def _hits(self, found: Sequence[tuple[str, str]], query: str) -> list[Hit]:
        """What was found, read; what was deleted meanwhile is left out."""
        of = {conversation_id for _, conversation_id in found}
        known = self._rows(select(*_conversation_columns).where(conversations.c.id.in_(of)))
        chats = {row[0]: conversation_from(row) for row in known}
        wanted = select(messages.c.id, messages.c.turn, messages.c.content)
        said = {row[0]: row for row in self._rows(wanted.where(messages.c.id.in_([id for id, _ in found])))}
        hits = []
        for id, conversation_id in found:
            chat, message = chats.get(conversation_id), said.get(id)
            if chat and id == conversation_id:
                hits.append(Hit(chat, "", 0, snippet_of(chat.title, query)))
            elif chat and message:
                hits.append(Hit(chat, id, message[1], snippet_of(message[2], query)))
        return hits

    def messages(self, conversation_id: str) -> list[StoredMessage]:
        """All of a conversation, by turn, the user's before the answers, then by lane and version."""
        wanted = select(*_message_columns).where(messages.c.conversation_id == conversation_id)
        order = (messages.c.turn, messages.c.role.desc(), messages.c.lane, messages.c.version)
        return [message_from(row) for row in self._rows(wanted.order_by(*order))]

    def calls_of(self, conversation_id: str) -> list[Call]:
        """Every attempt of a conversation, oldest first."""
        wanted = select(*_call_columns).where(calls.c.conversation_id == conversation_id)
        return self.calls_by(wanted.order_by(calls.c.started_at, calls.c.attempt))

    def calls_between(self, since: int, until: int) -> list[Call]:
        """Calls begun at `since` or later and before `until` (UTC ms), oldest first."""
        wanted = select(*_call_columns).where(calls.c.started_at >= since, calls.c.started_at < until)
        return self.calls_by(wanted.order_by(calls.c.started_at))

    def recent_calls(self, limit: int, since: int = 0) -> list[Call]:
        """The newest calls begun at `since` (UTC ms) or later, newest first."""
        wanted = select(*_call_columns).where(calls.c.started_at >= since)
        return self.calls_by(wanted.order_by(calls.c.started_at.desc()).limit(limit))

    def call_columns(
        self, since_ms: int, until_ms: int, columns: Sequence[str], *, drill: bool = False
    ) -> list[tuple[Any, ...]]:
        """Some columns of the finished calls begun in [since, until) UTC ms, oldest first: for charts.

        Args:
            drill: only the calls of drills, instead of all others.
        """
        wanted = select(*(calls.c[name] for name in columns)).where(
            calls.c.started_at >= since_ms, calls.c.started_at < until_ms, calls.c.outcome != Outcome.RUNNING
        )
        wanted = wanted.where(calls.c.source == Source.DRILL if drill else calls.c.source != Source.DRILL)
        return self._rows(wanted.order_by(calls.c.started_at))

    def last_calls(self, per_provider: int) -> list[Call]:
        """The newest finished calls of each real provider, oldest first, among the newest `SEED_CALLS` of all."""
        finished = select(calls.c.id, calls.c.provider, calls.c.started_at).where(
            calls.c.outcome != Outcome.RUNNING, calls.c.source != Source.DRILL
        )
        recent = finished.order_by(calls.c.started_at.desc()).limit(SEED_CALLS).subquery()
        place = func.row_number().over(partition_by=recent.c.provider, order_by=recent.c.started_at.desc())
        placed = select(recent.c.id, place.label("place")).subquery()
        chosen = select(placed.c.id).where(placed.c.place <= per_provider)
        return self.calls_by(select(*_call_columns).where(calls.c.id.in_(chosen)).order_by(calls.c.started_at))

    def completion_lengths(self, newest: int) -> dict[tuple[str, str], list[int]]:
        """Tokens of the whole answers among so many newest calls, by provider and model as it was asked for."""
        wanted = select(calls.c.provider, calls.c.model, calls.c.completion_tokens, calls.c.outcome)
        found: dict[tuple[str, str], list[int]] = {}
        for provider, model, tokens, outcome in self._rows(wanted.order_by(calls.c.started_at.desc()).limit(newest)):
            if outcome in (Outcome.OK, Outcome.LENGTH) and tokens:
                found.setdefault((provider, model), []).append(tokens)
        return found

    def incidents(
        self,
        since: int,
        until: int,
        limit: int = 100,
        *,
        of: Collection[str] | None = None,
        besides: Collection[str] = (),
    ) -> list[Incident]:
        """Those begun in [since, until) UTC ms, or not over at `since`; the newest first.

        Args:
            of: of these providers only.
            besides: not of these providers.
        """
        names = {"providers": list(besides if of is None else of)}
        found = self._rows(_incidents(of is None), {"since": since, "until": until, "most": limit, **names})
        return [incident_from(row) for row in found]

    def votes(self) -> list[Vote]:
        """All votes, oldest first."""
        return [vote_from(row) for row in self._rows(select(votes).order_by(votes.c.created_at, votes.c.id))]

    def votes_of(self, conversation_id: str) -> dict[int, Vote]:
        """The votes of a conversation by turn."""
        found = self._rows(select(votes).where(votes.c.conversation_id == conversation_id))
        return {vote.turn: vote for vote in map(vote_from, found) if vote.turn is not None}

    def feedback_of(self, conversation_id: str) -> dict[str, Feedback]:
        """The feedback on a conversation's answers, by their ids."""
        found = select(*feedback.c).join(messages, messages.c.id == feedback.c.id)
        rows = self._rows(found.where(messages.c.conversation_id == conversation_id))
        return {row[0]: Feedback(*row) for row in rows}

    def vote_tags(self, newest: int = 200) -> list[str]:
        """Every tag of so many newest votes, the last used first."""
        found = self._rows(select(votes.c.tags).order_by(votes.c.created_at.desc()).limit(newest))
        return list(dict.fromkeys(tag for row in found for tag in row[0]))

    def count_votes(self) -> int:
        """How many there are; they are only ever added."""
        return int(self._rows(select(func.count()).select_from(votes))[0][0])

    def presets(self) -> list[Preset]:
        """All sets of lanes that were kept, by name."""
        found = self._rows(select(lane_presets))
        return sorted((Preset(*row) for row in found), key=lambda preset: (preset.name.casefold(), preset.id))

    def save_conversation(self, c: Conversation) -> Saved:
        """Inserts it, or updates its title, settings and `updated_at`."""
        row = _conversation_values(c)
        found = (c.id, c.id, c.id, _title_words(c.title, c.tags))
        return self.writer.submit(self._statements.save_conversation, (row, found), c.id)

    def rename(self, id: str, title: str) -> Saved:
        """Changes a title. A conversation that is gone stays gone."""
        found = (id, _title_words(title, self._title_and_tags(id)[1]), id)
        return self.writer.submit(self._statements.rename, ((title, id), found), id)

    def tag(self, id: str, tags: Sequence[str]) -> Saved:
        """Changes a conversation's tags, by which it is found, too. One that is gone stays gone."""
        found = (id, _title_words(self._title_and_tags(id)[0], tags), id)
        return self.writer.submit(self._statements.tag, ((orjson.dumps(list(tags)).decode(), id), found), id)

    def pin(self, id: str, pinned: bool) -> Saved:
        """Keeps a conversation at the top of its list, or lets it go."""
        return self.writer.submit(self._statements.pin, (pinned, id), id)

    def archive(self, id: str, archived: bool) -> Saved:
        """Moves a conversation out of its list, or back."""
        return self.writer.submit(self._statements.archive, (archived, id), id)

    def hide(self, id: str, erase_at: int | None) -> Saved:
        """Puts a conversation out of sight until it is deleted, from `erase_at` (UTC ms) on; None: brings it back."""
        return self.writer.submit(self._statements.put_away, (erase_at, id), id)

    def touch(self, id: str, updated_at: int) -> Saved:
        """Notes when a conversation was last used (UTC ms)."""
        return self.writer.submit(self._statements.touch, (updated_at, id), id)

    def delete(self, id: str) -> Saved:
        """Deletes a conversation and its messages, from the files as well; its calls keep only their numbers.

        Backups made before a migration keep what was in them.
        """
        return self.writer.submit(self._statements.delete, (id,), id)

    def save_message(self, m: StoredMessage) -> Saved:
        """Inserts it, or updates its content, thinking, state and facts; an ended one can be found from then on.

        The future fails with `NotFound` if its conversation doesn't exist.
        """
        row = (*_with_json(_message_row(m), _FACTS), self.copy)
        found = None if m.state.running else (m.id, m.conversation_id, m.conversation_id, " ".join(words_of(m.content)))
        return self.writer.submit(self._statements.save_message, (row, found), m.id)

    def checkpoint(self, message_id: str, content: str, thinking: str, state: LaneState) -> Saved:
        """Updates an answer that is being written."""
        return self.writer.submit(
            self._statements.checkpoint, (content, thinking, state, self.copy, message_id), message_id
        )

    def show(self, message_id: str, shown: int) -> Saved:
        """Changes which of several messages with one parent is shown."""
        return self.writer.submit(self._statements.show, (shown, message_id), message_id)

    def save_call(self, call: Call) -> Saved:
        """Inserts a call, or updates it: its start and its end are both this.

        A running call may wait 2 ms for company, since its end often comes first and then is all that is written.
        """
        if call.outcome is Outcome.RUNNING:
            self._running.add(call.id)
            patient = True
        else:
            self._running.discard(call.id)
            patient = len(self._running) >= CROWD
        return self.writer.submit(self._statements.save_call, (*_call_row(call), self.copy), call.id, patient=patient)

    def save_feedback(self, given: Feedback) -> Saved:
        """Inserts it, or updates it. The future fails with `NotFound` if its answer doesn't exist."""
        row = (given.id, given.good, given.note, given.updated_at)
        return self.writer.submit(self._statements.save_feedback, row, given.id)

    def remove_feedback(self, answer_id: str) -> Saved:
        """Takes feedback back, if there is any."""
        return self.writer.submit(self._statements.remove_feedback, (answer_id,), answer_id)

    def save_attachment(self, attachment: Attachment) -> Saved:
        """Inserts it.

        The future fails with `NotFound` if its conversation doesn't exist.
        """
        return self.writer.submit(self._statements.save_attachment, _attachment_row(attachment), attachment.id)

    def attachments(self, ids: Collection[str]) -> list[Attachment]:
        """Those of some ids that are there, in the order of the ids."""
        wanted = select(*_attachment_columns).where(attachments.c.id.in_(ids))
        found = {row[0]: Attachment(*row) for row in self._rows(wanted)} if ids else {}
        return [found[id] for id in ids if id in found]

    def save_incident(self, incident: Incident) -> Saved:
        """Inserts it, or updates its end and its reason."""
        return self.writer.submit(self._statements.save_incident, (*_incident_row(incident), self.copy), incident.id)

    def save_vote(self, vote: Vote) -> Saved:
        """Inserts it; of two with the same id the first holds.

        The future fails with `NotFound` if its conversation doesn't exist.
        """
        # A key of its own: of two with one id the writer would keep the last.
        return self.writer.submit(self._statements.save_vote, _vote_row(vote), token_hex(16))

    def _title_and_tags(self, id: str) -> tuple[str, list[str]]:
        rows = self._rows(select(conversations.c.title, conversations.c.tags).where(conversations.c.id == id))
        return (rows[0][0], rows[0][1]) if rows else ("", [])

    def save_preset(self, preset: Preset, *, instead_of: str | None = None) -> Saved:
        """Inserts it, or updates its name and settings, in place of another one if that is named."""
        row = (preset.id, preset.name, orjson.dumps(preset.settings).decode(), preset.created_at)
        return self.writer.submit(self._statements.save_preset, ((instead_of,) if instead_of else None, row), preset.id)

    def delete_preset(self, id: str) -> Saved:
        """Deletes a set of lanes; one that is gone stays gone."""
        return self.writer.submit(self._statements.delete_preset, (id,), id)

    def _rows(self, statement: Executable, given: Mapping[str, Any] | None = None) -> list[Any]:
        try:
            with self._backend.reading.connect() as connection:
                return list(connection.execute(statement, given).all())
        except self._backend.errors as error:
            raise StoreError(self._backend.unreadable(error)) from error

    def calls_by(self, statement: Executable, given: Mapping[str, Any] | None = None) -> list[Call]:
        """The calls that a selection of `call_columns` finds.

        Args:
            given: the values of its parameters.
        """
        return [call_from(row) for row in self._rows(statement, given)]

    def conversations_by(self, statement: Executable) -> list[Conversation]:
        """The conversations that a selection of `conversation_columns` finds."""
        return [conversation_from(row) for row in self._rows(statement)]

    def add(self, wholes: Sequence[Whole]) -> Saved:
        """Inserts whole conversations, all or none, without their calls; what is there already stays as it is."""
        chats = [whole.conversation for whole in wholes]
        said = [(m.id, m.conversation_id, m.conversation_id, m.content) for w in wholes for m in w.messages]
        row = (
            [_conversation_values(chat) for chat in chats],
            [_attachment_row(file) for whole in wholes for file in whole.files],
            [(*_with_json(_message_row(message), _FACTS), self.copy) for w in wholes for message in w.messages],
            [(one.id, one.good, one.note, one.updated_at) for whole in wholes for one in whole.feedback.values()],
            [(chat.id, chat.id, chat.id, _title_words(chat.title, chat.tags)) for chat in chats],
            [(*ids, " ".join(words_of(text))) for *ids, text in said],
            [_vote_row(vote) for whole in wholes for vote in whole.votes],
        )
        return self.writer.submit(self._statements.add, row, token_hex(16))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees the database as of one moment."""
        try:
            with snapshot(self._backend.reading) as connection:
                yield connection
        except self._backend.errors as error:
            raise StoreError(self._backend.unreadable(error)) from error

    @contextmanager
    def history(self) -> Iterator[History]:
        """Calls and rollups as of one moment, however long the reading takes."""
        from conductor_core.store.history import History  # numpy: only for those who look

        with snapshot(self._backend.reading) as connection:
            yield History(connection)


@cache
def _incidents(besides: bool) -> Select[Any]:
    """Made once: Health asks for them at every refresh, and making a statement costs more than asking it."""
    since: BindParameter[int] = bindparam("since")
    providers: BindParameter[str] = bindparam("providers", expanding=True)
    lasted = incidents.c.ended_at.is_(None) | (incidents.c.ended_at > since)
    wanted = select(*_incident_columns).where(
        incidents.c.started_at < bindparam("until"),
        (incidents.c.started_at >= since) | lasted,
        incidents.c.provider.not_in(providers) if besides else incidents.c.provider.in_(providers),
    )
    return wanted.order_by(incidents.c.started_at.desc(), incidents.c.id).limit(bindparam("most"))


@contextmanager
def snapshot(reading: Engine) -> Iterator[Connection]:
    """A connection that sees the database as of one moment, however long the reading takes."""
    with reading.connect() as connection:
        connection.exec_driver_sql(_BEGIN_SNAPSHOT[connection.dialect.name])
        try:
            yield connection
        finally:
            connection.exec_driver_sql("COMMIT")


def open_backend(home: Path, durability: str, place: str, database_url: Secret | None) -> Backend:
    """The database that settings name, without anybody who writes into it yet; raises as `Store.open`."""
    if database_url is None:
        return SQLite.open(home, durability=durability, place=place)
    from conductor_core.store.postgres import Postgres  # its driver is loaded by those who use it

    return Postgres.open(database_url, durability=durability)


def _with_json(row: tuple[Any, ...], column: int) -> tuple[Any, ...]:
    return (*row[:column], orjson.dumps(row[column]).decode(), *row[column + 1 :])


def _title_words(title: str, tags: Sequence[str]) -> str:
    """What a conversation is found by besides its messages."""
    return " ".join(words_of(" ".join([title, *tags])))


def _conversation_values(conversation: Conversation) -> tuple[Any, ...]:
    return _with_json(_with_json(_conversation_row(conversation), _SETTINGS), _TAGS)


def _vote_row(vote: Vote) -> tuple[Any, ...]:
    return _with_json(_with_json(vote_row(vote), _SIDES), _SIDES + 1)
