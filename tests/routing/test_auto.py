"""AUTO's choice and its receipt."""

from __future__ import annotations

import json
from itertools import permutations

import pytest

from conductor_core.errors import NotConfigured
from conductor_core.kinds import ProviderState
from conductor_core.routing.auto import Candidate, choose


def candidate(
    name: str, state: str = "healthy", ttft: float | None = None, latency: float | None = None, local: bool = False
) -> Candidate:
    return Candidate(name, name.title(), "m", ProviderState(state), f"Because of {name}.", ttft, latency, local)


FAST = candidate("fast", ttft=400.0, latency=2000.0)
SLOW = candidate("slow", ttft=900.0, latency=1500.0)
STALE = candidate("stale", "unknown", ttft=600.0, latency=1000.0)
NEW = candidate("new", "unknown")
NEWER = candidate("newer", "unknown")
SHAKY = candidate("shaky", "degraded", ttft=100.0, latency=200.0)
RECOVERING = candidate("recovering", "recovering", ttft=50.0, latency=100.0)
LOCAL = candidate("local", ttft=10.0, latency=20.0, local=True)
OPEN = candidate("open", "open", ttft=5.0, latency=10.0)


def names(*candidates: Candidate) -> list[str]:
    return [found.provider for found in choose(candidates).candidates]


@pytest.mark.parametrize("given", list(permutations([SLOW, LOCAL, FAST, SHAKY, OPEN])))
def test_the_order_is_proven_unsteady_local_whatever_the_order_given(given: tuple[Candidate, ...]) -> None:
    """Healthy and fastest first; the local model after everything usable; an open one not at all."""
    assert names(*given) == ["fast", "slow", "shaky", "local"]


def test_the_untried_come_after_the_proven_and_before_the_unsteady() -> None:
    """A known good answer beats a guess, a guess beats a known trouble."""
    assert names(SHAKY, NEW, SLOW) == ["slow", "new", "shaky"]


def test_the_untried_keep_the_registrys_order() -> None:
    """Nothing else is known about them."""
    assert names(NEWER, NEW) == ["newer", "new"]
    assert names(NEW, NEWER) == ["new", "newer"]


def test_a_provider_known_from_before_is_ordered_by_its_figures() -> None:
    """An hour without calls makes its state unknown, but not its speed."""
    assert names(SLOW, STALE, FAST) == ["fast", "stale", "slow"]


def test_recovering_is_not_taken_before_a_healthy_one() -> None:
    """However fast it was before it failed."""
    assert names(RECOVERING, SLOW) == ["slow", "recovering"]


def test_a_whole_answer_counts_where_no_first_token_was_seen() -> None:
    """A provider called without streaming is as fast as its whole answers."""
    assert names(candidate("whole", latency=500.0), FAST, candidate("brisk", latency=300.0)) == [
        "brisk",
        "fast",
        "whole",
    ]


def test_an_open_provider_is_tried_only_when_nothing_else_is_left() -> None:
    """Then it is the winner, and nothing counts as passed over."""
    choice = choose([OPEN])
    assert (choice.winner, choice.passed_over) == (OPEN, ())
    assert choice.sentence == "Open: no provider is usable just now, so it is tried again. Because of open."


def test_the_receipt_names_who_was_passed_over_and_why() -> None:
    """The reason is the provider's own state, as Health shows it."""
    assert [(other.provider, other.reason) for other in choose([OPEN, LOCAL]).passed_over] == [
        ("open", "Because of open.")
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([FAST, SLOW, STALE], "Fast: fastest of three healthy providers, 0.40 s to the first token."),
        ([SLOW, NEW], "Slow: the only one proven healthy so far, 0.90 s to the first token."),
        ([candidate("whole", latency=500.0)], "Whole: the only one proven healthy so far, 0.50 s for a whole answer."),
        ([NEW, LOCAL], "New: not tried yet."),
        ([NEW, NEWER], "New: first in the list of two not tried yet."),
        ([SHAKY, LOCAL], "Shaky: the only one left, none is healthy. Because of shaky."),
        ([LOCAL], "Local: no other provider is configured."),
        ([LOCAL, OPEN], "Local: every other provider is passed over."),
    ],
)
def test_one_sentence_says_why(given: list[Candidate], sentence: str) -> None:
    """Only facts the dashboard can show."""
    assert choose(given).sentence == sentence


def test_the_receipt_can_be_stored_as_json() -> None:
    """Infinity or a class of ours would not survive the database."""
    receipt = choose([FAST, NEW, OPEN]).receipt()
    assert json.loads(json.dumps(receipt, allow_nan=False)) == receipt
    assert receipt["winner"] == "fast"


def test_nothing_configured_is_said_so() -> None:
    """The sentence tells what to do."""
    with pytest.raises(NotConfigured, match="at least one provider"):
        choose([])
