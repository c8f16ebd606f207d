from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path

import pytest
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.dialects import sqlite

from conductor_core.errors import StoreError
from conductor_core.kinds import LaneState
from conductor_core.metrics.call import Call
from conductor_core.store.chores import Work
from conductor_core.store.saved import Saved
from conductor_core.store.sqlite import SQLite
from conductor_core.store.sqlite_file import prepare_file
from conductor_core.store.statements import Statements
from conductor_core.store.writer import Writer
from tests.store.rows import finished, fresh_id, running, until

statements = Statements(sqlite.dialect())


class Desk:
    """A writer over a connection of the test's own, and what the connection was told."""

    def __init__(self, path: Path, capacity: int = 100_000, chore: Work | None = None) -> None:
        prepare_file(path)
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=0.02, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.told: list[str] = []
        self.connection.set_trace_callback(self.told.append)
        engine = create_engine("sqlite://", creator=lambda: self.connection, poolclass=StaticPool)
        self.writer = Writer(SQLite(engine, engine), capacity, chore)

    def save(self, call: Call, *, patient: bool = False) -> Saved:
        return self.writer.submit(statements.save_call, (*astuple(call), 0), call.id, patient=patient)

    def count(self) -> int:
        with sqlite3.connect(self.path) as reader:
            found: int = reader.execute("SELECT count(*) FROM calls").fetchone()[0]
        reader.close()
        return found

    @property
    def commits(self) -> int:
        return self.told.count("COMMIT")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "conductor.db")
    yield desk
    if desk.writer._thread.is_alive():
        desk.writer.close(0.1)
    desk.connection.close()


def test_what_is_queued_together_is_committed_together(desk: Desk) -> None:
    """Everything queued when the writer takes a batch shares one commit."""
    saving = [desk.save(finished()) for _ in range(1_000)]
    desk.writer.start()
    for future in saving:
        future.result(5)
    assert (desk.told.count("BEGIN IMMEDIATE"), desk.commits) == (1, 1)
    assert desk.count() == 1_000


def test_of_a_start_and_its_end_only_the_end_is_written(desk: Desk) -> None:
    """A row superseded within its batch is not written; both who wait for it are told it is saved."""
    call = running()
    start, end = desk.save(call, patient=True), desk.save(finished(call))
    desk.writer.start()
    start.result(5)
    end.result(5)
    inserts = [told for told in desk.told if told.startswith("INSERT")]
    assert len(inserts) == 1
    assert "'running'" not in inserts[0]


def test_a_patient_row_is_written_without_company(desk: Desk) -> None:
    """A row nobody hurries is still committed, soon."""
    desk.writer.start()
    for _ in range(20):
        desk.save(running(), patient=True).result(5)
    assert desk.count() == 20


def test_many_threads_lose_nothing(desk: Desk) -> None:
    """Rows from several threads at once, patient or not, are all committed."""
    from concurrent.futures import ThreadPoolExecutor

    desk.writer.start()

    def work(number: int) -> None:
        for step in range(100):
            future = desk.save(finished(), patient=bool((number + step) % 3))
            if step % 10 == 0:
                future.result(10)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    desk.writer.close()
    assert desk.count() == 800


@pytest.mark.parametrize(
    ("field", "bad"), [("model", "\ud800"), ("prompt_tokens", 2**63), ("provider", None), ("model", object())]
)
def test_a_bad_row_fails_alone(desk: Desk, field: str, bad: object) -> None:
    """A row the database can't take fails by itself; those queued with it are written."""
    good = [desk.save(finished()) for _ in range(5)]
    failing = desk.save(finished(None, **{field: bad}))
    good += [desk.save(finished()) for _ in range(5)]
    desk.writer.start()
    for future in good:
        future.result(5)
    with pytest.raises(StoreError, match="not saved"):
        failing.result(5)
    assert desk.count() == 10


def test_a_full_disk_loses_nothing(desk: Desk) -> None:
    """While the disk is full rows wait and a sentence says so; once there is space all of them are written."""
    [(pages,)] = desk.connection.execute("PRAGMA page_count").fetchall()
    desk.connection.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall()
    desk.writer.start()
    saving = [desk.save(finished()) for _ in range(300)]
    until(lambda: desk.writer.trouble)
    assert "disk is full" in desk.writer.trouble
    assert desk.writer.lagging_since is not None
    saving += [desk.save(finished()) for _ in range(50)]
    desk.connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    for future in saving:
        future.result(10)
    until(lambda: not desk.writer.trouble)
    assert desk.writer.lagging_since is None
    assert desk.count() == 350
    assert desk.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_locked_database_only_delays(desk: Desk) -> None:
    """While another program holds the database rows wait; afterwards all of them are written."""
    other = sqlite3.connect(desk.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    desk.writer.start()
    saving = [desk.save(finished()) for _ in range(10)]
    until(lambda: desk.writer.trouble)
    assert "another program" in desk.writer.trouble
    other.execute("COMMIT")
    other.close()
    for future in saving:
        future.result(10)
    assert desk.count() == 10


def test_a_full_queue_refuses(tmp_path: Path) -> None:
    """Beyond its bound the queue refuses at once, with a sentence; what was accepted is kept."""
    desk = Desk(tmp_path / "conductor.db", capacity=3)
    accepted = [desk.save(finished()) for _ in range(3)]
    with pytest.raises(StoreError, match="3 rows already wait"):
        desk.save(finished()).result(0)
    desk.writer.start()
    for future in accepted:
        future.result(5)
    desk.writer.close()
    desk.connection.close()


def test_closing_writes_what_is_queued_and_refuses_more(desk: Desk) -> None:
    """Nothing accepted is dropped at the end, and nothing is accepted after it."""
    saving = [desk.save(finished(), patient=True) for _ in range(500)]
    desk.writer.start()
    desk.writer.close()
    assert all(future.done() and future.exception() is None for future in saving)
    assert desk.count() == 500
    with pytest.raises(StoreError, match="shutting down"):
        desk.save(finished()).result(0)


def test_closing_gives_up_in_the_end(desk: Desk) -> None:
    """If the database stays out of reach, closing ends all the same and whoever waits is told."""
    other = sqlite3.connect(desk.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    desk.writer.start()
    future = desk.save(finished())
    begun = time.monotonic()
    desk.writer.close(timeout=0.1)
    assert time.monotonic() - begun < 5
    with pytest.raises(StoreError, match="another program"):
        future.result(0)
    other.close()


async def test_a_waiter_that_leaves_does_not_stop_the_row(desk: Desk) -> None:
    """Whoever waits for a queued row may be cancelled: it is written, and the others that wait learn of it."""
    saved = desk.save(finished())

    async def wait() -> None:
        await saved

    leaving, staying = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(0)
    leaving.cancel()
    desk.writer.start()
    await asyncio.wait_for(staying, 5)
    assert leaving.cancelled()
    assert desk.count() == 1


def test_a_thread_waits_no_longer_than_it_says(desk: Desk) -> None:
    """A row that is not committed in time is a time-out; it is written all the same."""
    saved = desk.save(finished())
    with pytest.raises(TimeoutError):
        saved.result(0.01)
    desk.writer.start()
    saved.result(5)
    assert desk.count() == 1


def test_order_holds_across_statements(desk: Desk) -> None:
    """A message saved, checkpointed and saved again in one batch ends as it was saved last."""
    chat, said = fresh_id(), fresh_id()
    desk.writer.submit(
        statements.save_conversation, ((chat, "chat", "Rivers", "{}", 1, 1, False, False, "[]"), None), chat
    )

    def save(content: str) -> Saved:
        row = (said, chat, 0, 0, 0, "assistant", content, "", LaneState.DONE, "{}", 1, None, 0, 0)
        return desk.writer.submit(statements.save_message, (row, None), said)

    save("first")
    desk.writer.submit(statements.checkpoint, ("second", "", LaneState.STREAMING, 0, said), said)
    last = save("third")
    desk.writer.start()
    last.result(5)
    assert desk.connection.execute("SELECT content, state FROM messages").fetchall() == [("third", "done")]
    assert desk.commits == 1


def test_a_delete_reaches_the_calls_queued_before_it(desk: Desk) -> None:
    """Calls may be written after later rows, but not past a delete, however many deletes one batch holds."""
    chats = [fresh_id(), fresh_id()]
    for chat in chats:
        desk.save(finished(conversation_id=chat, error="quotes the user"))
        last = desk.writer.submit(statements.delete, (chat,), chat)
    desk.writer.start()
    last.result(5)
    rows = desk.connection.execute("SELECT conversation_id, error FROM calls").fetchall()
    assert rows == [(None, None), (None, None)]
    assert desk.commits == 1


def test_a_counted_call_that_was_not_the_last_is_counted_again(desk: Desk) -> None:
    """A call that was added to the rollups and then turns out superseded is marked for it, once."""

    def counted() -> list[int]:
        with sqlite3.connect(desk.path) as reader:
            found = [number for (number,) in reader.execute("SELECT counted FROM calls")]
        reader.close()
        return found

    def count() -> None:
        with sqlite3.connect(desk.path) as rollups:
            rollups.execute("UPDATE calls SET counted = 1")
        rollups.close()

    desk.writer.start()
    call = finished()
    desk.save(call).result(5)
    count()
    desk.save(call).result(5)
    assert counted() == [1]
    desk.save(replace(call, superseded=True)).result(5)
    assert counted() == [2]
    count()
    desk.save(replace(call, superseded=True)).result(5)
    assert counted() == [1]
