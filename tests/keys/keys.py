"""Keys of the tests' own."""

from __future__ import annotations

from dataclasses import replace

from conductor_core.keys.key import ApiKey, Scope


def api_key(**given: object) -> ApiKey:
    """A key with no limit at all."""
    made = ApiKey("a" * 32, "laptop", "sk-cond-abcd", frozenset({Scope.CHAT}), created_at=1_000)
    return replace(made, **given)  # type: ignore[arg-type]  # a test's own fields
