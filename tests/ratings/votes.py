"""Votes to rate models by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conductor_core.kinds import Verdict
from conductor_core.store.records import Side, Vote
from tests.store.rows import fresh_id


def vote(*models: str, best: int | None = None, verdict: Verdict = Verdict.BETTER, **given: object) -> Vote:
    """A blind vote among models; `best` is the place of the one that was picked, by default the first."""
    picked = (best or 0) if verdict is Verdict.BETTER else None
    ranks = {Verdict.TIE: 1, Verdict.BAD: 2, Verdict.NONE: 2}
    sides = tuple(
        Side(lane, "openai", model, ranks.get(verdict, 1 if lane == picked else 2)) for lane, model in enumerate(models)
    )
    made = Vote(fresh_id(), None, None, 1_000, True, verdict, sides, (), "")
    return replace(made, **given)  # type: ignore[arg-type]  # a test's own fields


def table(*results: tuple[str, str, int]) -> list[Vote]:
    """`(winner, loser, times)` as votes."""
    return [vote(winner, loser) for winner, loser, times in results for _ in range(times)]


def round_robin(models: Sequence[str], times: int) -> list[Vote]:
    """Everybody beats everybody as often."""
    return table(*((a, b, times) for a in models for b in models if a != b))
