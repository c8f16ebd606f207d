"""A thread that looks again and again at what other copies of the app did in the same database."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from conductor_core.errors import StoreError

EVERY = 0.5
"""Seconds between two looks."""

_log = structlog.get_logger()


class Watch:
    """Looks from `start` to `stop`.

    Args:
        name: what at.
        look: has to be quick; a `StoreError` is said where it concerns somebody, and the next look may succeed.
    """

    def __init__(self, name: str, look: Callable[[], None]) -> None:
        self._name = name
        self._look = look
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def looks(self) -> bool:
        """Whether it was started and not stopped."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begins."""
        self._thread = threading.Thread(target=self._run, name=f"conductor-{self._name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends, after the look that may be under way."""
        self._ends.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._ends.wait(EVERY):
            try:
                self._look()
            except StoreError:
                continue
            except Exception as error:  # noqa: BLE001 it must outlive any look, or nothing of others would arrive
                _log.error(f"{self._name} could not be looked at", exc_info=error)
