"""Places and queues: first come first served, bounded, nobody's place is lost."""

from __future__ import annotations

import asyncio

import pytest

from conductor_core.routing.bulkhead import Bulkheads, Crowded
from conductor_core.settings import Settings


@pytest.fixture
def bulkheads() -> Bulkheads:
    """Two places and a queue of two at each provider, three requests in all."""
    return Bulkheads(Settings(provider_concurrency=2, provider_queue=2, max_requests=3))


def fill(bulkheads: Bulkheads) -> None:
    assert [bulkheads.enter("openai") for _ in range(3)] == [True, True, False]


async def queued(bulkheads: Bulkheads, seconds: float = 5.0) -> asyncio.Task[None]:
    task = asyncio.create_task(bulkheads.queue("openai", seconds))
    await asyncio.sleep(0)
    return task


async def test_a_free_place_goes_to_the_first_in_the_queue(bulkheads: Bulkheads) -> None:
    """Not to who comes by at that moment."""
    fill(bulkheads)
    first, second = await queued(bulkheads), await queued(bulkheads)
    bulkheads.leave("openai")
    assert not bulkheads.enter("openai")
    await first
    assert not second.done()
    bulkheads.leave("openai")
    await second
    assert (bulkheads.in_flight("openai"), bulkheads.waiting("openai")) == (2, 0)


async def test_a_full_queue_refuses_at_once(bulkheads: Bulkheads) -> None:
    """The third to wait is told, and counted."""
    fill(bulkheads)
    waiting = [await queued(bulkheads) for _ in range(2)]
    with pytest.raises(Crowded):
        await bulkheads.queue("openai", 5.0)
    assert bulkheads.turned_away == 1
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert bulkheads.waiting("openai") == 0


async def test_the_wait_is_bounded(bulkheads: Bulkheads) -> None:
    """And leaves nothing behind."""
    fill(bulkheads)
    with pytest.raises(Crowded):
        await bulkheads.queue("openai", 0.01)
    assert bulkheads.waiting("openai") == 0
    bulkheads.leave("openai")
    assert bulkheads.enter("openai")


async def test_a_place_given_to_somebody_who_just_left_is_passed_on(bulkheads: Bulkheads) -> None:
    """Else it would be lost for ever."""
    fill(bulkheads)
    first, second = await queued(bulkheads), await queued(bulkheads)
    bulkheads.leave("openai")
    first.cancel()
    await second
    await asyncio.gather(first, return_exceptions=True)
    for _ in range(2):
        bulkheads.leave("openai")
    assert bulkheads.in_flight("openai") == 0


async def test_one_providers_crowd_is_not_anothers(bulkheads: Bulkheads) -> None:
    """Each has its own places."""
    fill(bulkheads)
    assert bulkheads.enter("anthropic")


def test_the_process_takes_so_many_requests_and_no_more(bulkheads: Bulkheads) -> None:
    """Until one has ended."""
    assert [bulkheads.admit() for _ in range(4)] == [True, True, True, False]
    bulkheads.dismiss()
    assert bulkheads.admit()
