"""Keys and clocks of the tests' own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from conductor_core.keys.key import ApiKey, Scope

NOON = datetime(2025, 11, 23, 12, tzinfo=UTC).timestamp()

Clock = Callable[[], float]


class Hand:
    """A clock that stands until a test moves it, in seconds."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def api_key(**given: object) -> ApiKey:
    """A key with no limit at all."""
    made = ApiKey("a" * 32, "laptop", "sk-cond-abcd", frozenset({Scope.CHAT}), created_at=1_000)
    return replace(made, **given)  # type: ignore[arg-type]  # a test's own fields
