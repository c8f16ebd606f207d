from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from conductor_core.database_url import parsed
from conductor_core.errors import DatabaseTooNew, NotFound, StoreError
from conductor_core.kinds import LaneState, Outcome
from conductor_core.secret import Secret
from conductor_core.store import postgres as module
from conductor_core.store import slots
from conductor_core.store.database import Store
from conductor_core.store.migrations import HEAD
from conductor_core.store.postgres import Postgres
from conductor_core.store.tables import metadata
from tests.postgres import PASSWORD, Server
from tests.store.rows import answer, conversation, finished, fresh_id, incident, running, until

NOWHERE = Path("/nonexistent")

OpenCopy = Callable[[], Store]

LEFT_RUNNING = """
import sys
from pathlib import Path
from conductor_core.kinds import LaneState
from conductor_core.secret import Secret
from conductor_core.store.database import Store
from tests.store.rows import answer, conversation, incident, running
store = Store.open(Path("/nonexistent"), database_url=Secret(sys.argv[1]))
chat = conversation()
store.save_conversation(chat)
store.save_message(answer(chat.id, state=LaneState.STREAMING))
store.save_incident(incident())
store.save_call(running()).result(10)
print(store.copy, chat.id, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def open_copy(postgres_url: Secret) -> Iterator[OpenCopy]:
    """Opens one more copy on the same database; all are closed at the end. No copy needs a data folder."""
    with ExitStack() as opened:

        def opening() -> Store:
            store = Store.open(NOWHERE, database_url=postgres_url)
            opened.callback(store.close)
            return store

        yield opening


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks and sweeps come within moments instead of a minute."""
    monkeypatch.setattr(module, "LOOK", 0.05)
    monkeypatch.setattr(module, "SWEEP", 0.1)


def name_of(url: Secret) -> str:
    return str(parsed(url.reveal()).database)


def cut_off(postgres: Server, url: Secret) -> None:
    """Ends every session of a database, as a server does that is told to stop."""
    postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(url)}'")


def test_two_copies_share_everything(open_copy: OpenCopy) -> None:
    """What one commits the other sees at once: conversations, answers and calls."""
    one, two = open_copy(), open_copy()
    chat = conversation()
    one.save_conversation(chat).result(5)
    said = answer(chat.id)
    two.save_message(said)
    call = finished(conversation_id=chat.id)
    two.save_call(call).result(5)
    assert one.messages(chat.id) == two.messages(chat.id) == [said]
    assert one.recent_calls(5) == two.recent_calls(5) == [call]
    two.delete(chat.id).result(5)
    assert one.conversations("chat") == []


def test_each_copy_has_a_slot(open_copy: OpenCopy, postgres_url: Secret) -> None:
    """The lowest that is free; it goes into every row, and is free again after the end."""
    one, two, three = open_copy(), open_copy(), open_copy()
    assert [store.copy for store in (one, two, three)] == [0, 1, 2]
    two.close()
    four, five = open_copy(), open_copy()
    assert [four.copy, five.copy] == [1, 3]
    four.save_call(finished()).result(5)
    with psycopg.connect(libpq(postgres_url)) as connection:
        assert connection.execute("SELECT copy FROM calls").fetchall() == [(1,)]


def libpq(url: Secret) -> str:
    return url.reveal().replace("+psycopg", "")


def test_copies_write_at_the_same_time(open_copy: OpenCopy) -> None:
    """Rows of two copies, some of them the same ones, are all there once."""
    stores = [open_copy(), open_copy()]
    shared = [finished() for _ in range(100)]

    def work(store: Store) -> set[str]:
        mine = [*(finished() for _ in range(300)), *shared]
        random.shuffle(mine)
        for future in [store.save_call(call) for call in mine]:
            future.result(20)
        return {call.id for call in mine}

    with ThreadPoolExecutor(2) as pool:
        written = set().union(*pool.map(work, stores))
    found = [call.id for call in stores[0].recent_calls(1_000)]
    assert len(found) == len(written) == 700
    assert set(found) == written


@pytest.mark.usefixtures("impatient")
def test_a_living_copy_is_left_alone(open_copy: OpenCopy) -> None:
    """Neither a start nor a sweep touches what another copy has running."""
    one = open_copy()
    chat = conversation()
    one.save_conversation(chat)
    one.save_message(answer(chat.id, state=LaneState.STREAMING))
    one.save_incident(incident())
    one.save_call(running()).result(5)
    two = open_copy()
    swept = time.monotonic() + 0.5
    until(lambda: time.monotonic() > swept)
    assert two.recent_calls(1)[0].outcome is Outcome.RUNNING
    assert two.messages(chat.id)[0].state is LaneState.STREAMING
    assert two.incidents(0, 2_000)[0].ended_at is None


@pytest.mark.usefixtures("impatient")
def test_what_a_killed_copy_left_running_is_taken_over(open_copy: OpenCopy, postgres_url: Secret) -> None:
    """Within a sweep after kill -9 a copy that goes on marks its calls, answers and incidents as interrupted."""
    store = open_copy()
    process, copy, chat = killed_later(postgres_url)
    assert copy == 1
    assert store.recent_calls(1)[0].outcome is Outcome.RUNNING
    process.kill()
    process.communicate()
    until(lambda: store.recent_calls(1)[0].outcome is Outcome.INTERRUPTED)
    until(lambda: store.messages(chat)[0].state is LaneState.INTERRUPTED)
    until(lambda: store.incidents(0, 2_000)[0].ended_at)


def test_a_start_takes_over_what_the_last_one_left(open_copy: OpenCopy, postgres_url: Secret) -> None:
    """The only copy is killed; the next start has its slot and its rows are interrupted before anything is read."""
    process, copy, chat = killed_later(postgres_url)
    process.kill()
    process.communicate()
    locked = f"SELECT count(*) FROM pg_locks WHERE classid = {slots.NAMESPACE} AND objid = {copy}"
    with psycopg.connect(libpq(postgres_url), autocommit=True) as connection:
        until(lambda: connection.execute(locked.encode()).fetchall() == [(0,)])
    store = open_copy()
    assert (copy, store.copy) == (0, 0)
    assert store.recent_calls(1)[0].outcome is Outcome.INTERRUPTED
    assert store.messages(chat)[0].state is LaneState.INTERRUPTED
    assert store.incidents(0, 2_000)[0].ended_at


def killed_later(url: Secret) -> tuple[subprocess.Popen[str], int, str]:
    """A process with everything running, its slot and its conversation."""
    process = subprocess.Popen(
        [sys.executable, "-c", LEFT_RUNNING, url.reveal()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    copy, chat = process.stdout.readline().split()
    return process, int(copy), chat


def test_a_lost_connection_keeps_the_slot(open_copy: OpenCopy, postgres: Server, postgres_url: Secret) -> None:
    """A copy whose session is ended comes back as the same copy, and its running rows go on."""
    one, two = open_copy(), open_copy()
    two.save_call(running()).result(5)
    cut_off(postgres, postgres_url)
    two.save_call(finished()).result(10)
    one.save_call(finished()).result(10)
    assert [one.copy, two.copy] == [0, 1]
    assert sum(call.outcome is Outcome.RUNNING for call in one.recent_calls(9)) == 1


def test_a_slot_taken_meanwhile_is_left(open_copy: OpenCopy, postgres: Server, postgres_url: Secret) -> None:
    """A copy that comes back and finds its slot taken has another one from then on, and ends what that one's last
    holder left running."""
    store = open_copy()
    store.save_call(running()).result(5)
    with psycopg.connect(libpq(postgres_url), autocommit=True) as other:
        other.execute("UPDATE calls SET copy = 1")
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{name_of(postgres_url)}' AND application_name = 'conductor'"
        )
        lock = f"SELECT pg_try_advisory_lock({slots.NAMESPACE}, 0)".encode()
        until(lambda: other.execute(lock).fetchall() == [(True,)])
        store.rename("none", "none").result(10)
        assert store.copy == 1
        assert store.recent_calls(1)[0].outcome is Outcome.INTERRUPTED
        chat = conversation()
        store.save_conversation(chat)
        said = answer(chat.id)
        store.save_message(said).result(5)
        assert other.execute("SELECT copy FROM messages").fetchall() == [(1,)]


def test_a_restart_in_mid_use_loses_and_doubles_nothing(open_copy: OpenCopy, postgres: Server) -> None:
    """While two copies write, the server crashes and comes back, twice: each acknowledged row is there once, the end of
    each call stands, and reading goes on."""
    stores = [open_copy(), open_copy()]
    over = threading.Event()
    acknowledged: list[str] = []

    def write(store: Store) -> None:
        while not over.is_set():
            batch = [running() for _ in range(20)]
            for call in batch:
                store.save_call(call)
            for call, future in [(call, store.save_call(finished(call))) for call in batch]:
                future.result(60)
                acknowledged.append(call.id)

    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(write, store) for store in stores]
        for _ in range(2):
            before = len(acknowledged)
            until(lambda before=before: len(acknowledged) > before + 200)  # type: ignore[misc]  # bound per round
            postgres.restart()
        before = len(acknowledged)
        until(lambda: len(acknowledged) > before + 200, within=60)
        over.set()
        for done in writing:
            done.result(60)
    rows = stores[0].recent_calls(10**6)
    assert sorted(call.id for call in rows) == sorted(acknowledged)
    assert {call.outcome for call in rows} == {Outcome.OK}
    assert [store.copy for store in stores] == [0, 1]


def test_while_the_server_is_away_rows_wait(open_copy: OpenCopy, postgres: Server) -> None:
    """People are told that saving is delayed; everything is written when it is back."""
    store = open_copy()
    store.save_call(finished()).result(5)
    postgres.halt()
    try:
        saving = [store.save_call(finished()) for _ in range(50)]
        until(lambda: store.writer.trouble)
        trouble = store.writer.trouble
        with pytest.raises(StoreError, match="can't be reached just now; try again"):
            store.recent_calls(1)
        assert not any(future.done() for future in saving)
    finally:
        postgres.resume()
    for future in saving:
        future.result(40)
    assert "Saving is delayed: PostgreSQL at 127.0.0.1:" in trouble
    assert "can't be reached" in trouble
    assert PASSWORD not in trouble
    until(lambda: not store.writer.trouble)
    assert len(store.recent_calls(100)) == 51


def test_closing_does_not_wait_for_a_server_that_is_away(open_copy: OpenCopy, postgres: Server) -> None:
    """After the time-out the end comes all the same, and whoever waits is told why."""
    store = open_copy()
    store.save_call(finished()).result(5)
    postgres.halt()
    try:
        lost = store.save_call(finished())
        begun = time.monotonic()
        store.writer.close(timeout=0.2)
        assert time.monotonic() - begun < 5
    finally:
        postgres.resume()
    with pytest.raises(StoreError, match="can't be reached"):
        lost.result(0)


def test_a_missing_server_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """These tests are not passed over where there is no PostgreSQL: the sentence says what to install."""
    monkeypatch.setenv("POSTGRES_BIN", str(tmp_path))
    with pytest.raises(RuntimeError, match="sudo apt install postgresql"):
        Server()


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("model", "\ud800"),
        ("model", "nul\0"),
        ("model", "x" * 201),
        ("prompt_tokens", 2**63),
        ("provider", None),
        ("model", object()),
    ],
)
def test_a_bad_row_fails_alone(open_copy: OpenCopy, field: str, bad: object) -> None:
    """A row the database can't take fails by itself, also in the middle of a batch; those around it are written."""
    store = open_copy()
    good = [store.save_call(finished()) for _ in range(5)]
    failing = [store.save_call(finished(None, **{field: bad})) for _ in range(2)]
    good += [store.save_call(finished()) for _ in range(5)]
    for future in good:
        future.result(5)
    for future in failing:
        with pytest.raises(StoreError, match="not saved"):
            future.result(5)
    assert len(store.recent_calls(100)) == 10
    assert not store.writer.trouble


def test_two_that_start_at_once_migrate_once(postgres: Server) -> None:
    """On an empty database several copies may start together: one makes the tables, the others wait for it."""
    url = postgres.database(migrated=False)
    with ThreadPoolExecutor(4) as pool:
        opening = [pool.submit(Postgres.open, url) for _ in range(4)]
        opened = [future.result(60) for future in opening]
    assert sorted(backend.copy for backend in opened) == [0, 1, 2, 3]
    for backend in opened:
        backend.close()
    assert postgres.execute("SELECT version_num FROM alembic_version", name_of(url)) == [(HEAD,)]
    postgres.drop(url)


@pytest.mark.parametrize(
    ("revision", "kind", "said"),
    [("9999", DatabaseTooNew, "revision 9999"), ("ab12cd34", StoreError, "another program's tables")],
)
def test_what_is_not_ours_is_left_untouched(
    postgres: Server, postgres_url: Secret, revision: str, kind: type[StoreError], said: str
) -> None:
    """A database of a later version, or of another program, is refused, named without its password."""
    postgres.execute(f"UPDATE alembic_version SET version_num = '{revision}'", name_of(postgres_url))
    with pytest.raises(kind, match=said) as refusal:
        Store.open(NOWHERE, database_url=postgres_url)
    assert name_of(postgres_url) in str(refusal.value)
    assert PASSWORD not in str(refusal.value)
    assert postgres.execute("SELECT version_num FROM alembic_version", name_of(postgres_url)) == [(revision,)]


def test_a_lost_table_is_noticed(postgres: Server, postgres_url: Secret) -> None:
    """A database from which a table is gone is refused and not mended."""
    postgres.execute("DROP TABLE incidents", name_of(postgres_url))
    with pytest.raises(StoreError, match=r"incidents missing"):
        Store.open(NOWHERE, database_url=postgres_url)


@pytest.mark.parametrize("part", ["127.0.0.1:1/x", "nobody.invalid/x"])
def test_a_server_that_is_not_there_gets_a_sentence(part: str) -> None:
    """It names the server and the variable, never the password."""
    url = Secret(f"postgresql+psycopg://me:canary-7193@{part}")
    with pytest.raises(StoreError, match="CONDUCTOR_DATABASE_URL") as refusal:
        Store.open(NOWHERE, database_url=url)
    assert part.partition("/")[0] in str(refusal.value)
    assert "canary" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_the_tables_are_what_the_migrations_make(postgres: Server, postgres_url: Secret) -> None:
    """On PostgreSQL too, indexes included."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import NullPool, create_engine

    declared = postgres.database(migrated=False)
    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE 'alembic%'"
    engine = create_engine(declared.reveal(), poolclass=NullPool)
    metadata.create_all(engine)
    ours = create_engine(postgres_url.reveal(), poolclass=NullPool)
    with ours.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
    found = [sorted(postgres.execute(indexes, name_of(url))) for url in (declared, postgres_url)]
    assert found[0] == found[1]
    postgres.drop(declared)


def test_full_durability_waits_for_the_disk(postgres_url: Secret) -> None:
    """`full` does so whatever the server's settings say; readers can't write."""
    backend = Postgres.open(postgres_url, durability="full")
    with backend.writing.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    with backend.reading.connect() as connection:
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on"
    backend.close()


def test_options_of_the_address_reach_the_driver(postgres_url: Secret) -> None:
    """What libpq knows is handed on, our own session options besides: a server without TLS is refused, as asked."""
    strict = Secret(f"{postgres_url.reveal()}?sslmode=verify-full&sslrootcert=system")
    with pytest.raises(StoreError, match="SSL"):
        Store.open(NOWHERE, database_url=strict)
    named = Secret(f"{postgres_url.reveal()}?application_name=mine&options=-c%20statement_timeout%3D9s")
    backend = Postgres.open(named)
    with backend.reading.connect() as connection:
        shown = [
            connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("application_name", "statement_timeout", "default_transaction_read_only")
        ]
    backend.close()
    assert shown == ["mine", "9s", "on"]


def test_rows_that_refer_to_nothing_are_not_found(open_copy: OpenCopy) -> None:
    """As on a file: an answer to a deleted conversation is not found, and does not hold up the others."""
    store = open_copy()
    lost, kept = store.save_message(answer(fresh_id())), store.save_call(finished())
    kept.result(5)
    with pytest.raises(NotFound, match="does not exist"):
        lost.result(5)
