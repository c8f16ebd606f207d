"""An open door for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.api.door import Open, opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    """One for all tests of a module that change nothing in it; they run on the module's loop."""
    async with opened(tmp_path_factory.mktemp("shared")) as one:
        yield one


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Open]:
    """With the usual settings."""
    async with opened(tmp_path) as one:
        yield one
