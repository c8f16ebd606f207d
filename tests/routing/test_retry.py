"""The retry budget and the delays."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_core.routing.retry import RetryBudget, asked_wait, backoff


def test_ten_retries_empty_the_bucket_and_ten_successes_bring_one_back() -> None:
    """Then it is empty again."""
    budget = RetryBudget()
    assert [budget.take("openai") for _ in range(11)] == [True] * 10 + [False]
    for _ in range(11):
        budget.refund("openai")
    assert [budget.take("openai"), budget.take("openai")] == [True, False]


def test_a_bucket_never_holds_more_than_ten() -> None:
    """A good week does not pay for an outage."""
    budget = RetryBudget()
    budget.take("openai")
    for _ in range(1000):
        budget.refund("openai")
    assert budget.tokens("openai") == 10


def test_each_provider_has_its_own() -> None:
    """One outage leaves the others their retries."""
    budget = RetryBudget()
    while budget.take("openai"):
        pass
    assert budget.take("anthropic")


@given(st.integers(0, 30), st.integers())
@settings(max_examples=50, deadline=None)
def test_the_delay_is_full_jitter_under_a_doubling_ceiling(retry: int, seed: int) -> None:
    """Anything from nothing to min(8, 0.5 · 2ⁿ) seconds."""
    assert 0 <= backoff(retry, random.Random(seed)) <= min(8.0, 0.5 * 2**retry)


def test_the_delays_use_the_whole_range() -> None:
    """Full jitter: as often in the lower half as in the upper one."""
    rng = random.Random(1)
    low = sum(backoff(4, rng) < 4.0 for _ in range(2000))
    assert 900 < low < 1100


def test_a_delay_can_have_a_floor() -> None:
    """A server that is just being started is not asked again at once."""
    rng = random.Random(1)
    delays = [backoff(0, rng, least=0.2) for _ in range(200)]
    assert min(delays) >= 0.2
    assert max(delays) <= 0.5


@pytest.mark.parametrize(("asked", "waited"), [(4.0, 4.0), (0.0, 0.0), (3600.0, 60.0), (-5.0, 0.0)])
def test_what_is_asked_is_waited_and_a_tenth_more_at_most(asked: float, waited: float) -> None:
    """Never less, and never longer than a minute and its tenth."""
    rng = random.Random(1)
    assert all(waited <= asked_wait(asked, rng) <= waited * 1.1 for _ in range(50))
