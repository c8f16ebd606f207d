from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, update

from conductor_core.secret import Secret
from conductor_core.store.backend import Backend
from conductor_core.store.database import Store
from conductor_core.store.postgres import Postgres
from conductor_core.store.sqlite import SQLite
from conductor_core.store.tables import calls
from tests.postgres import Server
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
def backend(home: Path, database_url: Secret | None) -> Backend:
    """Open, of either kind."""
    return Postgres.open(database_url) if database_url else SQLite.open(home)


@pytest.fixture
def store(backend: Backend, work: Work) -> Iterator[Store]:
    """A store whose writer has that chore; not started."""
    opened = Store(backend, chore=work)
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


def test_a_chore_that_fails_is_told_and_tried_again(
    store: Store, work: Work, database_url: Secret | None, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the database's is a sentence until the next run succeeds; another one ends nothing either."""
    error = psycopg.DataError if database_url else sqlite3.OperationalError
    work.answers = [error("what it said")] * 3 + [ZeroDivisionError()]
    store.writer.start()
    until(lambda: store.writer.trouble)
    assert "what it said" in store.writer.trouble
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


def test_a_chore_may_open_transactions(backend: Backend) -> None:
    """On the writing engine, in between the writer's own."""
    counted: list[int] = []

    def count() -> None:
        with backend.writing.begin() as connection:
            counted.append(connection.execute(update(calls).values(counted=1)).rowcount)

    store = Store(backend, chore=count)
    store.writer.start()
    for _ in range(3):
        store.save_call(finished()).result(5)
    store.close()
    assert counted[-1] == 3


def test_a_chore_survives_a_lost_connection(postgres: Server, postgres_url: Secret) -> None:
    """Its error is told, it runs again over a new connection, and the copy is still the same."""
    backend = Postgres.open(postgres_url)
    work = Work()

    def look() -> float | None:
        with backend.writing.begin() as connection:
            connection.execute(select(calls.c.id))
        return work() or 0.05

    store = Store(backend, chore=look)
    store.writer.start()
    until(lambda: len(work.runs) > 2)
    postgres.restart()
    before = len(work.runs)
    until(lambda: len(work.runs) > before + 2)
    store.save_call(finished()).result(10)
    assert not store.writer.trouble
    assert store.copy == 0
    store.close()
