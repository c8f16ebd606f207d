"""What a write returns: a promise that costs an event loop one wake-up per commit instead of one per row."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from typing import Any


class Waiters:
    """Who waits for rows: tasks of whatever event loops, and threads."""

    def __init__(self) -> None:
        self._due: list[asyncio.Future[None]] = []
        self._threads = 0
        self._settled = threading.Condition()

    def add(self, waiters: list[asyncio.Future[None]]) -> None:
        """Notes tasks whose row is settled."""
        self._due += waiters

    def wake(self) -> None:
        """Wakes all that were noted, with one call into each event loop, and every thread."""
        due, self._due = self._due, []
        loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for waiter in due:
            loops.setdefault(waiter.get_loop(), []).append(waiter)
        for loop, waiting in loops.items():
            try:
                loop.call_soon_threadsafe(_resolve, waiting)
            except RuntimeError:
                continue  # the loop was closed: nobody is left to wake
        if self._threads:
            with self._settled:
                self._settled.notify_all()

    def wait(self, saved: Saved, timeout: float | None) -> bool:
        """Whether it was settled within `timeout` s; for threads."""
        with self._settled:
            self._threads += 1
            try:
                return self._settled.wait_for(saved.done, timeout)
            finally:
                self._threads -= 1


class Saved:
    """Resolved after the commit: `await` it on an event loop, or call `result()` in a thread.

    (Not a `concurrent.futures.Future`: two of them per call, with a lock each, were a tenth of what saving costs.)
    """

    __slots__ = ("_done", "_fault", "_tasks", "_waiters")

    def __init__(self, waiters: Waiters) -> None:
        self._waiters = waiters
        self._tasks: list[asyncio.Future[None]] = []
        self._fault: Exception | None = None
        self._done = False

    def done(self) -> bool:
        """Whether it is settled."""
        return self._done

    def settle(self, fault: Exception | None = None) -> None:
        """The row is committed, or will never be. Who waits learns it at the next `Waiters.wake`."""
        self._fault = fault
        # In this order, and the reverse of it in `__await__`: either side sees the other.
        self._done = True
        if self._tasks:
            self._waiters.add(self._tasks)

    def result(self, timeout: float | None = None) -> None:
        """Waits, in a thread.

        Raises:
            TimeoutError: it is not settled after `timeout` s.
            StoreError: the row was not saved.
        """
        if not self._done and not self._waiters.wait(self, timeout):
            raise TimeoutError
        if self._fault:
            raise self._fault

    def exception(self) -> Exception | None:
        """Why the row was not saved; None when it was, or nobody knows yet."""
        return self._fault

    def __await__(self) -> Generator[Any, None, None]:
        if not self._done:
            waiter = asyncio.get_running_loop().create_future()
            self._tasks.append(waiter)
            if not self._done:
                yield from waiter
        self.result()


def _resolve(waiting: list[asyncio.Future[None]]) -> None:
    for waiter in waiting:
        if not waiter.done():
            waiter.set_result(None)
