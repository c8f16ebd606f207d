"""A PostgreSQL database, found, checked and brought up to date before anything else is done with it.

Nothing is changed before everything is checked. One that isn't ours, or is too new, stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from conductor_core.database_url import for_sessions, shown
from conductor_core.errors import DatabaseTooNew, StoreError
from conductor_core.store import slots
from conductor_core.store.migrations import HEAD, migrate
from conductor_core.store.postgres_errors import told
from conductor_core.store.tables import metadata

_VARIABLE = "CONDUCTOR_DATABASE_URL"


def prepare_tables(url: URL) -> None:
    """Makes the tables, or checks existing ones and brings them up to date; two that start at once take turns.

    Raises:
        StoreError: it can't be reached or used, or holds another program's tables.
        DatabaseTooNew: a later version wrote it.
    """
    engine = create_engine(for_sessions(url), poolclass=NullPool)
    with refused_politely(url), engine.begin() as connection:
        if _revision(connection, url) != HEAD:
            slots.wait_for_migration(connection)
            if _revision(connection, url) != HEAD:
                migrate(connection)
        _check_tables(connection, url)


@contextmanager
def refused_politely(url: URL) -> Iterator[None]:
    """Turns what the server or its driver says into a `StoreError` that names the database, never its password."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(
            f"Conductor can't use {shown(url)}: {told(error, url)}. "
            f"Check that the server runs and that {_VARIABLE} is right."
        ) from None


def _revision(connection: Connection, url: URL) -> str:
    """Empty when Conductor has no tables there yet."""
    if not connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one():
        return ""
    revisions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    revision = str(revisions[0]) if len(revisions) == 1 else ""
    if not (len(revision) == len(HEAD) and revision.isdecimal()):
        raise _untouched(url, "holds another program's tables")
    if revision > HEAD:
        raise DatabaseTooNew(
            f"A later version of Conductor wrote {shown(url)} (revision {revision}; this one knows {HEAD}). "
            f"It was left untouched: install that version, or name another database in {_VARIABLE}."
        )
    return revision


def _check_tables(connection: Connection, url: URL) -> None:
    here = text("SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))")
    lost = set(metadata.tables) - set(connection.execute(here).scalars())
    if lost:
        raise _untouched(url, f"is damaged ({', '.join(sorted(lost))} missing)")


def _untouched(url: URL, found: str) -> StoreError:
    return StoreError(
        f"{shown(url)} {found}. It was left untouched: restore a backup, or name another database in {_VARIABLE}."
    )
