from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from conductor_core.errors import DatabaseTooNew, StoreError
from conductor_core.store.database import Store
from conductor_core.store.migrations import HEAD
from conductor_core.store.sqlite_file import APPLICATION_ID, prepare_file
from tests.store.rows import conversation, finished


@pytest.fixture
def careless_umask() -> Iterator[None]:
    """New files would be for everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def execute(path: Path, *texts: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for text in texts:
            connection.execute(text).fetchall()


def closed_store(home: Path) -> Path:
    """A database with one call in it, closed; its path."""
    store = Store.open(home)
    store.save_call(finished()).result(5)
    store.close()
    return home / "conductor.db"


def assert_refused_untouched(home: Path, kind: type[StoreError], *said: str) -> None:
    path = home / "conductor.db"
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    with pytest.raises(kind) as refusal:
        Store.open(home)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    for words in (str(path), *said):
        assert words in str(refusal.value)


@pytest.mark.usefixtures("careless_umask")
def test_files_are_for_their_owner_only(home: Path) -> None:
    """The folder is 0700 and every file in it 0600, whatever the umask."""
    store = Store.open(home)
    store.save_conversation(conversation()).result(5)
    modes = {path.name: mode(path) for path in home.iterdir()}
    store.close()
    assert mode(home) == 0o700
    assert set(modes) == {
        "conductor.db",
        "conductor.db-wal",
        "conductor.db-shm",
        "conductor.lock",
        "conductor.lock.json",
    }
    assert set(modes.values()) == {0o600}


def test_a_careless_folder_is_tightened(home: Path) -> None:
    """An existing folder and database that others could read are closed to them."""
    path = closed_store(home)
    home.chmod(0o755)
    path.chmod(0o644)
    Store.open(home).close()
    assert (mode(home), mode(path)) == (0o700, 0o600)


def test_an_empty_file_becomes_a_database(home: Path) -> None:
    """A file of no bytes holds nothing to lose."""
    home.mkdir()
    (home / "conductor.db").touch()
    path = closed_store(home)
    assert int.from_bytes(path.read_bytes()[68:72]) == APPLICATION_ID


def test_a_start_cut_short_is_made_up_for(home: Path) -> None:
    """What an interrupted first start left beside the database is no obstacle."""
    home.mkdir()
    (home / "conductor.db.new").write_bytes(b"half a database")
    closed_store(home)
    assert not (home / "conductor.db.new").exists()


def test_what_is_not_a_database_is_left_untouched(home: Path) -> None:
    """A file of another kind in our place is refused by name and keeps every byte."""
    home.mkdir()
    (home / "conductor.db").write_bytes(b"Dear diary, " * 400)
    assert_refused_untouched(home, StoreError, "is not a database")


def test_another_programs_database_is_left_untouched(home: Path) -> None:
    """A database without our mark is refused and keeps every byte."""
    home.mkdir()
    execute(home / "conductor.db", "CREATE TABLE bookmarks (url TEXT)")
    assert_refused_untouched(home, StoreError, "another program's database")


def test_a_later_versions_database_is_left_untouched(home: Path) -> None:
    """A database with a later revision is refused and keeps every byte."""
    path = closed_store(home)
    execute(path, "UPDATE alembic_version SET version_num = '9999'", "PRAGMA wal_checkpoint(TRUNCATE)")
    assert_refused_untouched(home, DatabaseTooNew, "9999", HEAD)


def test_a_lost_table_is_noticed(home: Path) -> None:
    """A database that quick_check passes but that has lost a table is refused."""
    path = closed_store(home)
    execute(path, "DROP TABLE messages", "PRAGMA wal_checkpoint(TRUNCATE)")
    assert_refused_untouched(home, StoreError, "messages missing")


def test_a_damaged_page_is_noticed(home: Path) -> None:
    """Noise in the middle of the file is refused, and stays as it is."""
    path = closed_store(home)
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 3] = os.urandom(4096 * 2)
    path.write_bytes(data)
    assert_refused_untouched(home, StoreError, "is damaged")


def test_a_start_does_not_wait_for_all_calls_to_be_checked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of millions only those are looked at that a second is enough for; here none is. All else is checked whole."""
    path = closed_store(home)
    one = "INSERT INTO calls (id, request_id, attempt, source, provider, model, started_at, cost_kind, outcome)"
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)"
    execute(path, f"{many} {one} SELECT i, i, 0, 'chat', 'p', 'm', i, 'free', 'ok' FROM n")
    monkeypatch.setattr("conductor_core.store.sqlite_file._CHECK_SECONDS", 0.0)
    Store.open(home).close()
    execute(path, "DROP TABLE messages", "PRAGMA wal_checkpoint(TRUNCATE)")
    assert_refused_untouched(home, StoreError, "messages missing")


def test_a_cut_file_is_noticed(home: Path) -> None:
    """A file that ends in the middle is refused, and stays as it is."""
    path = closed_store(home)
    path.write_bytes(path.read_bytes()[: 4096 * 3])
    assert_refused_untouched(home, StoreError, "is damaged")


def test_a_folder_in_the_files_place_is_refused(home: Path) -> None:
    """What can't be opened as a file is refused with its path and owner."""
    (home / "conductor.db").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"conductor\.db: .* belongs to .* Conductor runs as "):
        Store.open(home)


def test_what_only_stands_in_the_way_is_not_called_damage(home: Path) -> None:
    """If the system refuses a file beside the database, the sentence says so and does not blame the database."""
    closed_store(home)
    (home / "conductor.db-wal").mkdir()
    with pytest.raises(StoreError, match=r"can't use .*conductor\.db: unable to open"):
        Store.open(home)


def test_a_folder_that_can_not_be_made_is_refused() -> None:
    """Where nothing can be made the sentence names the path and what to set."""
    with pytest.raises(StoreError, match=r"can't use /proc/conductor: .*CONDUCTOR_HOME"):
        Store.open(Path("/proc/conductor"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else_is_refused(home: Path) -> None:
    """The sentence says whose the folder is and who we are."""
    closed_store(home)
    os.seteuid(65534)
    try:
        with pytest.raises(StoreError, match="belongs to root, Conductor runs as nobody"):
            Store.open(home)
    finally:
        os.seteuid(0)
    Store.open(home).close()


def test_a_refused_open_gives_the_lock_back(home: Path) -> None:
    """After a refusal the same folder can be opened once the obstacle is gone."""
    home.mkdir()
    (home / "conductor.db").write_bytes(b"no database")
    with pytest.raises(StoreError, match="is not a database"):
        Store.open(home)
    (home / "conductor.db").unlink()
    closed_store(home)


def test_a_migration_is_preceded_by_a_backup(home: Path) -> None:
    """Before an older database is migrated it is copied whole, for its owner only; the newest three copies stay."""
    store = Store.open(home)
    store.save_conversation(conversation(title="Kept")).result(5)
    store.close()
    path = home / "conductor.db"
    names = []
    for revision in ("0000a", "0000b", "0000c", "0000d"):
        execute(path, f"UPDATE alembic_version SET version_num = '{revision}'")
        with pytest.raises(Exception, match=f"No such revision.*{revision}|Can't locate revision.*{revision}"):
            prepare_file(path)
        names.append(revision)
    backups = sorted((home / "backups").iterdir())
    assert [copy.stem.rsplit("-", 1)[1] for copy in backups] == names[1:]
    assert {mode(copy) for copy in backups} == {0o600}
    assert mode(home / "backups") == 0o700
    with closing(sqlite3.connect(backups[-1])) as copy:
        assert copy.execute("SELECT title FROM conversations").fetchall() == [("Kept",)]
