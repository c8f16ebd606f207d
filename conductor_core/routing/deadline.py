"""One deadline over everything a request does, on the loop's monotonic clock."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self


class Deadline:
    """Ends what a task awaits between `waits` and `waited`, and nothing else: a generator's caller is never hit.

    (`asyncio.timeout` around a `yield` would cancel whatever the caller does at that moment; around every single piece
    of a stream it would cost a timer each.)

    Args:
        seconds: from now on.
    """

    __slots__ = ("_already", "_end", "_loop", "_struck", "_task", "_timer", "_waits")

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + seconds
        self._timer: asyncio.Handle = self._loop.call_at(self._end, self._strike)
        self._task: asyncio.Task[Any] | None = None
        self._waits = False
        self._struck = False
        self._already = 0

    @property
    def left(self) -> float:
        """Seconds left; none once it has passed."""
        return max(0.0, self._end - self._loop.time())

    def waits(self) -> None:
        """What the current task awaits from here on may be ended."""
        if self._task is None:
            self._task = asyncio.current_task()
            self._already = self._task.cancelling() if self._task else 0
        self._waits = True
        if self._loop.time() >= self._end:
            self._timer = self._loop.call_soon(self._strike)

    def waited(self) -> None:
        """Back in the caller's hands."""
        self._waits = False

    def struck(self) -> bool:
        """Whether the `CancelledError` just caught is this deadline's and nobody else's; it is then undone."""
        if not self._struck or self._task is None:
            return False
        self._struck = False
        return self._task.uncancel() <= self._already

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def _strike(self) -> None:
        if self._waits and self._task is not None:
            self._struck = True
            self._waits = False
            self._task.cancel()
