"""AUTO's choice and its receipt."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.errors import NobodyLeft, NotConfigured
from conductor_core.routing.candidates import Candidate, Job, Limits
from conductor_core.routing.choice import Choice, choose
from conductor_core.routing.strategies import STRATEGIES, strategy_named
from tests.routing.candidates import JOB, known, new

OPEN = known("open", "open", ttft_ms=1.0)
UNSET = known("unset", "not_configured")
SMALL = known("small", context_window=512)
LOCAL = known("local", local=True, prompt_price=0.0, completion_price=0.0, tokens_per_second=30.0)


def chosen(*candidates: Candidate, strategy: str = "balanced", job: Job = JOB, limits: Limits | None = None) -> Choice:
    return choose(strategy_named(strategy), candidates, job, random.Random(1), limits or Limits())


def over_budget(candidate: Candidate, job: Job) -> str | None:
    return "Today's budget is spent." if candidate.provider == "dear" else None


@given(
    st.lists(st.sampled_from(["healthy", "open", "not_configured", "recovering"]), min_size=1, max_size=6),
    st.sampled_from([*STRATEGIES, "p1,p0"]),
    st.sets(st.sampled_from(["p0", "p1", "p2"])),
    st.integers(0, 3),
)
def test_the_filtered_are_never_chosen(states: list[str], name: str, pinned: set[str], spent: int) -> None:
    """Whatever the strategy: not set up, not pinned or over budget is never tried, open only when nobody is left."""
    found = [known(f"p{n}", state) for n, state in enumerate(states)]
    limits = Limits(frozenset(pinned), (lambda candidate, _: "Spent." if candidate.provider == f"p{spent}" else None,))
    allowed = {
        candidate.provider: candidate.state
        for candidate in found
        if candidate.state != "not_configured"
        and candidate.provider != f"p{spent}"
        and (not pinned or candidate.provider in pinned)
    }
    if not allowed:
        with pytest.raises(NobodyLeft):
            chosen(*found, strategy=name, limits=limits)
        return
    choice = chosen(*found, strategy=name, limits=limits)
    well = {provider for provider, state in allowed.items() if state != "open"}
    assert {candidate.provider for candidate in choice.order} == (well or set(allowed))
    tried, passed = {c.provider for c in choice.order}, {other.provider for other in choice.passed_over}
    assert tried | passed == {candidate.provider for candidate in found}
    assert not tried & passed


@pytest.mark.parametrize(
    ("candidate", "limits", "reason"),
    [
        (UNSET, Limits(), "Because of unset."),
        (OPEN, Limits(), "Because of open."),
        (SMALL, Limits(), "Prompt and answer need about 700 tokens; its window has 512."),
        (known("other"), Limits(frozenset({"best"})), "Not one of the providers AUTO may use (best)."),
        (known("dear"), Limits(refusals=(over_budget,)), "Today's budget is spent."),
    ],
)
def test_each_filter_gives_its_reason(candidate: Candidate, limits: Limits, reason: str) -> None:
    """The receipt names who was passed over, and why in a sentence."""
    choice = chosen(known("best"), candidate, limits=limits)
    assert [(other.provider, other.reason) for other in choice.passed_over] == [(candidate.provider, reason)]
    assert choice.receipt()["passed_over"][0]["reason"] == reason


def test_an_open_provider_is_tried_only_when_nothing_else_is_left() -> None:
    """Then it is the winner, nothing counts as passed over, and the sentence says so."""
    choice = chosen(OPEN)
    assert (choice.winner, choice.passed_over) == (OPEN, ())
    assert choice.sentence == "Open: no provider is usable just now, so it is tried again. Because of open."


def test_a_prompt_too_long_for_all_goes_to_the_largest_window() -> None:
    """Its length is an estimate: the provider itself has the last word."""
    choice = chosen(SMALL, known("larger", context_window=600))
    assert choice.winner.provider == "larger"
    assert choice.sentence.endswith("Its window of 600 tokens is the largest, yet it may be too small.")
    assert [other.provider for other in choice.passed_over] == ["small"]


def test_nobody_left_says_why_of_each() -> None:
    """The person can mend it, so the sentence names every reason."""
    with pytest.raises(NobodyLeft, match=r"Dear: Today's budget is spent\. Unset: Because of unset\."):
        chosen(known("dear"), UNSET, limits=Limits(refusals=(over_budget,)))


def test_a_pinned_local_model_is_meant() -> None:
    """It comes last for everybody else; whoever pins it and another has them compared."""
    slow = known("slow", ttft_ms=90_000.0)
    assert chosen(slow, LOCAL).winner is slow
    pinned = Limits(frozenset({"slow", "local"}))
    assert chosen(slow, LOCAL, limits=pinned).winner.provider == "local"


@pytest.mark.parametrize(
    ("given", "strategy", "sentence"),
    [
        (
            [known("fast"), known("slow", ttft_ms=900.0)],
            "balanced",
            "Fast: best balance of time, price and reliability, of two that can be used. "
            "About 3.5 s and $0.0016 for this answer.",
        ),
        (
            [known("a", prompt_price=None)] * 3,
            "fastest",
            "A: fastest, of three that can be used. About 3.5 s for this answer, its price",
        ),
        (
            [LOCAL, known("a")],
            "cheapest",
            "Local: cheapest, of two that can be used. About 10 s for this answer, free.",
        ),
        ([known("a"), known("b")], "round_robin", "A: its turn, of two that can be used."),
        ([known("a"), known("b")], "b,a", "B: first in your order, of two that can be used."),
        ([known("only"), OPEN], "balanced", "Only: the only one that can be used now. About 3.5 s"),
        ([new("new"), new("newer")], "balanced", "New: not tried yet; one of two that can be used."),
        ([known("a"), new("b")], "b,a", "B: first in your order, of two that can be used. Its time is not known yet,"),
        ([LOCAL], "balanced", "Local: no other provider is configured."),
        ([LOCAL, OPEN], "balanced", "Local: every other provider is passed over."),
        (
            [known("a"), known("back", "recovering", ttft_ms=1.0, idle_s=90.0)],
            "balanced",
            "Back: failed lately and may work again, so this answer shows how it does now. About 3.0 s",
        ),
    ],
)
def test_one_sentence_says_why(given: list[Candidate], strategy: str, sentence: str) -> None:
    """Only facts the dashboard can show."""
    assert chosen(*given, strategy=strategy).sentence.startswith(sentence)


def test_the_receipt_can_be_stored_as_json() -> None:
    """Infinity or a class of ours would not survive the database; every candidate has its score and its terms."""
    receipt = chosen(known("fast"), new("new", prompt_price=None), OPEN).receipt()
    assert json.loads(json.dumps(receipt, allow_nan=False)) == receipt
    assert receipt["strategy"] == "balanced"
    for row in receipt["candidates"]:
        assert sum(row["terms"].values()) == pytest.approx(row["score"])
    expected = {row["provider"]: (row["expected_ms"], row["expected_usd"]) for row in receipt["candidates"]}
    assert expected == {"fast": (3500.0, pytest.approx(0.0016)), "new": (None, None)}


def test_nothing_configured_is_said_so() -> None:
    """The sentence tells what to do."""
    with pytest.raises(NotConfigured, match="at least one provider"):
        chosen()
