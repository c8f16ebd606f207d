"""SQLite as the store's database: one process per file, one connection that writes and checkpoints.

That rules out the WAL-reset race of SQLite before 3.51.3 by construction.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import cast

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from conductor_core.errors import NotFound, StoreError
from conductor_core.store.backend import Backend, original
from conductor_core.store.leftovers import interrupt
from conductor_core.store.lock import DataLock
from conductor_core.store.sqlite_file import (
    prepare_file,
    prepare_folder,
    reading_engine,
    refused_politely,
    writing_engine,
)
from conductor_core.store.statements import Row, Statement

_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_ERASING_AGAIN = 0.25  # seconds


class SQLite(Backend):
    """A file of our own. What was deleted is overwritten, in the WAL too."""

    errors = (sqlite3.Error, DBAPIError, PoolTimeout)
    copy = 0
    shared = False
    slow = "Saving is delayed: the disk is slow, or another program holds the database. Answers wait in memory."

    def __init__(self, writing: Engine, reading: Engine, lock: DataLock | None = None) -> None:
        self.writing = writing
        self.reading = reading
        self.dialect = writing.dialect
        self._lock = lock
        self._connection = cast(sqlite3.Connection, writing.raw_connection().driver_connection)
        self._erasing = False

    @classmethod
    def open(cls, home: Path, *, durability: str = "normal", place: str = "") -> SQLite:
        """Opens `conductor.db` in a folder, making both if they aren't there, and marks what a crash left running.

        Args:
            home: the folder; it and what is in it are for its owner only.
            durability: "full" also outlasts a power cut, at a disk flush per commit; "normal" any crash of Conductor.
            place: our own address, shown to whoever finds the database in use.

        Raises:
            AlreadyRunning: another process has it.
            StoreError: it can't be used; the file is as it was.
            DatabaseTooNew: a later version wrote it; the file is as it was.
        """
        prepare_folder(home)
        with refused_politely(home):
            lock = DataLock.take(home, place)
        try:
            path = home / "conductor.db"
            prepare_file(path)
            with refused_politely(path):
                backend = cls(writing_engine(path, durability), reading_engine(path), lock)
                with backend.writing.begin() as connection:
                    interrupt(connection, cls.copy)
        except BaseException:
            lock.release()
            raise
        return backend

    def begin(self, *, alone: bool = False) -> None:
        """Not a deferred one: that fails at once when it reads first and another program wrote meanwhile.

        A step alone is a transaction by itself, at two thirds of the price.
        """
        if not alone:
            self._connection.execute("BEGIN IMMEDIATE")

    def write(self, statement: Statement, rows: list[Row]) -> None:
        """A statement that fails undoes itself; of several that belong together, a savepoint undoes the others."""
        if statement.all_or_none:
            self._connection.execute("SAVEPOINT together")
        try:
            for text, values in statement.executions(rows):
                self._connection.execute(text, values)
        except BaseException:
            if statement.all_or_none and self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO together")
                self._connection.execute("RELEASE together")
            raise
        if statement.all_or_none:
            self._connection.execute("RELEASE together")

    def commit(self) -> None:
        """Commits."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undoes what was begun."""
        if self._connection.in_transaction:
            self._connection.rollback()

    def committed(self, *, erased: bool) -> None:
        """Empties the WAL when something was deleted."""
        if erased:
            self._truncate(wait_ms=250)
        elif self._erasing:
            self._truncate()

    def upkeep(self) -> float | None:
        """Tries again to empty the WAL, when a reader in the middle of a query was in the way."""
        if self._erasing:
            self._truncate()
        return _ERASING_AGAIN if self._erasing else None

    def finish(self) -> None:
        """Leaves an empty WAL."""
        self._truncate()

    def close(self) -> None:
        """Closes every connection and lets go of the lock."""
        self.reading.dispose()
        self.writing.dispose()
        if self._lock:
            self._lock.release()

    def passes(self, error: Exception) -> bool:
        """By SQLite's own codes."""
        return _code(error) & 0xFF in _PASSING

    def refusal(self, error: Exception) -> Exception:
        """A `NotFound` where the conversation is missing, else a `StoreError`."""
        if _code(error) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            return NotFound()
        refusal = StoreError(f"This was not saved: the database refused it ({error}).")
        refusal.__cause__ = error
        return refusal

    def sentence(self, error: Exception) -> str:
        """What is wrong with the disk or the file."""
        match _code(error) & 0xFF:
            case sqlite3.SQLITE_FULL:
                return "The disk is full: answers are not being saved. They wait in memory; free some space."
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return (
                    "Saving is delayed: another program holds the database. Answers wait in memory; close that program."
                )
            case _:
                said = original(error)
                return f"Answers are not being saved ({said}). They wait in memory; check the disk and its permissions."

    def unreadable(self, error: Exception) -> str:
        """What to do about it."""
        return "The database can't be read; check the disk, then restart Conductor."

    def pause(self, failures: int) -> float:
        """Up to a second: the disk is near."""
        return min(0.05 * 2.0 ** min(failures, 10), 1.0)

    def facts(self) -> dict[str, str]:
        """The version of the library."""
        return {"SQLite": sqlite3.sqlite_version}

    def _truncate(self, wait_ms: int = 0) -> None:
        """Empties the WAL, which still holds what was deleted. A reader in the middle of a query may delay it."""
        self._erasing = True
        self._connection.execute(f"PRAGMA busy_timeout = {wait_ms}")
        try:
            (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._connection.execute("PRAGMA busy_timeout = 5000")
        self._erasing = bool(busy)


def _code(error: Exception) -> int:
    return getattr(original(error), "sqlite_errorcode", 0)
