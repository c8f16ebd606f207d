"""The one thread that writes. It owns the only connection that writes and checkpoints, and commits in groups.

One writing and checkpointing connection rules out the WAL-reset race of SQLite before 3.51.3 by construction.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from conductor_core.errors import NotFound, StoreError
from conductor_core.store.saved import Saved, Waiters
from conductor_core.store.statements import Row, Statement

PATIENCE = 0.002
"""Seconds a patient row waits for company."""

BATCH = 4096
"""Most rows in one transaction."""

_MOST_AT_ONCE = 64  # rows in one execution; every power of two up to it stays a prepared statement
_SLOW = 2.0  # seconds before a wait for the disk is worth telling
_AWAKE, _LINGERING, _ASLEEP = range(3)

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
_REFUSALS = (sqlite3.Error, OverflowError, ValueError, TypeError)  # what binding or writing one row can raise


class _Entry(NamedTuple):
    statement: Statement
    key: str
    row: Row
    saved: Saved


class Writer:
    """Writes what is submitted, in order, many rows per commit.

    Of rows with the same statement and key in one batch only the last is written; all of them are then saved.
    """

    def __init__(self, connection: sqlite3.Connection, capacity: int = 100_000) -> None:
        self._connection = connection
        self._capacity = capacity
        self._queue: deque[_Entry] = deque()
        self._waiters = Waiters()
        self._bell = threading.Event()  # not a SimpleQueue: in 3.11 a short time-out of its `get` can become endless
        self._rest = _AWAKE
        self._hurry = False
        self._refusal = ""
        self._give_up_at: float | None = None
        self._trouble = ""
        self._lagging_since: float | None = None
        self._erasing = False
        self._thread = threading.Thread(target=self._run, name="conductor-writer", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def submit(self, statement: Statement, row: Row, key: str, *, patient: bool = False) -> Saved:
        """Queues a row and returns at once.

        Args:
            statement: what to do with it.
            row: the values, in the statement's order.
            key: which row it is: of several in one batch the last one counts.
            patient: nobody waits for it in particular; it may wait for company.

        The future fails with a `StoreError` if the row is refused or can't be kept any more.
        """
        saved = Saved(self._waiters)
        if self._refusal or len(self._queue) >= self._capacity:
            saved.set_exception(StoreError(self._refusal or self._full_sentence()))
            return saved
        self._queue.append(_Entry(statement, key, row, saved))
        if not patient:
            self._hurry = True
        if self._rest == _ASLEEP or (self._rest == _LINGERING and not patient):
            self._rest = _AWAKE
            self._bell.set()
        return saved

    @property
    def unsaved(self) -> int:
        """Rows that wait in memory."""
        return len(self._queue)

    @property
    def lagging_since(self) -> float | None:
        """When the rows being written now were first tried, in s of the monotonic clock; None while nothing waits."""
        return self._lagging_since

    @property
    def trouble(self) -> str:
        """A sentence for people while answers are not being saved, else nothing."""
        since = self._lagging_since
        if self._trouble or since is None or time.monotonic() - since < _SLOW:
            return self._trouble
        return "Saving is delayed: the disk is slow, or another program holds the database. Answers wait in memory."

    def close(self, timeout: float = 10.0) -> None:
        """Writes what is queued and ends the thread. Rows that can't be written within `timeout` s fail."""
        self._refusal = self._refusal or "Conductor is shutting down: this was not saved."
        self._give_up_at = time.monotonic() + timeout
        self._bell.set()
        self._thread.join()

    def _full_sentence(self) -> str:
        why = self.trouble or "Answers come in faster than the disk takes them."
        return f"This was not saved: {self._capacity:,} rows already wait. {why}"

    def _run(self) -> None:
        retries = 0
        while self._queue or self._give_up_at is None:
            self._rest_until_wanted()
            batch = self._take()
            if not batch:
                continue
            if self._save(batch):
                retries = 0
            elif self._give_up_at is not None and time.monotonic() > self._give_up_at:
                self._fail(self._queue, self._trouble)
                self._queue.clear()
            else:
                retries += 1
                time.sleep(min(0.05 * 2**retries, 1.0))
        self._truncate()

    def _rest_until_wanted(self) -> None:
        """Sleeps while there is nothing to do, then lingers while there are only patient rows."""
        if not self._queue:
            self._lagging_since = None
            self._ring_wait(_ASLEEP, 0.25 if self._erasing else None)
            if self._erasing and not self._queue:
                self._truncate()
        if self._queue and not self._hurry and self._give_up_at is None:
            self._ring_wait(_LINGERING, PATIENCE)

    def _ring_wait(self, rest: int, timeout: float | None) -> None:
        """Waits for the bell. Clear, say so, look again, wait: in this order no ring can be missed."""
        self._bell.clear()
        self._rest = rest
        wanted = self._hurry or (rest == _ASLEEP and self._queue)
        if not wanted and self._give_up_at is None:
            self._bell.wait(timeout)
        self._rest = _AWAKE

    def _take(self) -> list[_Entry]:
        self._hurry = False
        batch: list[_Entry] = []
        while self._queue and len(batch) < BATCH:
            batch.append(self._queue.popleft())
        if self._queue:
            self._hurry = True
        return batch

    def _save(self, batch: list[_Entry]) -> bool:
        """Commits a batch and settles its futures; if the database can't be written now, puts it back."""
        self._lagging_since = self._lagging_since or time.monotonic()
        try:
            refused = self._write(batch)
        except sqlite3.Error as error:
            self._put_back(batch, error)
            return False
        except Exception as error:  # noqa: BLE001 the thread must outlive any batch, or every later row would hang
            self._fail(batch, f"This was not saved: {error}")
            return True
        self._trouble = ""
        self._lagging_since = None
        if any(entry.statement.erases for entry in batch):
            self._truncate(wait_ms=250)
        elif self._erasing:
            self._truncate()
        self._settle(batch, refused)
        return True

    def _write(self, batch: list[_Entry]) -> dict[Saved, Exception]:
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            refused: dict[Saved, Exception] = {}
            for run in _runs(batch):
                refused |= _write_run(cursor, run)
            cursor.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise
        finally:
            cursor.close()
        return refused

    def _put_back(self, batch: list[_Entry], error: sqlite3.Error) -> None:
        self._queue.extendleft(reversed(batch))
        self._hurry = True
        self._trouble = _sentence(error)

    def _settle(self, batch: list[_Entry], refused: dict[Saved, Exception]) -> None:
        for entry in batch:
            if refused and entry.saved in refused:
                entry.saved.set_exception(refused[entry.saved])
            else:
                entry.saved.set_result(None)
        self._waiters.wake()

    def _fail(self, entries: Iterable[_Entry], sentence: str) -> None:
        for entry in entries:
            entry.saved.set_exception(StoreError(sentence))
        self._waiters.wake()

    def _truncate(self, wait_ms: int = 0) -> None:
        """Empties the WAL, which still holds what was deleted. A reader in the middle of a query may delay it."""
        try:
            self._connection.execute(f"PRAGMA busy_timeout = {wait_ms}")
            (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._connection.execute("PRAGMA busy_timeout = 5000")
            self._erasing = bool(busy)
        except sqlite3.Error as error:
            self._erasing = True
            self._trouble = _sentence(error)


def _runs(batch: list[_Entry]) -> list[list[_Entry]]:
    """The batch as runs of one statement each, in an order that means the same."""
    runs: list[list[_Entry]] = []
    gathered: dict[Statement, list[_Entry]] = {}
    last: Statement | None = None
    for entry in batch:
        statement = entry.statement
        if statement.gathers:
            gathered.setdefault(statement, []).append(entry)
            continue
        if statement.erases and gathered:
            runs.extend(gathered.values())
            gathered, last = {}, None
        if statement is not last:
            runs.append([])
            last = statement
        runs[-1].append(entry)
    runs.extend(gathered.values())
    return runs


def _write_run(cursor: sqlite3.Cursor, run: list[_Entry]) -> dict[Saved, Exception]:
    """Writes a run at once; if a row of it is refused, one by one, so that a bad row fails alone."""
    statement = run[0].statement
    try:
        _execute(cursor, statement, list({entry.key: entry.row for entry in run}.values()))
    except _REFUSALS as error:
        _raise_if_passing(error)
        return _write_singly(cursor, run)
    return {}


def _write_singly(cursor: sqlite3.Cursor, run: list[_Entry]) -> dict[Saved, Exception]:
    refused: dict[Saved, Exception] = {}
    for entry in run:
        try:
            _execute(cursor, entry.statement, [entry.row])
        except _REFUSALS as error:
            _raise_if_passing(error)
            refused[entry.saved] = _refusal(error)
    return refused


def _execute(cursor: sqlite3.Cursor, statement: Statement, rows: list[Row]) -> None:
    if not statement.repeatable:
        for row in rows:
            for text in statement.texts:
                cursor.execute(text, row)
        return
    start = 0
    while start < len(rows):
        count = min(_MOST_AT_ONCE, 1 << (len(rows) - start).bit_length() - 1)
        cursor.execute(statement.text_for(count), tuple(chain.from_iterable(rows[start : start + count])))
        start += count


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0)


def _raise_if_passing(error: Exception) -> None:
    if _code(error) & 0xFF in _PASSING:
        raise error


def _refusal(error: Exception) -> Exception:
    if _code(error) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return NotFound()
    refusal = StoreError(f"This was not saved: the database refused it ({error}).")
    refusal.__cause__ = error
    return refusal


def _sentence(error: sqlite3.Error) -> str:
    match _code(error) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return "The disk is full: answers are not being saved. They wait in memory; free some space."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "Saving is delayed: another program holds the database. Answers wait in memory; close that program."
        case _:
            return f"Answers are not being saved ({error}). They wait in memory; check the disk and its permissions."
