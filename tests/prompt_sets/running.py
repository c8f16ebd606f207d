"""What tests of runs share: sets, lanes at the tests' upstream, and what that was asked."""

from __future__ import annotations

from collections import Counter

from conductor_core.kinds import CheckKind
from conductor_core.prompt_sets.reading import Row
from conductor_core.prompt_sets.setup import RunSetup
from conductor_core.turns import LaneSetup
from tests.upstream import Upstream


def rows(count: int, expected: str = "", check: CheckKind | None = None) -> list[Row]:
    """Prompts that can be told apart."""
    return [Row(2 + at, f"Prompt {at}", expected, check, ("even",) if at % 2 == 0 else ()) for at in range(count)]


def setup(*models: str, concurrency: int = 4, judge: str = "") -> RunSetup:
    """A lane at OpenAI per model."""
    lanes = tuple(LaneSetup(provider="openai").model_copy(update={"model": model}) for model in models)
    return RunSetup(
        lanes=lanes, concurrency=concurrency, judge=LaneSetup(provider="openai", model=judge) if judge else None
    )


def asked(upstream: Upstream) -> Counter[tuple[str, str]]:
    """How often each prompt was asked of each model."""
    return Counter((one.model, one.body["messages"][-1]["content"]) for one in upstream.requests if one.body)
