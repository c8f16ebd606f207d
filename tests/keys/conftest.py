"""A store of each test's own, on a real file and on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor_core.secret import Secret
from conductor_core.store.database import Store


@pytest.fixture
def store(tmp_path: Path, database_url: Secret | None) -> Iterator[Store]:
    """An open store; closed again."""
    opened = Store.open(tmp_path / "home", database_url=database_url)
    yield opened
    opened.close()


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    """One on a file, for what has nothing to do with the database."""
    opened = Store.open(tmp_path / "home")
    yield opened
    opened.close()
