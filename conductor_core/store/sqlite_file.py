"""The SQLite file: found, checked, created, backed up and migrated, and connections to it.

Nothing is changed before everything is checked. A file that isn't ours, or is damaged, or too new, stays as it is.
"""

from __future__ import annotations

import os
import pwd
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, Pool, QueuePool, StaticPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from conductor_core.errors import DatabaseTooNew, StoreError
from conductor_core.store.migrations import HEAD, migrate
from conductor_core.store.tables import metadata

APPLICATION_ID = int.from_bytes(b"Cond")
_MAGIC = b"SQLite format 3\0"
_APPLICATION_ID_AT = 68  # "Database File Format", sqlite.org: four bytes, big-endian
_DAMAGE = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})  # ERROR: no such table
_BACKUPS = 3
_LARGE = frozenset({"calls", "rollups"})
_CHECK_SECONDS = 1.0
"""Ten million calls would take a quarter of a minute; damage not found by then is told when it is read."""
_WAL_PAGES = 8192  # 32 MiB: a checkpoint waits for the disk, so not with every few hundred calls


def prepare_folder(home: Path) -> None:
    """Makes the folder, or makes an existing one readable by its owner only.

    Raises:
        StoreError: it can't be made or used; says whose it is.
    """
    with refused_politely(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if home.stat().st_mode & 0o077:
            home.chmod(0o700)


def prepare_file(path: Path) -> None:
    """Makes the database, or checks an existing one and brings it up to date.

    Raises:
        StoreError: it is not a database, not Conductor's, damaged, or can't be used.
        DatabaseTooNew: a later version wrote it.
    """
    with refused_politely(path):
        if not path.exists() or path.stat().st_size == 0:
            _create(path)
            return
        _check_header(path)
        path.chmod(0o600)
        revision = _check_contents(path)
        if revision != HEAD:
            _back_up(path, revision)
            _migrate(path)


def writing_engine(path: Path, durability: str) -> Engine:
    """An engine over one single connection, the writer's. Every transaction is BEGIN IMMEDIATE.

    A deferred one that reads first can fail at once with "database is locked", whatever its time-out.
    """

    def connect() -> sqlite3.Connection:
        connection = _connected(path, "rw")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        return connection

    return _engine(connect, StaticPool)


def reading_engine(path: Path) -> Engine:
    """An engine whose connections can't write, and never checkpoint."""

    def connect() -> sqlite3.Connection:
        connection = _connected(path, "ro")
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        return connection

    return create_engine(
        "sqlite+pysqlite://",
        creator=connect,
        poolclass=QueuePool,
        isolation_level="AUTOCOMMIT",
        json_deserializer=orjson.loads,
    )


@contextmanager
def refused_politely(path: Path) -> Iterator[None]:
    """Turns what the system says about a path into a `StoreError` that names it and its owner."""
    try:
        yield
    except (OSError, sqlite3.DatabaseError, DBAPIError) as error:
        reason = getattr(error, "strerror", None) or str(getattr(error, "orig", error))
        raise StoreError(
            f"Conductor can't use {path}: {reason}. {_ownership(path)} "
            f"Make it writable for this user, or set CONDUCTOR_HOME to another folder."
        ) from error


def _engine(connect: Any, pool: type[Pool]) -> Engine:
    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=pool, json_deserializer=orjson.loads)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    """`isolation_level=None` keeps sqlite3 from opening transactions of its own."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=5.0, isolation_level=None, check_same_thread=False
    )


def _create(path: Path) -> None:
    """Beside its place, then moved there: a start cut short leaves no half database."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    fresh.chmod(0o600)
    _migrate(fresh)
    fresh.replace(path)


def _migrate(path: Path) -> None:
    engine = _engine(lambda: _connected(path, "rw"), StaticPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        migrate(connection)
    engine.dispose()


def _check_header(path: Path) -> None:
    """By the file's first bytes, so that a file of others is not even opened as a database."""
    with path.open("rb") as file:
        header = file.read(100)
    if not header.startswith(_MAGIC):
        raise _untouched(path, "is not a database")
    if int.from_bytes(header[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4]) != APPLICATION_ID:
        raise _untouched(path, "is another program's database")


def _check_contents(path: Path) -> str:
    """The revision of a sound database. `quick_check` alone passes files that have lost a table."""
    try:
        with closing(_connected(path, "ro")) as connection:
            [(revision,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            if revision > HEAD:
                raise _too_new(path, revision)
            tables = dict(
                connection.execute("SELECT name, rootpage FROM sqlite_schema WHERE type = 'table'").fetchall()
            )
            lost = {*metadata.tables, "texts_found"} - tables.keys() if revision == HEAD else set()
            verdict = _verdict(connection, [name for name, page in tables.items() if page])
    except (sqlite3.DatabaseError, ValueError) as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF not in _DAMAGE:
            raise
        raise _untouched(path, f"is damaged ({error})") from error
    if lost or verdict != "ok":
        raise _untouched(path, f"is damaged ({', '.join(sorted(lost)) + ' missing' if lost else verdict})")
    return str(revision)


def _verdict(connection: sqlite3.Connection, tables: Iterable[str]) -> str:
    """What is wrong with some tables' pages, or `ok`. Those that may be large come last, and not for ever."""
    for table in sorted(tables, key=lambda name: (name in _LARGE, name)):
        patience = threading.Timer(_CHECK_SECONDS, connection.interrupt)
        try:
            if table in _LARGE:
                patience.start()
            [(verdict,)] = connection.execute(f"PRAGMA quick_check('{table}')").fetchall()[:1]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            continue
        finally:
            patience.cancel()
        if verdict != "ok":
            return str(verdict)
    return "ok"


def _too_new(path: Path, revision: str) -> DatabaseTooNew:
    return DatabaseTooNew(
        f"A later version of Conductor wrote {path} (revision {revision}; this one knows {HEAD}). "
        f"It was left untouched: install that version, or set CONDUCTOR_HOME to another folder."
    )


def _untouched(path: Path, found: str) -> StoreError:
    return StoreError(
        f"{path} {found}. It was left untouched: move it away or restore a backup from "
        f"{path.parent / 'backups'}, or set CONDUCTOR_HOME to another folder."
    )


def _back_up(path: Path, revision: str) -> None:
    """A copy before a migration; the newest three are kept."""
    folder = path.parent / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    copy = folder / f"{path.stem}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{revision}.db"
    os.close(os.open(copy, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    copy.chmod(0o600)
    with closing(_connected(path, "ro")) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    for old in sorted(folder.glob(f"{path.stem}-*.db"))[:-_BACKUPS]:
        old.unlink()


def _ownership(path: Path) -> str:
    place = next((part for part in (path, *path.parents) if _can_see(part)), Path("/"))
    return f"{place} belongs to {_name(place.stat().st_uid)}, Conductor runs as {_name(os.geteuid())}."


def _can_see(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
