"""Waking the writer: no ring is lost, and a timer that is overtaken rings no more."""

from __future__ import annotations

import asyncio
import threading
import time

from conductor_core.store.bell import Bell


def heard(bell: Bell, timeout: float) -> bool:
    """Whether it rang within `timeout` s."""
    begun = time.monotonic()
    bell.wait(timeout)
    return time.monotonic() - begun < timeout


def test_a_ring_before_the_wait_is_kept_and_counts_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert heard(bell, 5)
    assert not heard(bell, 0.01)


def test_a_ring_can_be_forgotten() -> None:
    bell = Bell()
    bell.ring()
    bell.clear()
    assert not heard(bell, 0.01)


def test_a_ring_from_another_thread_ends_the_wait() -> None:
    bell = Bell()
    ringer = threading.Timer(0.01, bell.ring)
    ringer.start()
    assert heard(bell, 5)
    ringer.join()


def test_without_an_event_loop_a_later_ring_comes_at_once() -> None:
    bell = Bell()
    bell.ring_in(60)
    assert heard(bell, 5)


async def test_a_later_ring_comes_by_the_loops_timer() -> None:
    bell = Bell()
    bell.ring_in(0.01)
    assert await asyncio.to_thread(heard, bell, 5)


async def test_a_ring_overtakes_the_timer() -> None:
    bell = Bell()
    bell.ring_in(0.01)
    bell.ring()
    assert heard(bell, 5)
    assert not await asyncio.to_thread(heard, bell, 0.1)


async def test_a_timer_of_a_loop_that_is_gone_does_not_silence_it() -> None:
    """A later row sets a timer again once the first one should have rung."""
    bell = Bell()
    await asyncio.to_thread(lambda: asyncio.run(_set(bell, 0.01)))
    assert not heard(bell, 0.05)
    bell.ring_in(0.01)
    assert await asyncio.to_thread(heard, bell, 5)


async def _set(bell: Bell, seconds: float) -> None:
    bell.ring_in(seconds)
