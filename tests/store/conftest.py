"""A store of each test's own, on a real file and on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
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

OpenStore = Callable[[], Store]
DatabaseOf = Callable[[str], Engine]
"""A revision's number to a database of it."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder that does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def open_store(home: Path, database_url: Secret | None) -> OpenStore:
    """Opens a store, again and again on the same database; the test closes it."""
    return partial(Store.open, home, place="http://127.0.0.1:8501", database_url=database_url)


@pytest.fixture
def store(open_store: OpenStore) -> Iterator[Store]:
    """An open store; closed again."""
    opened = open_store()
    yield opened
    opened.close()


@pytest.fixture
def file_store(home: Path) -> Iterator[Store]:
    """One on a file, for what only files have."""
    opened = Store.open(home, place="http://127.0.0.1:8501")
    yield opened
    opened.close()


@pytest.fixture
def resting_store(home: Path, database_url: Secret | None) -> Iterator[Store]:
    """One that adds nothing up by itself, so that a test says what is added up when."""
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
