"""A store of each test's own, on a real file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from conductor_core.store.database import Store
from conductor_core.store.sqlite_file import writing_engine


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder that does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """An open store; closed again."""
    opened = Store.open(home, place="http://127.0.0.1:8501")
    yield opened
    opened.close()


@pytest.fixture
def engine(home: Path, store: Store) -> Iterator[Engine]:
    """A second way to write into the store's database, for what another copy of the app or a fault would do there."""
    made = writing_engine(home / "conductor.db", "normal")
    yield made
    made.dispose()
