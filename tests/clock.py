"""A clock for those whose days and limits are tested, and one that others on the machine don't hasten."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

NOON = datetime(2025, 11, 23, 12, tzinfo=UTC).timestamp()


class Clock:
    """UTC seconds, as a test sets them."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def processor_seconds(work: Callable[[], object]) -> float:
    """How much time of a processor something takes, whoever else has the machine."""
    began = time.thread_time()
    work()
    return time.thread_time() - began
