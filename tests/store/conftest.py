"""A store of each test's own, on a real file and on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine

from conductor_core.database_url import parsed
from conductor_core.secret import Secret
from conductor_core.store import migrations
from conductor_core.store.database import Store
from conductor_core.store.postgres import Postgres
from conductor_core.store.sqlite import SQLite
from conductor_core.store.sqlite_file import APPLICATION_ID, prepare_folder, writing_engine
from tests.installation import give_database

DatabaseOf = Callable[[str], Engine]
"""A revision's number to a database of it."""


@pytest.fixture
def resting_store(home: Path, database_url: Secret | None) -> Iterator[Store]:
    """One that adds nothing up by itself, so that a test says what is added up when."""
    if database_url is None:
        give_database(home)
    backend = SQLite.open(home) if database_url is None else Postgres.open(database_url)
    opened = Store(backend, chore=lambda: None)
    opened.writer.start()
    yield opened
    opened.close()


@pytest.fixture
def engine(home: Path, database_url: Secret | None) -> Iterator[Engine]:
    """A second way to write into a store's database, for what another copy of the app or a fault would do there."""
    made = (
        writing_engine(home / "conductor.db", "normal")
        if database_url is None
        else create_engine(parsed(database_url.reveal()))
    )
    yield made
    made.dispose()


@pytest.fixture
def database_of(home: Path, database_url: Secret | None, engine: Engine) -> DatabaseOf:
    """Makes the database as an earlier revision left it."""

    def made(revision: str) -> Engine:
        if database_url is None:
            prepare_folder(home)
            (home / "conductor.db").touch()
        with engine.begin() as connection:
            if database_url is not None:
                connection.exec_driver_sql("DROP SCHEMA public CASCADE")
                connection.exec_driver_sql("CREATE SCHEMA public")
            else:
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            config = Config()
            config.set_main_option("script_location", str(Path(migrations.__file__).parent))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        return engine

    return made
