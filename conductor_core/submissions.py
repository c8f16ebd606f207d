"""Whatever is submitted twice under one key is done once: a double click, a reload, a program's retry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from conductor_core.errors import UserError

REMEMBERED_SECONDS = 300.0
MOST_REMEMBERED = 10_000

T = TypeVar("T")


class AnotherSubmission(UserError):
    """Something else was submitted under the same key a moment ago."""

    def __init__(self) -> None:
        super().__init__("Another request was sent under this idempotency key. Take a new key for every request.")


@dataclass(frozen=True, slots=True)
class _Begun(Generic[T]):
    at: float
    what: bytes
    task: asyncio.Task[T]


class Submissions(Generic[T]):
    """What was begun lately, by the key it was submitted under. On the event loop only.

    Attributes:
        deduplicated: how many submissions were repetitions.
    """

    def __init__(self, seconds: float = REMEMBERED_SECONDS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.deduplicated = 0
        self._seconds = seconds
        self._monotonic = monotonic
        self._begun: dict[str, _Begun[T]] = {}

    async def once(
        self,
        key: str,
        begin: Callable[[], Coroutine[Any, Any, T]],
        what: bytes = b"",
        again: Callable[[], None] | None = None,
    ) -> T:
        """What `begin` returns, or returned for the same key in the last minutes, even while it is still at work.

        A beginning that failed is forgotten: the next submission tries again. One that is waited for by nobody any
        more goes on.

        Args:
            what: is submitted; something else under the same key is refused.
            again: is called before a repetition begins to wait.

        Raises:
            AnotherSubmission: the key was used for something else.
            Whatever `begin` or `again` does.
        """
        self._forget_old()
        known = self._begun.get(key)
        if known:
            if known.what != what:
                raise AnotherSubmission
            if again:
                again()
            self.deduplicated += 1
            return await asyncio.shield(known.task)
        task = asyncio.get_running_loop().create_task(begin())
        self._begun[key] = _Begun(self._monotonic(), what, task)
        task.add_done_callback(lambda done: self._judge(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ends what is still at work."""
        tasks = [begun.task for begun in self._begun.values() if not begun.task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _judge(self, key: str, done: asyncio.Task[T]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._begun.pop(key, None)

    def _forget_old(self) -> None:
        """Keys are in the order in which they came."""
        now, most = self._monotonic(), MOST_REMEMBERED
        for key, begun in list(islice(self._begun.items(), 100)):
            if now - begun.at < self._seconds and len(self._begun) < most:
                break
            if begun.task.done():
                del self._begun[key]
