"""A store of each test's own, on a real file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor_core.store.database import Store


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
