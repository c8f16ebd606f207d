"""Every statement that writes, defined with SQLAlchemy and compiled once: executing text costs a tenth of a statement.

Rows are tuples in the statement's own order of parameters. Saving is an upsert by id: every write can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from sqlalchemy import Dialect, Table, bindparam, delete, null, text, update
from sqlalchemy.sql import ClauseElement

from conductor_core.store.tables import calls, conversations, incidents, messages, votes

Row = tuple[Any, ...]

_MOST_AT_ONCE = 64  # rows in one execution; every power of two up to it stays a prepared statement


class Statement:
    """One write, compiled.

    Attributes:
        texts: the SQL, executed in order with the same row.
        gathers: its rows may be written after later rows of other statements, up to one that `erases`.
        erases: afterwards nothing of what was there may be left in any file.
    """

    def __init__(self, *texts: str, values: str = "", gathers: bool = False, erases: bool = False) -> None:
        self.texts = texts
        self.gathers = gathers
        self.erases = erases
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


class Statements:
    """The statements of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        # What is fixed at a row's birth is not updated: spares index writes, and a late final row can't bring back
        # what deleting its conversation took out.
        self.save_call = self._upsert(
            calls,
            "id request_id attempt source conversation_id lane_id started_at api_key_id copy counted",
            gathers=True,
            # A call that was counted as the last one of its request, and is not: the rollups have to be told.
            counted="CASE WHEN calls.counted = 1 AND excluded.superseded AND NOT calls.superseded"
            " THEN 2 ELSE calls.counted END",
        )
        self.save_conversation = self._upsert(conversations, "id kind created_at")
        self.save_message = self._upsert(messages, "id conversation_id turn lane version role created_at")
        self.save_incident = self._upsert(incidents, "id kind provider model started_at copy")
        self.save_vote = self._once(votes)
        self.checkpoint = self._update(messages, "content", "thinking", "state", "copy")
        self.rename = self._update(conversations, "title")
        self.touch = self._update(conversations, "updated_at")
        self.delete = Statement(*self._erasing(), erases=True)

    def _upsert(self, table: Table, fixed: str, gathers: bool = False, **computed: str) -> Statement:
        """Rows are the table's columns in their order, without `counted`."""
        names = [column.name for column in table.columns if column.name != "counted"]
        statement = insert_of(self._dialect)(table).values({name: bindparam(name) for name in names})
        kept = {name: statement.excluded[name] for name in names if name not in fixed.split()}
        sql = self._text(
            statement.on_conflict_do_update(
                index_elements=["id"], set_=kept | {name: text(sql) for name, sql in computed.items()}
            )
        )
        start = sql.index("VALUES ") + len("VALUES ")
        return Statement(sql, values=sql[start : sql.index(")", start) + 1], gathers=gathers)

    def _once(self, table: Table) -> Statement:
        """Rows are the table's columns in their order; a row that is there already stays as it is."""
        values: dict[str, Any] = {column.name: bindparam(column.name) for column in table.columns}
        statement = insert_of(self._dialect)(table).values(values)
        return Statement(self._text(statement.on_conflict_do_nothing(index_elements=["id"])))

    def _update(self, table: Table, *columns: str) -> Statement:
        """Rows are the columns' values, then the id."""
        changed: dict[str, Any] = {column: bindparam(f"new_{column}") for column in columns}
        return Statement(self._text(update(table).where(table.c.id == bindparam("of")).values(changed)))

    def _erasing(self) -> list[str]:
        """Deletes a conversation with its messages; calls and votes keep only their numbers."""
        unbound = {"conversation_id": null(), "turn": null()}
        blank = {"conversation_id": null(), "lane_id": null(), "error": null()}
        return [
            self._text(update(calls).where(calls.c.conversation_id == bindparam("of")).values(blank)),
            self._text(update(votes).where(votes.c.conversation_id == bindparam("of")).values(unbound)),
            self._text(delete(conversations).where(conversations.c.id == bindparam("of"))),
        ]

    def _text(self, statement: ClauseElement) -> str:
        return str(statement.compile(dialect=self._dialect))


def insert_of(dialect: Dialect) -> Callable[[Table], Any]:
    """The one place where dialects differ: INSERT … ON CONFLICT is each dialect's own construct."""
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert
    from sqlalchemy.dialects import sqlite

    return sqlite.insert
