"""The one way from another thread (a Streamlit script) to the loop the Conductor lives on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from conductor_core.conductor import Conductor
from conductor_core.settings import Environment

T = TypeVar("T")


class Bridge:
    """A Conductor and its loop. `run` from any thread but the loop's own."""

    def __init__(self, conductor: Conductor, loop: asyncio.AbstractEventLoop) -> None:
        self.conductor = conductor
        self._loop = loop
        self._thread: threading.Thread | None = None

    @classmethod
    def in_thread(cls, environment: Environment | None = None) -> Bridge:
        """A Conductor on a loop of its own in a thread: for tests and scripts, where no server runs one.

        Raises:
            SettingsError, StoreError: as `Conductor.open`.
        """
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="conductor-loop", daemon=True)
        thread.start()
        try:
            conductor = asyncio.run_coroutine_threadsafe(Conductor.open(environment), loop).result()
        except BaseException:
            _end(loop, thread)
            raise
        bridge = cls(conductor, loop)
        bridge._thread = thread
        return bridge

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = 30.0) -> T:
        """Runs `work` on the loop; returns or raises what it does, or `TimeoutError` after `timeout` seconds."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    def close(self) -> None:
        """Closes the Conductor, and the loop when it is our own."""
        self.run(self.conductor.close())
        if self._thread:
            _end(self._loop, self._thread)
            self._thread = None


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
