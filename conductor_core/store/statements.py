"""Every statement that writes, defined with SQLAlchemy and compiled once: executing text costs a tenth of a statement.

Rows are tuples in the statement's own order of parameters. Saving is an upsert by id: every write can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain
from typing import Any, ClassVar

from sqlalchemy import Dialect, Table, Text, bindparam, delete, func, literal_column, null, select, text, update
from sqlalchemy.sql import ClauseElement

from conductor_core.store.tables import (
    api_keys,
    attachments,
    calls,
    conversations,
    feedback,
    incidents,
    lane_presets,
    library,
    messages,
    prompt_sets,
    set_cells,
    set_prompts,
    set_runs,
    texts,
    votes,
)

Row = tuple[Any, ...]

TITLE, MESSAGE = "\ue000", "\ue001"
"""Begin the word that says what a text is and of what kind its conversation: private use, so nobody can ask for one."""

_RUNNING = literal_column("'running'", Text)
_MOST_AT_ONCE = 64  # rows in one execution; every power of two up to it stays a prepared statement


class Statement:
    """One write, compiled.

    Attributes:
        texts: the SQL, executed in order with the same row.
        is_one_step: a row of it is written by one execution.
        gathers: its rows may be written after later rows of other statements, up to one that `erases`.
        erases: afterwards nothing of what was there may be left in any file.
        all_or_none: when one of its executions fails, the others must not have been.
    """

    all_or_none = False

    def __init__(self, *texts: str, values: str = "", gathers: bool = False, erases: bool = False) -> None:
        self.texts = texts
        self.gathers = gathers
        self.erases = erases
        self.is_one_step = len(texts) == 1
        self._values = values
        self._repeated = {1: texts[0]}

    def executions(self, rows: list[Row]) -> Iterator[tuple[str, Row]]:
        """What to execute, in order, to write rows: as few texts as possible, each with its values.

        Several rows in one step: the interpreter lock is given up once, not per row.
        """
        if not self._values:
            for row in rows:
                for text in self.texts:
                    yield text, row
            return
        start = 0
        while start < len(rows):
            count = min(_MOST_AT_ONCE, 1 << (len(rows) - start).bit_length() - 1)
            yield self._text_for(count), tuple(chain.from_iterable(rows[start : start + count]))
            start += count

    def _text_for(self, rows: int) -> str:
        if rows not in self._repeated:
            self._repeated[rows] = self.texts[0].replace(self._values, ", ".join([self._values] * rows), 1)
        return self._repeated[rows]


class Joint(Statement):
    """Several writes in one: a row has a row for each, or None where there is nothing to do."""

    def __init__(self, *parts: Statement) -> None:
        super().__init__(*chain.from_iterable(part.texts for part in parts))
        self._parts = parts

    def executions(self, rows: list[Row]) -> Iterator[tuple[str, Row]]:
        """All rows of the first, then all of the next."""
        for place, part in enumerate(self._parts):
            of_part = [row[place] for row in rows if row[place] is not None]
            yield from part.executions(of_part)


class Together(Statement):
    """Several writes of which all happen or none: a row has the rows of each."""

    all_or_none = True

    def __init__(self, *parts: Statement) -> None:
        super().__init__(*chain.from_iterable(part.texts for part in parts))
        self._parts = parts

    def executions(self, rows: list[Row]) -> Iterator[tuple[str, Row]]:
        """All rows of the first, then all of the next."""
        for place, part in enumerate(self._parts):
            yield from part.executions(list(chain.from_iterable(row[place] for row in rows)))


class Statements:
    """The statements of one dialect."""

    _made: ClassVar[dict[str, Statements]] = {}

    @classmethod
    def of(cls, dialect: Dialect) -> Statements:
        """Those of a dialect, compiled once in a process."""
        if dialect.name not in cls._made:
            cls._made[dialect.name] = cls(dialect)
        return cls._made[dialect.name]

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        # What is fixed at a row's birth is not updated: spares index writes, and a late final row can't bring back
        # what deleting its conversation took out.
        self.save_call = self._upsert(
            calls,
            "id request_id attempt source conversation_id lane_id started_at api_key_id copy counted",
            gathers=True,
            # A call that is counted stays as it was counted: an end that comes after its copy was taken for dead would
            # contradict the rollups, which have it as interrupted.
            settled="calls.counted <> 0",
            superseded="excluded.superseded",
            # A call that was counted as the last one of its request, and is not: the rollups have to be told.
            counted="CASE WHEN calls.counted = 1 AND excluded.superseded AND NOT calls.superseded"
            " THEN 2 ELSE calls.counted END",
        )
        self.save_conversation = Joint(
            self._upsert(conversations, "id kind created_at pinned archived tags", without=("erase_at",)),
            self._finding(TITLE),
        )
        self.save_message = Joint(
            self._upsert(messages, "id conversation_id turn lane version role created_at parent shown"),
            self._finding(MESSAGE),
        )
        self.show = self._update(messages, "shown")
        self.save_incident = self._upsert(incidents, "id kind provider model started_at copy")
        self.save_vote = self._once(votes)
        self.add = Together(
            self._once(conversations, without=("erase_at",)),
            # One by one: they are large.
            Statement(*self._once(attachments).texts),
            self._once(messages),
            self._once(feedback),
            self._finding(TITLE),
            self._finding(MESSAGE),
            # A vote outlives its conversation: when that comes back, it is its vote again.
            self._upsert(votes, "id created_at blind verdict sides tags objection"),
        )
        self.save_feedback = self._upsert(feedback, "id")
        self.remove_feedback = Statement(self._text(delete(feedback).where(feedback.c.id == bindparam("of"))))
        self.save_attachment = self._once(attachments)
        self.delete_preset = Statement(self._text(delete(lane_presets).where(lane_presets.c.id == bindparam("of"))))
        self.save_preset = Joint(self.delete_preset, self._upsert(lane_presets, "id created_at"))
        self.save_key = self._once(api_keys)
        self.revoke_key = self._update(api_keys, "revoked_at")
        self.use_key = self._update(api_keys, "last_used_at")
        self.forget = Statement(self._text(delete(library).where(library.c.id == bindparam("of"))))
        self.keep = Joint(self.forget, self._upsert(library, "id kind created_at"))
        self.checkpoint = self._update(messages, "content", "thinking", "state", "copy")
        self.rename = Joint(self._update(conversations, "title"), self._finding_again())
        self.pin = self._update(conversations, "pinned")
        self.archive = self._update(conversations, "archived")
        self.tag = Joint(self._update(conversations, "tags"), self._finding_again())
        self.put_away = self._update(conversations, "erase_at")
        self.touch = self._update(conversations, "updated_at")
        self.delete = Statement(*self._erasing(), erases=True)
        self.save_set = self._once(prompt_sets)
        self.save_set_prompt = self._once(set_prompts)
        self.save_run = self._once(set_runs)
        self.save_cell = self._upsert(
            set_cells,
            "id run_id number lane",
            # Another copy may have counted one meanwhile, taking this one for dead.
            interruptions="CASE WHEN set_cells.interruptions > excluded.interruptions"
            " THEN set_cells.interruptions ELSE excluded.interruptions END",
        )
        self.ask_run = self._update(set_runs, "asked")
        self.claim_run = self._claiming()
        self.end_run = self._ending()
        self.forget_failures = self._forgetting()
        self.delete_run = Statement(*self._erasing_run(), erases=True)
        self.delete_set = Statement(*self._erasing_set(), erases=True)

    def _upsert(
        self,
        table: Table,
        fixed: str,
        gathers: bool = False,
        settled: str = "",
        without: Collection[str] = ("counted",),
        **computed: str,
    ) -> Statement:
        """Rows are the table's columns in their order, without some.

        Args:
            settled: of which rows only what is computed still changes.
        """
        names = [column.name for column in table.columns if column.name not in without]
        statement = insert_of(self._dialect)(table).values({name: bindparam(name) for name in names})
        kept: dict[str, Any] = {name: statement.excluded[name] for name in names if name not in fixed.split()}
        if settled:
            now = {name: f"CASE WHEN {settled} THEN {table.name}.{name} ELSE excluded.{name} END" for name in kept}
            kept = {name: text(sql) for name, sql in now.items()}
        sql = self._text(
            statement.on_conflict_do_update(
                index_elements=["id"],
                set_=kept | {name: text(sql) for name, sql in computed.items()},
            )
        )
        return _of_many(sql, gathers=gathers)

    def _once(self, table: Table, without: Collection[str] = ()) -> Statement:
        """Rows are the table's columns in their order, without some; one that is there already stays as it is."""
        names = [column.name for column in table.columns if column.name not in without]
        statement = insert_of(self._dialect)(table).values({name: bindparam(name) for name in names})
        return _of_many(self._text(statement.on_conflict_do_nothing(index_elements=["id"])))

    def _update(self, table: Table, *columns: str) -> Statement:
        """Rows are the columns' values, then the id."""
        changed: dict[str, Any] = {column: bindparam(f"new_{column}") for column in columns}
        return Statement(self._text(update(table).where(table.c.id == bindparam("of")).values(changed)))

    def _finding(self, mark: str) -> Statement:
        """Rows are the text's id, its conversation's, that once more, and its words with blanks between them."""
        words = words_value(self._dialect, mark, bindparam("of"), bindparam("new_words", type_=Text))
        values = {"id": bindparam("id"), "conversation_id": bindparam("conversation_id"), "words": words}
        statement = insert_of(self._dialect)(texts).values(values)
        new = statement.excluded.words
        changed = statement.on_conflict_do_update(
            index_elements=["id"], set_={"words": new}, where=texts.c.words != new
        )
        return Statement(self._text(changed))

    def _finding_again(self) -> Statement:
        """Rows are the conversation's id, the words of its title, and that id once more; one that is gone stays so."""
        words = words_value(self._dialect, TITLE, bindparam("chat"), bindparam("new_words", type_=Text))
        return Statement(self._text(update(texts).where(texts.c.id == bindparam("of")).values(words=words)))

    def _erasing(self) -> list[str]:
        """Deletes a conversation with its messages; calls and votes keep only their numbers."""
        unbound = {"conversation_id": null(), "turn": null()}
        blank = {"conversation_id": null(), "lane_id": null(), "error": null()}
        texts = [
            self._text(update(calls).where(calls.c.conversation_id == bindparam("of")).values(blank)),
            self._text(update(votes).where(votes.c.conversation_id == bindparam("of")).values(unbound)),
            self._text(delete(conversations).where(conversations.c.id == bindparam("of"))),
        ]
        if self._dialect.name == "sqlite":
            # An entry that is taken out of FTS5's index stays in its file, and is written once more, as gone, until
            # they meet. (What does that at once, "secure-delete", is not there before SQLite 3.42.)
            texts.append("INSERT INTO texts_found (texts_found) SELECT 'optimize' WHERE ? IS NOT NULL")
        return texts

    def _claiming(self) -> Statement:
        """Rows are claim, copy, budget, time, the run's id. Of two who want a run that rests the first has it."""
        changed: list[tuple[str, Any]] = [
            *((name, bindparam(f"new_{name}")) for name in ("claim", "copy", "budget_usd", "resumed_at")),
            *((name, literal_column("''")) for name in ("reason", "asked")),
            ("state", _RUNNING),
            ("ended_at", null()),
        ]
        idle = update(set_runs).where(set_runs.c.id == bindparam("of"), set_runs.c.state != _RUNNING)
        return Statement(self._text(idle.ordered_values(*changed)))

    def _ending(self) -> Statement:
        """Rows are state, reason, time, the run's id and its claim: who has lost the claim changes nothing any more."""
        changed: list[tuple[str, Any]] = [(name, bindparam(f"new_{name}")) for name in ("state", "reason", "ended_at")]
        ours = update(set_runs).where(
            set_runs.c.id == bindparam("of"), set_runs.c.state == _RUNNING, set_runs.c.claim == bindparam("our_claim")
        )
        return Statement(self._text(ours.ordered_values(*changed)))

    def _forgetting(self) -> Statement:
        """Rows are the run's id: its failed cells wait again, and it for being resumed."""
        failed = update(set_cells).where(
            set_cells.c.run_id == bindparam("of"), set_cells.c.state == literal_column("'failed'")
        )
        done = update(set_runs).where(set_runs.c.id == bindparam("of"), set_runs.c.state == literal_column("'done'"))
        return Statement(
            self._text(failed.values(state=literal_column("'waiting'"))),
            self._text(done.values(state=literal_column("'paused'"))),
        )

    def _erasing_run(self) -> list[str]:
        """Deletes a run with its cells; its calls keep only their numbers."""
        blank = {"conversation_id": null(), "lane_id": null(), "error": null()}
        return [
            self._text(update(calls).where(calls.c.conversation_id == bindparam("of")).values(blank)),
            self._text(delete(set_runs).where(set_runs.c.id == bindparam("of"))),
        ]

    def _erasing_set(self) -> list[str]:
        """Deletes a set with its prompts and its runs."""
        blank = {"conversation_id": null(), "lane_id": null(), "error": null()}
        runs = select(set_runs.c.id).where(set_runs.c.set_id == bindparam("of"))
        return [
            self._text(update(calls).where(calls.c.conversation_id.in_(runs)).values(blank)),
            self._text(delete(prompt_sets).where(prompt_sets.c.id == bindparam("of"))),
        ]

    def _text(self, statement: ClauseElement) -> str:
        return str(statement.compile(dialect=self._dialect))


def _of_many(sql: str, gathers: bool = False) -> Statement:
    """A statement that takes several rows at once."""
    start = sql.index("VALUES ") + len("VALUES ")
    return Statement(sql, values=sql[start : sql.index(")", start) + 1], gathers=gathers)


def words_value(dialect: Dialect, mark: str, conversation_id: Any, words: Any) -> Any:
    """Words with blanks between them, as `texts.words` takes them, with a word that says what the text is."""
    kind = select(conversations.c.kind).where(conversations.c.id == conversation_id).scalar_subquery()
    marked = literal_column(f"'{mark}'", Text) + kind + literal_column("' '", Text) + words
    if dialect.name == "sqlite":
        return marked
    return func.array_to_tsvector(func.string_to_array(func.rtrim(marked), literal_column("' '")))


def insert_of(dialect: Dialect) -> Callable[[Table], Any]:
    """The one place where dialects differ: INSERT … ON CONFLICT is each dialect's own construct."""
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert
    from sqlalchemy.dialects import sqlite

    return sqlite.insert
