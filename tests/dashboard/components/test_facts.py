"""The facts line and the words before the first token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conductor_core.answers import Answer, Failure
from conductor_core.kinds import CostKind, FinishReason, LaneState
from dashboard.components import facts

DONE = Answer(
    id="a",
    lane=0,
    provider="openai",
    model="gpt-4.1-mini",
    state=LaneState.DONE,
    text="Paris",
    ttft_ms=420.0,
    latency_ms=1900.0,
    tokens_per_second=84.2,
    prompt_tokens=31,
    completion_tokens=118,
    cost_usd=0.0004,
    cost_kind=CostKind.REPORTED,
    finish_reason=FinishReason.STOP,
)


def test_the_line_holds_what_is_measured_in_its_order() -> None:
    """First token, rate, tokens, cost, whole answer."""
    assert facts.line(DONE) == "0.42 s first · 84 tok/s · 31 → 118 · $0.0004 · 1.9 s"


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"state": LaneState.STOPPED}, "1.9 s · stopped"),
        ({"state": LaneState.INCOMPLETE}, "1.9 s · incomplete"),
        ({"state": LaneState.INTERRUPTED}, "1.9 s · interrupted"),
        ({"finish_reason": FinishReason.LENGTH}, "1.9 s · cut at max tokens"),
        ({"finish_reason": FinishReason.SAFETY}, "1.9 s · blocked"),
        ({"finish_reason": FinishReason.RECITATION}, "1.9 s · blocked"),
        ({"finish_reason": FinishReason.OTHER}, "1.9 s · ended for another reason"),
    ],
)
def test_an_unusual_end_is_named_last(changes: dict[str, object], end: str) -> None:
    """The usual one is not."""
    assert facts.line(replace(DONE, **changes)).endswith(end)  # type: ignore[arg-type] # one field per case


def test_thinking_is_counted_where_there_was_any() -> None:
    """Between the tokens and the cost."""
    assert "31 → 118 · 1,024 thinking · $0.0004" in facts.line(replace(DONE, thinking_tokens=1024))


def test_a_running_answer_shows_estimates_and_dashes() -> None:
    """Tokens are ours and marked so; what is not known yet keeps its place."""
    running = replace(DONE, state=LaneState.STREAMING, tokens_per_second=None, cost_kind=CostKind.ESTIMATED)
    assert facts.line(running) == "0.42 s first · – · ~31 → 118 · ~$0.0004 · 1.9 s"


def test_before_another_try_there_is_nothing_to_tell() -> None:
    """The attempt that failed was free; the answer won't be."""
    waiting = replace(DONE, state=LaneState.WAITING, completion_tokens=None, cost_kind=CostKind.FREE, waiting_until=1.0)
    assert facts.line(waiting) == "–"


def test_an_answer_in_one_burst_has_no_rate() -> None:
    """And no dash that nobody could explain."""
    assert facts.line(replace(DONE, tokens_per_second=None)) == "0.42 s first · 31 → 118 · $0.0004 · 1.9 s"


@pytest.mark.parametrize("written", [None, 0])
def test_a_failure_has_one_figure(written: int | None) -> None:
    """How long it took; everything else would be dashes."""
    failed = replace(DONE, state=LaneState.FAILED, failure=Failure("No."), text="", completion_tokens=written)
    assert facts.line(failed) == "failed after 1.9 s"


@pytest.mark.parametrize(
    ("elapsed_ms", "loading", "words"),
    [
        (300.0, None, "Waiting for the first token …"),
        (2400.0, None, "Waiting for the first token … 2 s"),
        (2400.0, 2.4, "Loading the model … 2 s"),
    ],
)
def test_waiting_says_for_what_and_how_long(elapsed_ms: float, loading: float | None, words: str) -> None:
    """The clock runs from one second on; a model that is being loaded is told apart."""
    assert facts.waiting(replace(DONE, latency_ms=elapsed_ms), loading) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"thinking_ms": 3_200.0}, "Thought for 3.2 s"),
        ({"thinking_ms": 4.0}, "Thought for a moment"),
        ({"thinking_ms": None}, "Thinking"),
        ({"thinking_ms": 3_200.0, "state": LaneState.STREAMING}, "Thought for 3.2 s"),
        ({"thinking_ms": 3_200.0, "state": LaneState.STREAMING, "text": ""}, "Thinking"),
    ],
)
def test_how_long_it_thought(changes: dict[str, object], words: str) -> None:
    """Told once it is over."""
    assert facts.thinking(replace(DONE, **changes)) == words  # type: ignore[arg-type]  # a test's own fields
