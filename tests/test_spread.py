"""How far answers differ where the same was asked several times."""

from __future__ import annotations

from conductor_core.answers import Answer, Exchange, Failure
from conductor_core.kinds import LaneState
from conductor_core.spread import Spread, repeated


def answer(lane: int, temperature: float, state: LaneState = LaneState.DONE, failure: Failure | None = None) -> Answer:
    return Answer(f"a{lane}", lane, "openai", "m", state, "x", failure=failure, setup={"temperature": temperature})


def test_only_the_very_same_lanes_are_one_group() -> None:
    """And only whole answers; one alone is no group."""
    answers = (
        answer(0, 0.2),
        answer(1, 0.7),
        answer(2, 0.2),
        answer(3, 0.2, LaneState.STOPPED),
        answer(4, 0.2, failure=Failure("Blocked.")),
    )
    found = repeated(Exchange(0, "Hello", "p", 0, answers))
    assert [[one.lane for one in group] for group in found] == [[0, 2]]


def test_least_middle_and_most() -> None:
    """Of what is known."""
    assert Spread.of([3.0, None, 1.0, 2.0]) == Spread(1.0, 2.0, 3.0)
    assert Spread.of([None]) is None
