"""The one way from another thread to the Conductor's loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor_core.bridge import Bridge
from conductor_core.errors import NotFound, SettingsError
from tests.installation import environment_for


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    opened = Bridge.in_thread(environment_for(tmp_path, None))
    yield opened
    opened.close()


def loop_threads() -> int:
    return sum(thread.name == "conductor-loop" for thread in threading.enumerate())


def test_work_runs_on_the_loop_and_its_result_comes_back(bridge: Bridge) -> None:
    """From any thread, many at a time."""

    async def where(number: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        return number, threading.current_thread().name

    found: list[tuple[int, str]] = []
    threads = [threading.Thread(target=lambda n=n: found.append(bridge.run(where(n)))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(number, "conductor-loop") for number in range(8)]


def test_what_it_raises_is_raised_here(bridge: Bridge) -> None:
    """As it is, so that a page can say it."""
    with pytest.raises(NotFound):
        bridge.run(bridge.conductor.conversations.answer_again("nobody", {}))


def test_work_that_takes_too_long_is_cancelled(bridge: Bridge) -> None:
    """The caller gets `TimeoutError`, and nothing is left running on the loop."""
    ended = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        bridge.run(forever(), timeout=0.05)
    assert ended.wait(5)


def test_closing_ends_thread_and_store(tmp_path: Path) -> None:
    """The data is free for the next one."""
    before = loop_threads()
    for _ in range(2):
        bridge = Bridge.in_thread(environment_for(tmp_path, None))
        assert loop_threads() == before + 1
        bridge.close()
        assert loop_threads() == before


def test_a_conductor_that_cannot_open_leaves_no_thread(tmp_path: Path) -> None:
    """And says why."""
    before = loop_threads()
    with pytest.raises(SettingsError):
        Bridge.in_thread(environment_for(tmp_path, None, CONDUCTOR_PORT="many"))
    assert loop_threads() == before
