"""The pace of a provider: what its estimates do with steady, slow, failing and running calls."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.kinds import NEUTRAL, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.pace import DOUBT, DOUBT_LONGEST, DOUBT_SECONDS, EASE_SECONDS, Estimate, Pace

CALL = Call("0" * 32, "1" * 32, 0, Source.CHAT, None, None, "gemini", "m", None, None, None, 0)
OK = replace(CALL, latency_ms=2200.0, ttft_ms=200.0, completion_tokens=100, outcome=Outcome.OK)
FAILED = replace(CALL, latency_ms=50.0, outcome=Outcome.SERVER_ERROR)


def pace_of(*calls: Call, every: float = 1.0) -> tuple[Pace, float]:
    """A pace that took the calls in, one after the other, and the time of the last."""
    pace, at = Pace(), 1000.0
    for number, call in enumerate(calls):
        at = 1000.0 + number * every
        pace.take(call, at)
    return pace, at


def test_nothing_is_known_before_the_first_call() -> None:
    """No data is not zero."""
    facts = Pace().facts(1.0)
    assert (facts.ttft_ms, facts.tokens_per_second, facts.idle_s) == (None, None, None)
    assert (facts.successes, facts.failures, facts.doubt, facts.in_flight) == (0, 0, 0, 0)


def test_first_token_and_pace_are_told_apart() -> None:
    """A hundred tokens in 2 s after 0.2 s are 50 tokens/s, however long the whole answer took."""
    pace, at = pace_of(OK, replace(OK, latency_ms=20_200.0, completion_tokens=1000))
    facts = pace.facts(at)
    assert facts.ttft_ms == pytest.approx(200.0)
    assert facts.tokens_per_second == pytest.approx(50.0)


def test_a_whole_answer_counts_where_none_was_streamed() -> None:
    """The time to the first token is then part of the pace, or what streamed answers said of it."""
    pace, at = pace_of(replace(OK, ttft_ms=None))
    assert pace.facts(at).tokens_per_second == pytest.approx(100 / 2.2)
    pace, at = pace_of(OK, replace(OK, ttft_ms=None))
    assert pace.facts(at).tokens_per_second == pytest.approx(50.0)


def test_a_handful_of_tokens_says_nothing_about_the_pace() -> None:
    """`Yes.` in 2 s is no writer of one token per second."""
    pace, at = pace_of(replace(OK, completion_tokens=2))
    assert pace.facts(at).tokens_per_second is None


def test_a_slow_sample_counts_at_once_and_eases_off() -> None:
    """The whole surprise is in the next estimate, half of it after its half-life, and a normal sample halves it too."""
    estimate = Estimate()
    for at in range(20):
        estimate.take(200.0, at)
    estimate.take(4000.0, 20.0)
    assert estimate.read(20.0) == pytest.approx(4000.0)
    eased = estimate.read(20.0 + EASE_SECONDS)
    assert eased == pytest.approx(2100, rel=0.05)
    estimate.take(200.0, 20.0)
    assert estimate.read(20.0) == pytest.approx(2100, rel=0.05)


def test_ordinary_scatter_is_averaged() -> None:
    """The estimate follows the mean of scattered times, not their worst."""
    rng, estimate = random.Random(1), Estimate()
    read = []
    for at in range(600):
        estimate.take(rng.lognormvariate(0, 0.35) * 1000, at)
        read.append(estimate.read(at) or 0.0)
    assert sum(read[100:]) / len(read[100:]) == pytest.approx(1063, rel=0.05)


def test_after_a_silence_the_newest_counts_most() -> None:
    """Ten minutes unseen, the old figure says little."""
    estimate = Estimate()
    for at in range(20):
        estimate.take(1000.0, at)
    estimate.take(400.0, 620.0)
    assert estimate.read(620.0) == pytest.approx(400, rel=0.02)


@given(st.lists(st.tuples(st.floats(0.1, 1e6), st.floats(0, 5000)), min_size=1, max_size=40), st.floats(0, 1e5))
def test_an_estimate_stays_within_what_it_saw(samples: list[tuple[float, float]], later: float) -> None:
    """Never below the least nor above the greatest sample, at any time."""
    estimate, at = Estimate(), 0.0
    for value, gap in samples:
        at += gap
        estimate.take(value, at)
    values = [value for value, _ in samples]
    for read in (estimate.read(at), estimate.read(at + later)):
        assert read is not None
        assert min(values) * 0.999 <= read <= max(values) * 1.001


def test_old_calls_weigh_less() -> None:
    """Counts fade with every later call, and halve in half an hour."""
    pace, at = pace_of(*[OK] * 500)
    assert pace.facts(at).successes == pytest.approx(100, rel=0.05)
    assert pace.facts(at + 1800).successes == pytest.approx(50, rel=0.05)


def test_faults_in_a_row_raise_a_doubt_that_fades_and_a_success_ends() -> None:
    """Each further failure doubts more and for longer."""
    pace, at = pace_of(OK, FAILED)
    assert pace.facts(at).doubt == pytest.approx(DOUBT)
    half = pace.facts(at + DOUBT_SECONDS).doubt
    assert half == pytest.approx(DOUBT / 2)
    pace, at = pace_of(OK, *[FAILED] * 9)
    assert pace.facts(at).doubt == pytest.approx(DOUBT_LONGEST)
    assert pace.facts(at + 30).doubt > 0.8
    pace.take(OK, at + 1)
    assert pace.facts(at + 1).doubt == 0


@pytest.mark.parametrize("outcome", sorted(NEUTRAL - {Outcome.RUNNING}))
def test_neutral_ends_say_nothing(outcome: Outcome) -> None:
    """The user's Stop is neither slow nor failed; it only shows that the provider was used."""
    pace, at = pace_of(OK)
    before = pace.facts(at)
    pace.take(replace(CALL, latency_ms=90_000.0, ttft_ms=80_000.0, outcome=outcome), at)
    assert pace.facts(at) == before


def test_running_calls_are_counted_until_they_end() -> None:
    """In flight from begin to end, waiting until the first token, the oldest one's wait is what counts."""
    pace, lock = Pace(), threading.Lock()
    first, second = pace.begin(10.0, lock), pace.begin(14.0, lock)
    facts = pace.facts(15.0)
    assert (facts.in_flight, facts.waiting_ms, facts.idle_s) == (2, 5000.0, 0.0)
    first.spoke()
    assert (pace.facts(15.0).in_flight, pace.facts(15.0).waiting_ms) == (2, 1000.0)
    for flight in (first, second, second):
        flight.end()
    assert (pace.facts(15.0).in_flight, pace.facts(15.0).waiting_ms, pace.facts(15.0).idle_s) == (0, 0.0, 1.0)
