"""Live figures and states, on a clock the test turns by hand."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.kinds import FAILURES, NEUTRAL, SUCCESSES, CostKind, Outcome, ProviderState, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.live import OPEN_SECONDS, LiveMetrics, overall

WALL = 1_790_000_000.0
CALL = Call("0" * 32, "1" * 32, 1, Source.CHAT, None, None, "gemini", "m", None, None, None, int(WALL * 1000))
OK = replace(
    CALL,
    latency_ms=800.0,
    ttft_ms=200.0,
    prompt_tokens=10,
    completion_tokens=30,
    cost_usd=0.001,
    cost_kind=CostKind.REPORTED,
    outcome=Outcome.OK,
)
TIMEOUT = replace(CALL, latency_ms=5000.0, outcome=Outcome.TIMEOUT, error="Gemini did not answer within 5 s.")
ENDS = sorted(set(Outcome) - {Outcome.RUNNING})


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return 1000.0 + self.passed

    def wall(self) -> float:
        return WALL + self.passed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(clock: Clock) -> LiveMetrics:
    return LiveMetrics(clock.monotonic, clock.wall)


def test_a_provider_without_a_key_is_not_configured(live: LiveMetrics) -> None:
    """The reason names the variable to set."""
    standing = live.state("gemini", missing="GEMINI_API_KEY")
    assert standing.state is ProviderState.NOT_CONFIGURED
    assert "GEMINI_API_KEY" in standing.reason


def test_a_provider_never_called_is_unknown_and_shows_no_figures(live: LiveMetrics) -> None:
    """Nothing is made up before the first call: no average, no cost, no rate."""
    figures = live.figures("gemini")
    assert live.state("gemini").state is ProviderState.UNKNOWN
    assert (figures.calls, figures.cost_usd, figures.latency_ms, figures.success_rate) == (0, None, None, None)


def test_successes_make_it_healthy(live: LiveMetrics) -> None:
    """The reason counts them."""
    for _ in range(3):
        live.record(OK)
    standing = live.state("gemini")
    assert (standing.state, standing.reason) == (ProviderState.HEALTHY, "3 of the last 3 calls succeeded.")


def test_one_failure_in_twenty_is_still_healthy_and_two_are_not(live: LiveMetrics) -> None:
    """A tenth of the window failing makes it degraded, and the reason says how many and what last."""
    for call in (*[OK] * 10, TIMEOUT, *[OK] * 9):
        live.record(call)
    assert live.state("gemini").state is ProviderState.HEALTHY
    live.record(TIMEOUT)
    standing = live.state("gemini")
    assert standing.state is ProviderState.DEGRADED
    assert standing.reason == "2 of the last 20 calls failed, lately: timed out."


def test_three_failures_in_a_row_open_it_for_thirty_seconds(live: LiveMetrics, clock: Clock) -> None:
    """Open counts down and names the error; then it is recovering until the next call; a success closes it."""
    for _ in range(3):
        live.record(replace(TIMEOUT, outcome=Outcome.RATE_LIMITED, http_status=429))
    clock.passed += 18
    standing = live.state("gemini")
    assert standing.state is ProviderState.OPEN
    assert standing.reason == "The last 3 calls failed, lately: rate limited (429). AUTO passes it over for 12 s."
    clock.passed += 12
    assert live.state("gemini").state is ProviderState.RECOVERING
    live.record(OK)
    assert live.state("gemini").state is ProviderState.DEGRADED


def test_a_failure_while_recovering_opens_it_again(live: LiveMetrics, clock: Clock) -> None:
    """The next call decides, either way."""
    for _ in range(3):
        live.record(TIMEOUT)
    clock.passed += OPEN_SECONDS
    live.record(TIMEOUT)
    assert live.state("gemini").state is ProviderState.OPEN


def test_three_failures_far_apart_do_not_open_it(live: LiveMetrics, clock: Clock) -> None:
    """A streak is three within ten minutes."""
    for _ in range(3):
        live.record(TIMEOUT)
        clock.passed += 301
    assert live.state("gemini").state is ProviderState.DEGRADED


def test_half_the_window_failing_opens_it_without_a_streak(live: LiveMetrics) -> None:
    """Five failures among ten, never two in a row."""
    for _ in range(4):
        live.record(OK)
        live.record(TIMEOUT)
    assert live.state("gemini").state is ProviderState.DEGRADED
    live.record(OK)
    live.record(TIMEOUT)
    assert live.state("gemini").reason.startswith("5 of the last 10 calls failed")
    assert live.state("gemini").state is ProviderState.OPEN


def test_calls_of_more_than_an_hour_ago_say_nothing_about_now(live: LiveMetrics, clock: Clock) -> None:
    """The state becomes unknown again; the averages stay, for AUTO to order by."""
    live.record(OK)
    clock.passed += 3601
    standing = live.state("gemini")
    assert (standing.state, standing.reason) == (ProviderState.UNKNOWN, "No call in the last hour.")
    assert live.figures("gemini").latency_ms == 800.0


@pytest.mark.parametrize("outcome", sorted(NEUTRAL - {Outcome.RUNNING}))
def test_a_neutral_end_counts_but_does_not_judge(live: LiveMetrics, outcome: Outcome) -> None:
    """The user's Stop or the caller's mistake is neither success nor failure."""
    live.record(OK)
    for _ in range(5):
        live.record(replace(TIMEOUT, outcome=outcome))
    figures = live.figures("gemini")
    assert (figures.calls, figures.successes, figures.failures, figures.success_rate) == (6, 1, 0, 1.0)
    assert live.state("gemini").state is ProviderState.HEALTHY


def test_a_running_call_is_refused(live: LiveMetrics) -> None:
    """Counting it twice, at its start and at its end, would be silent otherwise."""
    with pytest.raises(AssertionError, match="only finished calls"):
        live.record(CALL)


def test_the_last_error_keeps_its_time_through_later_successes(live: LiveMetrics, clock: Clock) -> None:
    """A card says what went wrong last and when, also after it went right again."""
    live.record(TIMEOUT)
    clock.passed += 60
    live.record(OK)
    figures = live.figures("gemini")
    assert figures.last_error == "Gemini did not answer within 5 s."
    assert figures.last_error_at == datetime.fromtimestamp(WALL, UTC)
    assert figures.last_call == datetime.fromtimestamp(WALL + 60, UTC)


def test_stored_calls_shape_state_and_averages_but_not_the_counts(live: LiveMetrics) -> None:
    """After a restart the state goes on where it was, at the stored times; counts are since start."""
    stored = replace(TIMEOUT, started_at=int((WALL - 25) * 1000))
    live.seed([replace(OK, started_at=int((WALL - 60) * 1000)), stored, stored, stored])
    standing, figures = live.state("gemini"), live.figures("gemini")
    assert standing.reason.endswith("AUTO passes it over for 10 s.")
    assert (figures.calls, figures.latency_ms) == (0, 800.0)


def test_a_stored_call_from_the_future_is_taken_as_now(live: LiveMetrics) -> None:
    """Setting the system clock back must not keep a provider shut for hours."""
    live.seed([replace(TIMEOUT, started_at=int((WALL + 86_400) * 1000))] * 3)
    assert live.state("gemini").reason.endswith("for 30 s.")


def test_costs_add_up_and_unknown_ones_are_kept_apart(live: LiveMetrics) -> None:
    """An unknown price is counted as unpriced, never as nothing."""
    live.record(replace(OK, cost_usd=None, cost_kind=CostKind.UNKNOWN))
    assert live.figures("gemini").cost_usd is None
    live.record(OK)
    figures = live.figures("gemini")
    assert (figures.cost_usd, figures.unpriced, figures.tokens) == (0.001, 1, 80)


@given(st.lists(st.tuples(st.sampled_from(ENDS), st.floats(0, 2000)), max_size=60))
def test_counts_and_states_follow_any_history(history: list[tuple[Outcome, float]]) -> None:
    """Counts equal a plain count; open and recovering need a failed last call; healthy needs nine tenths to succeed."""
    clock = Clock()
    live = LiveMetrics(clock.monotonic, clock.wall)
    judged: list[tuple[float, bool]] = []
    for outcome, gap in history:
        clock.passed += gap
        live.record(replace(TIMEOUT, outcome=outcome))
        if outcome in SUCCESSES | FAILURES:
            judged.append((clock.passed, outcome in FAILURES))
    recent = [failed for at, failed in judged[-20:] if clock.passed - at <= 3600]
    figures, state = live.figures("gemini"), live.state("gemini").state
    assert figures.calls == len(history)
    assert figures.failures == sum(failed for _, failed in judged)
    assert (state is ProviderState.UNKNOWN) == (not recent)
    if state in (ProviderState.OPEN, ProviderState.RECOVERING):
        assert recent[-1]
        assert sum(recent) >= 3
    if state is ProviderState.HEALTHY:
        assert sum(recent) < 0.1 * len(recent)


def test_readers_on_other_threads_see_whole_figures(live: LiveMetrics) -> None:
    """Calls, tokens and cost of one snapshot belong together while another thread records."""
    done = threading.Event()

    def write() -> None:
        for _ in range(3000):
            live.record(OK)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        figures = live.figures("gemini")
        assert figures.tokens == 40 * figures.calls
        assert figures.successes == figures.calls
        live.state("gemini")
    writer.join()


def test_facts_are_of_one_model_of_one_provider(live: LiveMetrics, clock: Clock) -> None:
    """What one model does says nothing about another; stored calls count, at their age."""
    live.seed([replace(OK, model="slow", ttft_ms=9000.0, latency_ms=9600.0, started_at=int((WALL - 60) * 1000))])
    live.record(OK)
    clock.passed += 5
    slow, fast, none = live.facts([("gemini", "slow"), ("gemini", "m"), ("openai", "m")])
    assert (slow.ttft_ms, fast.ttft_ms, none.ttft_ms) == (9000.0, 200.0, None)
    assert slow.idle_s == pytest.approx(55.4)
    assert (fast.idle_s, none.idle_s, slow.failures) == (5.0, None, 0.0)
    assert fast.successes == pytest.approx(1.0, abs=0.01)


def test_a_call_under_way_is_a_fact_too(live: LiveMetrics, clock: Clock) -> None:
    """It counts from its begin to its end, though it is recorded only afterwards."""
    flight = live.begin("gemini", "m")
    clock.passed += 3
    assert (live.facts([("gemini", "m")])[0].in_flight, live.facts([("gemini", "m")])[0].waiting_ms) == (1, 3000.0)
    assert live.figures("gemini").calls == 0
    flight.end()
    assert live.facts([("gemini", "m")])[0].in_flight == 0


def test_the_usual_size_of_an_answer_is_learnt(live: LiveMetrics) -> None:
    """From answers of every provider; failures and unknown sizes leave it as it is."""
    assert live.answer_tokens is None
    for call in (OK, replace(OK, provider="openai", completion_tokens=130), TIMEOUT, replace(OK, completion_tokens=0)):
        live.record(call)
    assert live.answer_tokens == pytest.approx(35.0)


def test_a_kept_standing_is_dropped_when_time_changes_it(live: LiveMetrics, clock: Clock) -> None:
    """Asked before and after each turn of the clock, the state is what a fresh look gives."""
    live.record(TIMEOUT)
    clock.passed += 1800
    live.record(OK)
    assert live.state("gemini").reason == "1 of the last 2 calls failed, lately: timed out."
    clock.passed += 1801
    assert live.state("gemini").reason == "The only recent call succeeded."
    clock.passed += 1800
    assert live.state("gemini").state is ProviderState.UNKNOWN


def test_the_public_status_carries_the_figures(live: LiveMetrics) -> None:
    """`ProviderStatus` is filled from the same figures, and says unhealthy once AUTO passes it over."""
    live.record(OK)
    status = live.status("gemini", "Gemini", "m", live.state("gemini"))
    assert (status.is_healthy, status.total_requests, status.average_ttft_ms, status.total_tokens) == (
        True,
        1,
        200.0,
        40,
    )
    for _ in range(3):
        live.record(TIMEOUT)
    status = live.status("gemini", "Gemini", "m", live.state("gemini"))
    assert (status.is_healthy, status.success_rate, status.last_error) == (False, 0.25, TIMEOUT.error)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["not_configured"], "not_configured"),
        (["not_configured", "unknown"], "unknown"),
        (["healthy", "unknown", "not_configured"], "healthy"),
        (["healthy", "open"], "degraded"),
        (["open", "open", "unknown"], "open"),
        (["degraded", "healthy"], "degraded"),
    ],
)
def test_the_whole_is_as_well_as_the_providers_in_use(states: list[str], expected: str) -> None:
    """Providers nobody set up or called do not count against it."""
    assert overall(ProviderState(state) for state in states) == expected
