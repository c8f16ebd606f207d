"""One open door for all tests of a module: opening one takes longer than most of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.api.door import Open, opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    """With the usual settings."""
    async with opened(tmp_path_factory.mktemp("door")) as one:
        yield one


@pytest.fixture
def door(shared: Open) -> Open:
    """That door, with nothing asked through it yet and an upstream that behaves."""
    shared.upstream.requests.clear()
    shared.upstream.behaviour = ""
    return shared
