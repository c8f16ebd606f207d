"""What wakes the writer: an event for one waiter, cheaper by far than `threading.Event`."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress


class Bell:
    """Rung from any thread, waited for by one. A ring that nobody waits for is kept until the next wait, or `clear`.

    (Not a SimpleQueue: in Python 3.11 a short time-out of its `get` can become endless.)
    """

    def __init__(self) -> None:
        self._silent = threading.Lock()  # held while nobody has rung
        self._silent.acquire()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_thread = 0
        self._rings_at = 0.0

    def ring(self) -> None:
        """Ends the wait, now or when it comes."""
        timer, self._timer, self._rings_at = self._timer, None, 0.0
        if timer and self._timer_thread == threading.get_ident():
            timer.cancel()
        with suppress(RuntimeError):  # rung already
            self._silent.release()

    def ring_in(self, seconds: float) -> None:
        """Rings so much later, unless somebody rings before.

        On an event loop a timer does it, and that is the point: waking a thread that then waits costs ten times as
        much. Elsewhere it rings at once.
        """
        now = time.monotonic()
        if now < self._rings_at:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.ring()
            return
        self._rings_at, self._timer_thread = now + seconds, threading.get_ident()
        self._timer = loop.call_later(seconds, self.ring)

    def clear(self) -> None:
        """Forgets a ring."""
        self._silent.acquire(blocking=False)

    def wait(self, timeout: float | None = None) -> None:
        """Until it rings, or for `timeout` s."""
        self._silent.acquire(timeout=-1 if timeout is None else timeout)
