"""A store of each test's own, on a real file and on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from conductor_core.secret import Secret
from conductor_core.store.database import Store

OpenStore = Callable[[], Store]


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
