"""Breakers: when they open, whom they let through, what closes them. The clock is the test's own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from conductor_core.kinds import FAILURES, NEUTRAL, Outcome
from conductor_core.routing.breaker import COUNTED, WHOLE, Breakers, CircuitState, Throttle
from tests.routing.calls import ended

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(clock: Clock) -> Breakers:
    return Breakers(monotonic=clock, wall=lambda: clock.now + 1_000_000)


def fail(breakers: Breakers, times: int = 1, outcome: Outcome = Outcome.TIMEOUT) -> None:
    for _ in range(times):
        breakers.record(ended(outcome))


def state(breakers: Breakers, model: str = "m") -> CircuitState:
    return breakers.state("openai", model).state


def test_three_failures_in_a_row_open_it(breakers: Breakers, clock: Clock) -> None:
    """Two do not, a success between begins anew; the reason says what they were."""
    fail(breakers, 2)
    assert state(breakers) is CLOSED
    breakers.record(ended())
    fail(breakers, 2)
    assert state(breakers) is CLOSED
    fail(breakers)
    circuit = breakers.state("openai", "m")
    assert circuit.sentence(clock.now) == "The last 3 calls failed, lately: timed out. Passed over for 30 s."
    assert not breakers.allow("openai", "m")


def test_failures_far_apart_open_nothing(breakers: Breakers, clock: Clock) -> None:
    """Three failures over more than ten minutes are no outage."""
    for _ in range(5):
        fail(breakers)
        clock.now += 301
    assert state(breakers) is CLOSED


def test_half_of_many_calls_open_it(breakers: Breakers) -> None:
    """Five failures among ten calls of the last half minute do, though never three in a row; four do not."""
    for _ in range(4):
        breakers.record(ended())
        fail(breakers)
    assert state(breakers) is CLOSED
    breakers.record(ended())
    fail(breakers)
    assert breakers.state("openai", "m").reason == "5 of the last 10 calls failed, lately: timed out"


def test_a_failing_tenth_opens_nothing(breakers: Breakers) -> None:
    """A share below one half is a provider that is degraded, not down."""
    for _ in range(10):
        for _ in range(9):
            breakers.record(ended())
        fail(breakers)
    assert state(breakers) is CLOSED


@pytest.mark.parametrize("outcome", sorted(NEUTRAL - {Outcome.RUNNING} | (FAILURES - COUNTED)))
def test_the_callers_faults_never_count(breakers: Breakers, outcome: Outcome) -> None:
    """A refused request, a stop, a wrong key: however many, the breaker stays closed."""
    fail(breakers, 20, outcome)
    assert state(breakers) is CLOSED


def test_another_model_and_another_provider_stay_closed(breakers: Breakers) -> None:
    """A breaker is of one provider and one model."""
    fail(breakers, 3)
    assert state(breakers, "other") is CLOSED
    assert breakers.state("anthropic", "m").state is CLOSED


def test_a_servers_own_default_model_has_a_breaker_too(breakers: Breakers) -> None:
    """Though nobody knows its name."""
    for _ in range(3):
        breakers.record(ended(Outcome.TIMEOUT, model=""))
    assert breakers.state("openai", None).state is OPEN
    assert state(breakers) is CLOSED


def test_half_open_lets_exactly_one_call_through(breakers: Breakers, clock: Clock) -> None:
    """Its success closes the breaker for all."""
    fail(breakers, 3)
    clock.now += 30
    assert state(breakers) is HALF_OPEN
    assert [breakers.allow("openai", "m") for _ in range(3)] == [True, False, False]
    clock.now += 1
    breakers.record(ended(latency_ms=500))
    assert state(breakers) is CLOSED
    assert breakers.allow("openai", "m")


def test_a_failed_probe_doubles_the_pause_up_to_five_minutes(breakers: Breakers, clock: Clock) -> None:
    """30 s, 60 s, 120 s, 240 s, 300 s, 300 s."""
    fail(breakers, 3)
    pauses = []
    for _ in range(6):
        pauses.append(breakers.state("openai", "m").until - clock.now)
        clock.now += pauses[-1]
        assert breakers.allow("openai", "m")
        fail(breakers)
    assert pauses == [30, 60, 120, 240, 300, 300]


def test_a_stopped_probe_decides_nothing(breakers: Breakers, clock: Clock) -> None:
    """The user's Stop gives the place to the next call."""
    fail(breakers, 3)
    clock.now += 30
    assert breakers.allow("openai", "m")
    clock.now += 1
    breakers.record(ended(Outcome.CANCELLED, latency_ms=500))
    assert state(breakers) is HALF_OPEN
    assert breakers.allow("openai", "m")


def test_a_lost_or_unsent_probe_gives_its_place_away(breakers: Breakers, clock: Clock) -> None:
    """Nobody waits for ever on a call that was never sent, or never ended."""
    fail(breakers, 3)
    clock.now += 30
    assert breakers.allow("openai", "m")
    breakers.release("openai", "m")
    assert breakers.allow("openai", "m")
    clock.now += 29
    assert not breakers.allow("openai", "m")
    clock.now += 1
    assert breakers.allow("openai", "m")


def test_an_answer_to_a_call_from_before_closes_nothing(breakers: Breakers, clock: Clock) -> None:
    """It was sent before the failures; one sent after them counts, whoever sent it."""
    fail(breakers, 3)
    clock.now += 5
    breakers.record(ended(latency_ms=9000))
    assert state(breakers) is OPEN
    breakers.record(ended(latency_ms=1000))
    assert state(breakers) is CLOSED


def test_a_provider_can_be_cooled_as_a_whole(breakers: Breakers, clock: Clock) -> None:
    """What holds for the account holds for every model; the longest pause is the one that counts."""
    breakers.cool("openai", None, 12, "Rate-limited")
    breakers.cool("openai", None, 3, "Rate-limited")
    assert breakers.state("openai", "m").sentence(clock.now) == "Rate-limited. Passed over for 12 s."
    clock.now += 12
    assert breakers.allow("openai", "other")
    breakers.record(ended(model="other"))
    assert state(breakers) is CLOSED


def test_a_model_can_be_cooled_alone(breakers: Breakers) -> None:
    """A model that does not exist says nothing about the others."""
    breakers.cool("openai", "m", 600, "There is no such model")
    assert state(breakers) is OPEN
    assert state(breakers, "other") is CLOSED


def test_a_refused_key_is_not_tried_until_it_changes(breakers: Breakers, clock: Clock) -> None:
    """No time alone mends it; `recover_now`, or a success, does."""
    breakers.cool("openai", None, math.inf, "Its key was refused")
    clock.now += 1e6
    assert breakers.state("openai", "m").sentence(clock.now) == "Its key was refused."
    assert not breakers.allow("openai", "m")
    breakers.recover_now("openai")
    assert breakers.allow("openai", "m")


def test_a_restart_remembers(breakers: Breakers, clock: Clock) -> None:
    """Three stored failures of the last minute are an open breaker whose pause began with the last of them."""
    wall_ms = int((clock.now + 1_000_000) * 1000)
    breakers.seed([ended(Outcome.TIMEOUT, started_at=wall_ms - age * 1000) for age in (60, 40, 10)])
    assert breakers.state("openai", "m").until == pytest.approx(clock.now + 20)


def test_listeners_hear_every_change_once(breakers: Breakers, clock: Clock) -> None:
    """Opened, one probe, closed; with the reason and the time of the wall's clock."""
    heard: list[tuple[str, str, str, str]] = []
    breakers.on_change(lambda provider, model, old, new, reason, at: heard.append((provider, model, old, new)))
    fail(breakers, 4)
    clock.now += 30
    breakers.allow("openai", "m")
    breakers.record(ended())
    breakers.recover_now("openai")
    changes = [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]
    assert heard == [("openai", "m", old, new) for old, new in changes]


def test_recovering_by_hand_is_heard_for_each_breaker(breakers: Breakers) -> None:
    """The provider's own and the model's."""
    heard: list[str] = []
    breakers.on_change(lambda provider, model, old, new, reason, at: heard.append(f"{model}:{new}"))
    fail(breakers, 3)
    breakers.cool("openai", None, 60, "Rate-limited")
    breakers.recover_now("openai")
    assert heard == ["m:open", f"{WHOLE}:open", "m:closed", f"{WHOLE}:closed"]


def test_the_only_provider_left_is_asked_less_and_less(clock: Clock) -> None:
    """The share let through follows (requests − 2 · accepts) / (requests + 1); a draw below it turns a call away."""
    throttle = Throttle(lambda: 0.5, clock)
    assert [throttle.admits("openai") for _ in range(4)] == [True, True, False, False]
    assert throttle.rejection("openai", clock.now) == pytest.approx(4 / 5)
    for _ in range(2):
        throttle.accepted("openai")
    assert throttle.rejection("openai", clock.now) == 0


def test_one_call_a_second_is_never_turned_away(clock: Clock) -> None:
    """However bad it stands, a person who tries again after a second is let through."""
    throttle = Throttle(lambda: 0.0, clock)
    let_through = []
    for _ in range(40):
        let_through.append(throttle.admits("openai"))
        clock.now += 0.25
    assert let_through == [True, False, False, False] * 10


def test_the_throttle_forgets_after_half_a_minute(clock: Clock) -> None:
    """Old requests say nothing about now."""
    throttle = Throttle(lambda: 0.5, clock)
    for _ in range(20):
        throttle.admits("openai")
    clock.now += 31
    assert throttle.rejection("openai", clock.now) == 0
