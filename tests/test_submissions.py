"""Submitted twice, done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest
from conductor_core.submissions import AnotherSubmission, Submissions
from conductor_core.turns import LaneSetup
from tests.installation import installation
from tests.upstream import Upstream


class Work:
    """Counts how often it was begun; goes on when it is let."""

    def __init__(self, *, fails: bool = False) -> None:
        self.begun = 0
        self.let = asyncio.Event()
        self.fails = fails

    async def __call__(self) -> int:
        self.begun += 1
        await self.let.wait()
        if self.fails:
            raise InvalidRequest("It can't be done.")
        return self.begun


async def test_the_second_gets_what_the_first_began() -> None:
    """While it is at work, and after."""
    work, submissions = Work(), Submissions[int]()
    both = [asyncio.create_task(submissions.once("key", work)) for _ in range(2)]
    await asyncio.sleep(0)
    work.let.set()
    assert await asyncio.gather(*both) == [1, 1]
    assert await submissions.once("key", work) == 1
    assert (work.begun, submissions.deduplicated) == (1, 2)


async def test_a_repetition_may_be_refused() -> None:
    """Before it waits; the first one goes on."""
    work, submissions = Work(), Submissions[int]()

    def refuse() -> None:
        raise InvalidRequest("Not again.")

    first = asyncio.create_task(submissions.once("key", work, again=refuse))
    await asyncio.sleep(0)
    with pytest.raises(InvalidRequest, match="Not again"):
        await submissions.once("key", work, again=refuse)
    work.let.set()
    assert (await first, submissions.deduplicated) == (1, 0)


async def test_another_key_is_another_submission() -> None:
    """Nothing is guessed from what was submitted."""
    work, submissions = Work(), Submissions[int]()
    work.let.set()
    assert [await submissions.once(key, work) for key in ("one", "other")] == [1, 2]


async def test_a_failed_one_can_be_submitted_again() -> None:
    """Both who waited hear why; the next is a new beginning."""
    work, submissions = Work(fails=True), Submissions[int]()
    work.let.set()
    told = await asyncio.gather(*(submissions.once("key", work) for _ in range(2)), return_exceptions=True)
    assert [type(each) for each in told] == [InvalidRequest] * 2
    work.fails = False
    assert await submissions.once("key", work) == 2


async def test_keys_are_forgotten_after_minutes() -> None:
    """So that memory is bounded."""
    now, work = [0.0], Work()
    submissions = Submissions[int](300.0, lambda: now[0])
    work.let.set()
    await submissions.once("key", work)
    now[0] = 301.0
    assert await submissions.once("key", work) == 2


async def test_the_first_caller_may_leave() -> None:
    """What was begun goes on for the second."""
    work, submissions = Work(), Submissions[int]()
    first = asyncio.create_task(submissions.once("key", work))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.let.set()
    assert await submissions.once("key", work) == 1


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
async def conductor(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Conductor]:
    async with installation(tmp_path, upstream) as opened:
        yield opened


async def test_a_double_click_is_one_message_and_one_call(conductor: Conductor, upstream: Upstream) -> None:
    """Both get the same turn, at once or later; a new key in the same conversation is a new message."""
    start = conductor.conversations.start_turn
    setup = LaneSetup(provider="openai")
    turns = await asyncio.gather(*(start("Hello", [setup], idempotency_key="click") for _ in range(3)))
    await turns[0].wait()
    assert await start("Hello", [setup], idempotency_key="click") is turns[0] is turns[1] is turns[2]
    again = await start("Hello", [setup], conversation_id=turns[0].conversation_id, idempotency_key="next")
    await again.wait()
    stored = conductor.store.messages(turns[0].conversation_id)
    assert [message.role for message in stored] == ["user", "assistant"] * 2
    assert len(upstream.requests) == 2


async def test_another_submission_under_a_key_is_refused() -> None:
    """While the first is at work and after; what was submitted is compared, not what came of it."""
    work, submissions = Work(), Submissions[int]()
    first = asyncio.create_task(submissions.once("key", work, b"one"))
    await asyncio.sleep(0)
    with pytest.raises(AnotherSubmission):
        await submissions.once("key", work, b"two")
    work.let.set()
    assert await first == await submissions.once("key", work, b"one") == 1
    with pytest.raises(AnotherSubmission):
        await submissions.once("key", work)


async def test_closing_ends_what_is_at_work() -> None:
    """Whoever waits for it is told; what had ended stays as it is."""
    work, done, submissions = Work(), Work(), Submissions[int]()
    done.let.set()
    await submissions.once("done", done)
    waiting = asyncio.create_task(submissions.once("key", work))
    await asyncio.sleep(0)
    await submissions.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await submissions.once("done", done) == 1
