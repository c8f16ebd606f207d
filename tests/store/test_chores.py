from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor_core.store.database import Store
from conductor_core.store.sqlite import SQLite
from tests.store.rows import finished, until


class Work:
    """A chore that notes when it ran, and returns or raises what it is told to."""

    def __init__(self) -> None:
        self.runs: list[float] = []
        self.answers: list[float | Exception | None] = []

    def __call__(self) -> float | None:
        self.runs.append(time.monotonic())
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def store(home: Path, work: Work) -> Iterator[Store]:
    """A store whose writer has that chore; not started."""
    opened = Store(SQLite.open(home), chore=work)
    yield opened
    if opened.writer._thread.is_alive():
        opened.close()


def test_a_chore_runs_at_the_start_and_after_calls(store: Store, work: Work) -> None:
    """Once for what an earlier process left to do, then after a commit of calls, at most about once a second."""
    store.writer.start()
    until(lambda: work.runs)
    while not work.runs[1:]:
        store.save_call(finished()).result(5)
    assert work.runs[1] - work.runs[0] >= 0.99


def test_a_chore_that_has_more_to_do_goes_on(store: Store, work: Work) -> None:
    """While it says so it runs again at once, and rows are written in between."""
    work.answers = [0.0] * 50
    saving = [store.save_call(finished()) for _ in range(10)]
    store.writer.start()
    until(lambda: len(work.runs) == 51)
    assert all(future.done() for future in saving)


def test_a_chore_is_called_when_it_asked_to_be(store: Store, work: Work) -> None:
    """After the seconds it returned, with nothing written meanwhile."""
    work.answers = [0.05]
    store.writer.start()
    until(lambda: len(work.runs) == 2)
    assert 0.04 < work.runs[1] - work.runs[0] < 1.0


def test_a_chore_that_fails_is_told_and_tried_again(store: Store, work: Work) -> None:
    """An error of the database's is a sentence until the next run succeeds; another one ends nothing either."""
    work.answers = [sqlite3.OperationalError("disk I/O error")] * 3 + [ZeroDivisionError()]
    store.writer.start()
    until(lambda: store.writer.trouble)
    assert "disk I/O error" in store.writer.trouble
    until(lambda: len(work.runs) == 5)
    until(lambda: not store.writer.trouble)
    store.save_call(finished()).result(5)


def test_closing_finishes_the_chore(store: Store, work: Work) -> None:
    """What was written last is still worked on; a chore that wants to run later does not hold up the end."""
    work.answers = [None, 0.0, 0.0, 3600.0]
    store.writer.start()
    until(lambda: work.runs)
    store.save_call(finished()).result(5)
    store.close()
    assert len(work.runs) == 4


def test_closing_does_not_wait_for_a_chore_without_end(store: Store, work: Work) -> None:
    """After the time-out it is left where it is."""
    work.answers = [0.0] * 1_000_000
    store.writer.start()
    begun = time.monotonic()
    store.writer.close(timeout=0.1)
    assert time.monotonic() - begun < 2
    store._backend.close()


def test_a_chore_may_open_transactions(home: Path) -> None:
    """On the writing engine, in between the writer's own."""
    backend = SQLite.open(home)

    def count() -> None:
        with backend.writing.begin() as connection:
            connection.exec_driver_sql("UPDATE calls SET counted = 1")

    store = Store(backend, chore=count)
    store.writer.start()
    store.save_call(finished()).result(5)
    store.close()
    with sqlite3.connect(home / "conductor.db") as connection:
        assert connection.execute("SELECT counted FROM calls").fetchall() == [(1,)]
    connection.close()
