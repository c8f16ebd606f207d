"""What a row of the race says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conductor_core.answers import Answer, Failure
from conductor_core.kinds import CostKind, LaneState
from dashboard.components import race
from tests.dashboard.components.test_facts import DONE

RUNNING = replace(DONE, state=LaneState.STREAMING, request_id="r", cost_kind=CostKind.ESTIMATED)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (DONE, "done · 0.42 s first · 84 tok/s · $0.0004 · 1.9 s"),
        (RUNNING, "writing · 0.42 s first · 84 tok/s · ~$0.0004 · 1.9 s"),
        (
            replace(RUNNING, state=LaneState.WAITING, thinking="Hm"),
            "thinking · 0.42 s first · 84 tok/s · ~$0.0004 · 1.9 s",
        ),
        (Answer("a", 0, "openai", "m", LaneState.WAITING, ""), "waits for its turn"),
        (
            Answer("a", 0, "openai", "m", LaneState.FAILED, "", latency_ms=120.0, failure=Failure("No.")),
            "failed · – first · – · – · 0.12 s",
        ),
    ],
)
def test_a_row_says_how_its_lane_stands(answer: Answer, words: str) -> None:
    """State, first token, speed, cost with its sign, time; a dash for what is not there."""
    assert race.words(answer) == words
