"""The one thread that writes. It owns the only connection that does, and commits in groups."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from conductor_core.errors import StoreError
from conductor_core.store.backend import Backend
from conductor_core.store.bell import Bell
from conductor_core.store.chores import Chore, Work
from conductor_core.store.saved import Saved, Waiters
from conductor_core.store.statements import Row, Statement

PATIENCE = 0.002
"""Seconds a patient row waits for company."""

BATCH = 4096
"""Most rows in one transaction."""

_SLOW = 2.0  # seconds before a wait for the database is worth telling
_AWAKE, _LINGERING, _ASLEEP = range(3)
_UNBINDABLE = (OverflowError, ValueError, TypeError)  # what binding one row can raise besides the database's errors


class _Entry(NamedTuple):
    statement: Statement
    key: str
    row: Row
    saved: Saved


class Writer:
    """Writes what is submitted, in order, many rows per commit.

    Of rows with the same statement and key in one batch only the last is written; all of them are then saved.
    """

    def __init__(self, backend: Backend, capacity: int = 100_000, chore: Work | None = None) -> None:
        """
        Args:
            capacity: most rows that wait in memory.
            chore: runs in the writer's thread between batches, outside any transaction: at the start, about once a
                second while calls are written, and when it asked to; once more at the end. It may open transactions
                of its own on the backend's writing engine.
        """
        self._backend = backend
        self._objections: tuple[type[Exception], ...] = (*backend.errors, *_UNBINDABLE)
        self._upkeep = Chore(backend.upkeep, backend)
        self._chore = Chore(chore or _nothing, backend)
        self._chores = (self._upkeep, self._chore)
        self._capacity = capacity
        self._queue: deque[_Entry] = deque()
        self._waiters = Waiters()
        self._bell = Bell()
        self._rest = _AWAKE
        self._hurry = False
        self._refusal = ""
        self._give_up_at: float | None = None
        self._trouble = ""
        self._lagging_since: float | None = None
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
            saved.settle(StoreError(self._refusal or self._full_sentence()))
            return saved
        self._queue.append(_Entry(statement, key, row, saved))
        if not patient:
            self._hurry = True
            if self._rest != _AWAKE:
                self._rest = _AWAKE
                self._bell.ring()
        elif self._rest == _ASLEEP:
            self._bell.ring_in(PATIENCE)
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
    def stuck(self) -> str:
        """A sentence for people while answers are not being saved, else nothing."""
        since = self._lagging_since
        if self._trouble or (since is not None and time.monotonic() - since > _SLOW):
            return self._trouble or self._backend.slow
        return ""

    @property
    def trouble(self) -> str:
        """The same, and what keeps figures from being added up."""
        return self.stuck or self._upkeep.trouble or self._chore.trouble

    def close(self, timeout: float = 10.0) -> None:
        """Writes what is queued and ends the thread. Rows that can't be written within `timeout` s fail."""
        self._refusal = self._refusal or "Conductor is shutting down: this was not saved."
        self._give_up_at = time.monotonic() + timeout
        self._bell.ring()
        self._thread.join()

    def _full_sentence(self) -> str:
        why = self.trouble or "Answers come in faster than the database takes them."
        return f"This was not saved: {self._capacity:,} rows already wait. {why}"

    def _run(self) -> None:
        failures = 0
        while self._queue or self._give_up_at is None:
            self._rest_until_wanted()
            batch = self._take()
            if not batch or self._save(batch):
                failures = 0
                self._do_chores()
            elif self._out_of_time():
                self._fail(self._queue, self._trouble)
                self._queue.clear()
            else:
                failures += 1
                self._pause(self._backend.pause(failures))
        self._finish()

    def _out_of_time(self) -> bool:
        return self._give_up_at is not None and time.monotonic() > self._give_up_at

    def _pause(self, seconds: float) -> None:
        """Waits before the next try. Closing rings: from then on the tries come quickly."""
        self._bell.clear()
        if self._give_up_at is None:
            self._bell.wait(seconds)
        else:
            time.sleep(min(seconds, 0.1))

    def _do_chores(self) -> None:
        for chore in self._chores:
            if chore.is_due and self._give_up_at is None:
                chore.run()

    def _finish(self) -> None:
        """What is still to be done once everything is written; each start takes up what is not."""
        while self._chore.due is not None and not self._out_of_time():
            if not self._chore.run():
                break
        try:
            self._backend.finish()
        except self._backend.errors as error:
            self._trouble = self._backend.sentence(error)

    def _rest_until_wanted(self) -> None:
        """Sleeps while there is nothing to do, then lingers while there are only patient rows."""
        if not self._queue:
            self._lagging_since = None
            self._ring_wait(_ASLEEP, self._until_a_chore())
        if self._queue and not self._hurry and self._give_up_at is None:
            self._ring_wait(_LINGERING, PATIENCE)

    def _until_a_chore(self) -> float | None:
        due = [chore.due for chore in self._chores if chore.due is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

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
        except self._backend.errors as error:
            self._put_back(batch, error)
            return False
        except Exception as error:  # noqa: BLE001 the thread must outlive any batch, or every later row would hang
            self._fail(batch, f"This was not saved: {error}")
            return True
        self._trouble = ""
        self._lagging_since = None
        self._tidy(batch)
        self._settle(batch, refused)
        return True

    def _write(self, batch: list[_Entry]) -> dict[Saved, Exception]:
        refused: dict[Saved, Exception] = {}
        runs = _runs(batch)
        one_row = len(runs) == 1 and len({entry.key for entry in batch}) == 1
        try:
            self._backend.begin(alone=one_row and batch[0].statement.is_one_step)
            for run in runs:
                refused |= self._write_run(run)
            self._backend.commit()
        except BaseException:
            self._backend.rollback()
            raise
        return refused

    def _write_run(self, run: list[_Entry]) -> dict[Saved, Exception]:
        """Writes a run at once; if a row of it is refused, one by one, so that a bad row fails alone."""
        statement = run[0].statement
        if not self._objection(statement, list({entry.key: entry.row for entry in run}.values())):
            return {}
        objections = ((entry.saved, self._objection(statement, [entry.row])) for entry in run)
        return {saved: self._backend.refusal(error) for saved, error in objections if error}

    def _objection(self, statement: Statement, rows: list[Row]) -> Exception | None:
        """Writes rows; returns why they are refused. An error that will pass is raised instead."""
        try:
            self._backend.write(statement, rows)
        except self._objections as error:
            if self._backend.passes(error):
                raise
            return error
        return None

    def _tidy(self, batch: list[_Entry]) -> None:
        """After a commit: what the backend and the chore have to do because of it."""
        erased = any(entry.statement.erases for entry in batch)
        try:
            self._backend.committed(erased=erased)
        except self._backend.errors as error:
            self._trouble = self._backend.sentence(error)
        if erased:
            self._upkeep.ask(within=0.0)
        if any(entry.statement.gathers for entry in batch):
            self._chore.ask()

    def _put_back(self, batch: list[_Entry], error: Exception) -> None:
        self._queue.extendleft(reversed(batch))
        self._hurry = True
        self._trouble = self._backend.sentence(error)

    def _settle(self, batch: list[_Entry], refused: dict[Saved, Exception]) -> None:
        for entry in batch:
            entry.saved.settle(refused.get(entry.saved) if refused else None)
        self._waiters.wake()

    def _fail(self, entries: Iterable[_Entry], sentence: str) -> None:
        for entry in entries:
            entry.saved.settle(StoreError(sentence))
        self._waiters.wake()


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


def _nothing() -> None:
    """The chore of a writer that has none."""
