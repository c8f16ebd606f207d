"""How many models are loaded at once, which one makes room, and how often a dying one is started again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from conductor_core.providers.local_models import Installation, LocalModel
from conductor_core.providers.local_pool import AllBusy, LocalPool
from conductor_core.providers.local_process import ModelStopped


@pytest.fixture
def models() -> list[LocalModel]:
    """Three names for the embedded file, unpinned to load faster."""
    embedded = Installation.here().models([])[0]
    return [replace(embedded, name=name, sha256="") for name in "abc"]


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[LocalPool]:
    opened = LocalPool(threads=1, patience=30.0, backoff=(0.0, 0.0, 0.0))
    yield opened
    await opened.close()


async def test_third_model_takes_the_place_of_the_one_idle_longest(pool: LocalPool, models: list[LocalModel]) -> None:
    """Two models stay loaded; a third ends the one not used for the longest time."""
    for model in (models[0], models[1], models[0], models[2]):
        async with pool.lease(model):
            pass
    assert pool.process("a") is not None
    assert pool.process("b") is None
    assert pool.process("c") is not None


async def test_a_model_in_use_is_never_ended(pool: LocalPool, models: list[LocalModel]) -> None:
    """With both places in use a third model waits, and starts as soon as one is free."""
    async with AsyncExitStack() as first:
        a = await first.enter_async_context(pool.lease(models[0]))
        async with pool.lease(models[1]) as b:
            third = asyncio.create_task(used(pool, models[2]))
            await asyncio.wait([third], timeout=0.1)
            assert not third.done()
            assert a.alive
            await first.aclose()
            await third
            assert b.alive
    assert not a.alive


async def used(pool: LocalPool, model: LocalModel) -> int:
    async with pool.lease(model) as process:
        return process.pid


async def test_no_room_in_time_is_said(models: list[LocalModel]) -> None:
    """When nothing becomes idle in time the third model's user is told, and the pool goes on."""
    pool = LocalPool(threads=1, patience=0.1)
    async with pool.lease(models[0]), pool.lease(models[1]):
        with pytest.raises(AllBusy):
            await used(pool, models[2])
    await used(pool, models[2])
    await pool.close()


async def test_first_users_share_one_start(pool: LocalPool, models: list[LocalModel]) -> None:
    """Four users at once get the same process, also when the one who asked first leaves while it loads."""
    first = asyncio.create_task(used(pool, models[0]))
    others = [asyncio.create_task(used(pool, models[0])) for _ in range(3)]
    while pool.loading_since is None:
        await asyncio.sleep(0)
    first.cancel()
    assert len(set(await asyncio.gather(*others))) == 1
    assert pool.loading_since is None


async def test_a_killed_model_is_started_again(models: list[LocalModel]) -> None:
    """A model killed while idle is loaded anew by its next user, as often as answers lie between its deaths."""
    pool = LocalPool(threads=1, patience=1.0, backoff=(0.0,))
    pids = set()
    for _ in range(3):
        async with pool.lease(models[0]) as process:
            pids.add(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        assert await process.ended(within=5)
    assert len(pids) == 3
    await pool.close()


async def test_three_restarts_in_a_row_and_no_more(pool: LocalPool, tmp_path: Path) -> None:
    """A model that can't load is tried once and three times again; after that its user is told when the next try is."""
    broken = LocalModel("broken", tmp_path / "missing.gguf")
    for _ in range(4):
        with pytest.raises(ModelStopped, match="the file can't be read"):
            await used(pool, broken)
    with pytest.raises(ModelStopped, match="it stopped 4 times in a row and is tried again in 60 seconds"):
        await used(pool, broken)


async def test_a_dying_model_is_not_restarted_at_once(models: list[LocalModel]) -> None:
    """The second restart in a row waits for its step of the backoff."""
    pool = LocalPool(threads=1, patience=1.0, backoff=(0.0, 0.5))
    broken = replace(models[0], path=Path("/nowhere/missing.gguf"))
    loop, starts = asyncio.get_running_loop(), []
    for _ in range(3):
        starts.append(loop.time())
        with pytest.raises(ModelStopped):
            await used(pool, broken)
    assert loop.time() - starts[2] > 0.5 > starts[2] - starts[1]
    await pool.close()


async def test_close_ends_a_model_that_still_loads(models: list[LocalModel]) -> None:
    """Closing in the middle of a start leaves no child and no task behind, and its user is told."""
    pool = LocalPool(threads=1, patience=1.0)
    user = asyncio.create_task(used(pool, models[0]))
    while pool.loading_since is None:
        await asyncio.sleep(0)
    await pool.close()
    with pytest.raises(ModelStopped, match="Conductor is closing"):
        await user
