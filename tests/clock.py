"""A clock for those whose days and limits are tested."""

from __future__ import annotations

from datetime import UTC, datetime

NOON = datetime(2025, 11, 23, 12, tzinfo=UTC).timestamp()


class Clock:
    """UTC seconds, as a test sets them."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
