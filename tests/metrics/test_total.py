"""What the calls of a conversation come to, against adding them up by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.kinds import SUCCESSES, CostKind, Outcome
from conductor_core.metrics.call import Call
from conductor_core.metrics.total import NOTHING, total_of
from tests.store.rows import finished, running

tokens = st.none() | st.integers(0, 10**6)
calls = st.builds(
    finished,
    lane_id=st.sampled_from(["a", "b", "c"]),
    prompt_tokens=tokens,
    completion_tokens=tokens,
    thinking_tokens=tokens,
    cost_usd=st.none() | st.floats(0, 10),
    cost_kind=st.sampled_from(CostKind),
    outcome=st.sampled_from(Outcome),
    superseded=st.booleans(),
)


@given(st.lists(calls, max_size=12))
def test_a_total_is_what_its_calls_add_up_to(of: list[Call]) -> None:
    """Tokens and money exactly; money that we estimated apart; what has no price is counted, never taken as nothing."""
    answers, asked, answered, unpriced, free = set(), 0, 0, 0, 0
    sent, written, reported, estimated = 0, 0, Fraction(0), Fraction(0)
    for call in of:
        if call.outcome == "running":
            continue
        if call.completion_tokens:
            answers.add(call.lane_id)
        asked += not call.superseded
        answered += not call.superseded and call.outcome in SUCCESSES
        sent += call.prompt_tokens or 0
        written += call.completion_tokens or 0
        if call.cost_usd is None:
            unpriced += 1
        elif call.cost_kind == "estimated":
            estimated += Fraction(call.cost_usd)
        else:
            reported += Fraction(call.cost_usd)
        free += call.cost_usd is not None and call.cost_kind == "free"
    total = total_of(of)
    figures = total.figures
    assert (total.answers, figures.asked, figures.answered) == (len(answers), asked, answered)
    assert (figures.prompt_tokens, figures.completion_tokens) == (sent, written)
    assert (figures.unpriced, figures.free) == (unpriced, free)
    assert figures.cost_reported == pytest.approx(float(reported), rel=1e-12, abs=0)
    assert figures.cost_estimated == pytest.approx(float(estimated), rel=1e-12, abs=0)


def test_what_runs_is_no_part_of_it() -> None:
    """Nor is nothing anything."""
    assert total_of([running()]) == total_of([]) == NOTHING
    assert NOTHING.figures.cost_usd is None
