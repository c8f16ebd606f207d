"""Whatever is submitted twice under one key is done once: a double click, a reload, a program's retry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

REMEMBERED_SECONDS = 300.0

T = TypeVar("T")


class Submissions(Generic[T]):
    """What was begun lately, by the key it was submitted under. On the event loop only.

    Attributes:
        deduplicated: how many submissions were repetitions.
    """

    def __init__(self, seconds: float = REMEMBERED_SECONDS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.deduplicated = 0
        self._seconds = seconds
        self._monotonic = monotonic
        self._begun: dict[str, tuple[float, asyncio.Task[T]]] = {}

    async def once(self, key: str, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `begin` returns, or returned for the same key in the last minutes, even while it is still at work.

        A beginning that failed is forgotten: the next submission tries again. One that is waited for by nobody any
        more goes on.

        Raises:
            Whatever `begin` does.
        """
        self._forget_old()
        known = self._begun.get(key)
        if known:
            self.deduplicated += 1
            return await asyncio.shield(known[1])
        task = asyncio.get_running_loop().create_task(begin())
        self._begun[key] = self._monotonic(), task
        task.add_done_callback(lambda done: self._judge(key, done))
        return await asyncio.shield(task)

    def _judge(self, key: str, done: asyncio.Task[T]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._begun.pop(key, None)

    def _forget_old(self) -> None:
        """Keys are in the order in which they came."""
        now = self._monotonic()
        for key, (at, task) in list(self._begun.items()):
            if now - at < self._seconds:
                break
            if task.done():
                del self._begun[key]
