"""One deadline: it ends what is awaited inside, never what its reader does."""

from __future__ import annotations

import asyncio

import pytest

from conductor_core.routing.deadline import Deadline


async def waited_for(deadline: Deadline, seconds: float) -> bool:
    """Whether the deadline ended the wait."""
    deadline.waits()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if deadline.struck():
            return True
        raise
    finally:
        deadline.waited()
    return False


async def test_a_wait_that_takes_too_long_is_ended() -> None:
    """And the task is as if nobody had ever cancelled it."""
    with Deadline(0.02) as deadline:
        assert await waited_for(deadline, 5)
        assert deadline.left == 0
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_what_is_in_time_is_not_touched() -> None:
    """Several waits, one deadline."""
    with Deadline(5) as deadline:
        assert not await waited_for(deadline, 0.001)
        assert not await waited_for(deadline, 0.001)
        assert 4 < deadline.left <= 5


async def test_between_waits_nothing_is_ended() -> None:
    """The next wait is, as soon as it begins."""
    with Deadline(0.01) as deadline:
        assert not await waited_for(deadline, 0)
        await asyncio.sleep(0.03)
        assert await waited_for(deadline, 5)


async def test_a_cancellation_by_somebody_else_is_theirs() -> None:
    """Also when both come at once."""
    with Deadline(0.01) as deadline:
        task = asyncio.create_task(waited_for(deadline, 5))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        deadline._strike()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_leaving_ends_the_timer() -> None:
    """Nothing strikes after the request is over."""
    with Deadline(0.01) as deadline:
        deadline.waits()
    await asyncio.sleep(0.03)
    assert not deadline.struck()
