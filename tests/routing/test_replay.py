"""Replay: what another strategy would have done with calls that happened."""

from __future__ import annotations

import random
from dataclasses import replace
from secrets import token_hex

import pytest

from conductor_core.errors import SettingsError
from conductor_core.kinds import CostKind, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.routing.replay import replay

START = 1_790_000_000_000
CALL = Call("", "", 0, Source.CHAT, None, None, "slow", "m", None, None, None, START)


def answered(provider: str, second: float, seconds: float = 2.0, usd: float | None = 0.001, tokens: int = 100) -> Call:
    """A call that answered; a tenth of its time went by before the first token."""
    return replace(
        CALL,
        id=token_hex(16),
        provider=provider,
        started_at=START + round(second * 1000),
        latency_ms=seconds * 1000,
        ttft_ms=seconds * 100,
        prompt_tokens=100,
        completion_tokens=tokens,
        cost_usd=usd,
        cost_kind=CostKind.UNKNOWN if usd is None else CostKind.REPORTED,
        outcome=Outcome.OK,
    )


def failed(provider: str, second: float) -> Call:
    unanswered = answered(provider, second, 1.0, 0.0, 0)
    return replace(unanswered, outcome=Outcome.SERVER_ERROR, ttft_ms=None, completion_tokens=None)


def turns(calls: int = 40) -> list[Call]:
    """Two providers in turn: one twice as slow and half as dear."""
    return [
        answered("slow", n * 10, 4.0, 0.001) if n % 2 else answered("fast", n * 10, 2.0, 0.002) for n in range(calls)
    ]


def test_fastest_moves_the_slow_ones_calls() -> None:
    """What stays counts as it was; what moves, as the other's calls of that time were."""
    found = replay(turns(), "fastest", last=20)
    assert (found.calls, found.changed, found.left_out) == (20, 10, 0)
    assert found.shares == {"fast": 20}
    assert found.happened.latency_ms == pytest.approx(3000.0)
    assert found.expected.latency_ms == pytest.approx(2000.0)
    assert found.happened.cost_usd == pytest.approx(0.0015)
    assert found.expected.cost_usd == pytest.approx(0.002)
    assert found.expected.success_rate == 1.0


def test_cheapest_goes_the_other_way() -> None:
    """The same rows, another answer."""
    found = replay(turns(), "cheapest", last=20)
    assert found.shares == {"slow": 20}
    assert found.expected.latency_ms == pytest.approx(4000.0)
    assert found.expected.cost_usd == pytest.approx(0.001)


def test_a_longer_answer_is_expected_to_take_longer_elsewhere_too() -> None:
    """Times are scaled to the answer that was given: the pace is the provider's, the length is the question's."""
    calls = [*turns(), answered("slow", 401, 8.0, 0.002, tokens=400)]
    found = replay(calls, "fastest", last=1)
    assert found.changed == 1
    assert found.expected.latency_ms == pytest.approx(200 + 1800 * 4)


def test_a_strategy_only_knows_what_had_ended() -> None:
    """Calls that left together can't learn from each other's failures; those that left later do."""
    before = [answered(name, n * 10, 1.0 if name == "fast" else 4.0) for n in range(10) for name in ("fast", "slow")]
    fails = [failed("fast", 101) for _ in range(3)]
    after = [answered("slow", 110 + n, 0.5) for n in range(3)]
    found = replay([*before, *fails, *after], "fastest", last=6)
    assert found.shares == {"fast": 3, "slow": 3}
    assert found.happened.success_rate == found.expected.success_rate == 0.5


def test_whoever_was_not_called_near_that_time_is_no_choice() -> None:
    """An hour later nobody knows how the other one would have done: the call is left out, and that is said."""
    lonely = [answered("slow", 7200 + n) for n in range(3)]
    found = replay([*turns(), *lonely], "fastest", last=5)
    assert (found.calls, found.left_out) == (2, 3)
    assert found.caveat.endswith("3 calls are left out, with no other provider's calls near them.")


def test_an_unknown_cost_stays_unknown() -> None:
    """It is left out of the mean, and the number of known ones is told."""
    calls = [answered("slow", n * 10, 4.0, None) if n % 2 else answered("fast", n * 10) for n in range(20)]
    found = replay(calls, "fastest", last=10)
    assert (found.happened.priced, found.expected.priced) == (5, 10)
    found = replay([answered(name, n, 2.0, None) for n in range(5) for name in "ab"], "cheapest")
    assert (found.happened.cost_usd, found.expected.cost_usd) == (None, None)


def test_retries_and_neutral_ends_are_not_replayed() -> None:
    """Only first attempts were a choice, and a Stop says nothing; later attempts still teach."""
    calls = turns(20)
    calls.append(replace(answered("slow", 201), attempt=1))
    calls.append(replace(answered("slow", 202), outcome=Outcome.CANCELLED))
    assert replay(calls, "fastest").calls == 20


def test_the_same_rows_give_the_same_replay_in_any_order() -> None:
    """It is arithmetic on the rows: nothing else goes in, and they are left as they were."""
    calls = turns()
    copies = [replace(call) for call in calls]
    first = replay(calls, "balanced")
    random.Random(4).shuffle(calls)
    assert replay(calls, "balanced") == first
    assert sorted(calls, key=lambda call: call.started_at) == copies


@pytest.mark.parametrize("calls", [[], [answered("slow", 1.0)], [replace(CALL)]])
def test_nothing_to_replay_is_said_so(calls: list[Call]) -> None:
    """No mean is made of nothing."""
    found = replay(calls, "balanced")
    assert (found.calls, found.happened.latency_ms, found.expected.success_rate) == (0, None, None)
    assert found.caveat.startswith("Nothing to replay")


def test_an_unknown_strategy_is_refused() -> None:
    """As in settings."""
    with pytest.raises(SettingsError):
        replay([], "best")
