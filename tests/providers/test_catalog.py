"""Which models there are, asked of a real upstream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import ProviderError
from tests.installation import installation
from tests.upstream import Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
async def conductor(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Conductor]:
    async with installation(tmp_path, upstream) as opened:
        yield opened


async def until_asked(upstream: Upstream, times: int) -> None:
    while len(upstream.requests) < times:
        await asyncio.sleep(0.002)


async def test_knows_the_default_at_once_and_the_rest_once_asked(conductor: Conductor) -> None:
    """A page never waits: the default model is there, the list follows in the background."""
    assert conductor.catalog.known("openai") == ["gpt-4.1-mini"]
    while len(conductor.catalog.known("openai")) == 1:
        await asyncio.sleep(0.002)
    assert conductor.catalog.known("openai") == ["gpt-4.1-mini", "first-model", "second-model"]


async def test_asks_once_until_told_to_forget(conductor: Conductor, upstream: Upstream) -> None:
    """Redrawing a page does not ask again; a changed key does, and the old list is gone with it."""
    await conductor.catalog.ask("openai")
    for _ in range(3):
        conductor.catalog.known("openai")
    conductor.catalog.forget()
    assert conductor.catalog.known("openai") == ["gpt-4.1-mini"]
    await until_asked(upstream, 2)
    assert len(upstream.requests) == 2


async def test_asking_says_what_went_wrong(conductor: Conductor, upstream: Upstream) -> None:
    """Asked on purpose, it raises what the provider raised; in the background it only logs."""
    upstream.behaviour = "status-401"
    with pytest.raises(ProviderError, match="refused the key"):
        await conductor.catalog.ask("openai")


async def test_closing_ends_what_is_being_asked(conductor: Conductor, upstream: Upstream) -> None:
    """Nothing is left running on the loop when the catalog is closed over a silent provider."""
    upstream.behaviour = "silent"
    conductor.catalog.known("openai")
    await until_asked(upstream, 1)
    await conductor.catalog.close()
    assert not [task for task in asyncio.all_tasks() if "Catalog" in repr(task.get_coro())]
