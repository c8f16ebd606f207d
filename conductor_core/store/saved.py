"""What a write returns: a future that costs an event loop one wake-up per commit instead of one per row."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any


class Waiters:
    """The tasks to wake after a commit, of whatever event loops."""

    def __init__(self) -> None:
        self._due: deque[asyncio.Future[None]] = deque()

    def add(self, waiter: asyncio.Future[None]) -> None:
        """Notes a task whose row is settled."""
        self._due.append(waiter)

    def wake(self) -> None:
        """Wakes all that were noted: one call into each event loop."""
        loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        while self._due:
            waiter = self._due.popleft()
            loops.setdefault(waiter.get_loop(), []).append(waiter)
        for loop, waiting in loops.items():
            with suppress(RuntimeError):  # the loop was closed: nobody is left to wake
                loop.call_soon_threadsafe(_resolve, waiting)


class Saved(Future[None]):
    """Resolved after the commit: `await` it on an event loop, or call `result()` in a thread."""

    def __init__(self, waiters: Waiters) -> None:
        super().__init__()
        self._waiters_of_commit = waiters

    def cancel(self) -> bool:
        """Never: a queued row is written whatever becomes of the task that waits for it."""
        return False

    def __await__(self) -> Generator[Any, None, None]:
        if not self.done():
            waiter = asyncio.get_running_loop().create_future()
            self.add_done_callback(lambda _: self._waiters_of_commit.add(waiter))
            if not self.done():
                yield from waiter
        self.result()


def _resolve(waiting: list[asyncio.Future[None]]) -> None:
    for waiter in waiting:
        if not waiter.done():
            waiter.set_result(None)
