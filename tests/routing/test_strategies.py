"""The strategies: what each prefers, and what none of them ever does."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.errors import SettingsError
from conductor_core.routing.candidates import Candidate, Job
from conductor_core.routing.strategies import (
    CURIOUS_SHARE,
    FAILURE_MS,
    MS_PER_USD,
    RETURN_SHARE,
    STRATEGIES,
    Chain,
    RoundRobin,
    Strategy,
    strategy_named,
    success_bound,
)
from tests.routing.candidates import JOB, known, new

SCORED = ("balanced", "fastest", "cheapest", "most_reliable")


def order(strategy: str | Strategy, *candidates: Candidate, job: Job = JOB) -> list[str]:
    chosen = strategy_named(strategy) if isinstance(strategy, str) else strategy
    return [ranked.candidate.provider for ranked in chosen.rank(candidates, job, random.Random(1))]


maybe_price = st.one_of(st.none(), st.floats(0, 1e-4))
facts = st.fixed_dictionaries(
    {
        "ttft_ms": st.one_of(st.none(), st.floats(1, 20_000)),
        "tokens_per_second": st.one_of(st.none(), st.floats(1, 500)),
        "successes": st.floats(0, 100),
        "failures": st.floats(0, 100),
        "prompt_price": maybe_price,
        "completion_price": maybe_price,
        "in_flight": st.integers(0, 5),
        "idle_s": st.one_of(st.none(), st.floats(0, 1e5)),
        "local": st.booleans(),
        "waiting_ms": st.floats(0, 1e5),
        "doubt": st.floats(0, 0.9),
        "state": st.sampled_from(["healthy", "degraded", "recovering", "unknown"]),
        "quality": st.one_of(st.none(), st.floats(0, 2000)),
    }
)
worlds = st.lists(facts, min_size=1, max_size=6)
names = st.sampled_from([*STRATEGIES, "p2,p0"])


def candidates(world: list[dict[str, Any]], prefix: str = "p") -> list[Candidate]:
    return [known(f"{prefix}{place}", **found) for place, found in enumerate(world)]


@given(worlds, names, st.integers(0, 2**32))
def test_everyone_is_ranked_once_and_terms_add_up(world: list[dict[str, Any]], name: str, seed: int) -> None:
    """Nobody is lost or doubled, and a receipt can show where each score comes from."""
    ranked = strategy_named(name).rank(candidates(world), JOB, random.Random(seed))
    assert sorted(found.candidate.provider for found in ranked) == [f"p{n}" for n in range(len(world))]
    for found in ranked:
        assert sum(found.terms.values()) == pytest.approx(found.score)


@given(worlds, st.sampled_from(list(STRATEGIES)), st.integers(0, 2**32))
def test_names_do_not_matter(world: list[dict[str, Any]], name: str, seed: int) -> None:
    """The same facts in the same places give the same order, whatever the providers are called."""
    first, second = (
        [found.candidate.provider[1:] for found in strategy_named(name).rank(found_in, JOB, random.Random(seed))]
        for found_in in (candidates(world), candidates(world, "z"))
    )
    assert first == second


@given(
    st.sampled_from(SCORED),
    st.floats(1, 5000),
    st.floats(1, 300),
    st.floats(0, 100),
    st.floats(0, 20),
    st.floats(0, 1e-5),
    st.floats(1.05, 4),
)
def test_who_is_worse_in_everything_never_wins(
    name: str, ttft: float, pace: float, successes: float, failures: float, price: float, worse: float
) -> None:
    """Slower, dearer and less reliable at once is never preferred; nobody being curious, as both were just seen."""
    better: dict[str, Any] = {"ttft_ms": ttft, "tokens_per_second": pace, "successes": successes, "failures": failures}
    good = known("good", **better, prompt_price=price, completion_price=price)
    bad = known(
        "bad",
        ttft_ms=ttft * worse,
        tokens_per_second=pace / worse,
        successes=successes,
        failures=failures + worse,
        prompt_price=price * worse + 1e-9,
        completion_price=price * worse + 1e-9,
    )
    assert order(name, bad, good)[0] == "good"


@given(worlds, st.sampled_from(SCORED), st.integers(0, 2**32))
def test_without_ratings_nothing_changes(world: list[dict[str, Any]], name: str, seed: int) -> None:
    """No term, and scores as if there were no votes; equal ratings change no score either."""
    bare = [facts | {"quality": None} for facts in world]
    equal = [facts | {"quality": 1000.0} for facts in world]
    first, second = (strategy_named(name).rank(candidates(found), JOB, random.Random(seed)) for found in (bare, equal))
    assert all(found.names == ("time", "cost", "risk") for found in first)
    assert [(found.candidate.provider, found.score) for found in first] == [
        (found.candidate.provider, found.score) for found in second
    ]


def test_a_better_model_is_worth_waiting_for() -> None:
    """400 points are ten answers to one: 0.82 of a failure in `balanced`, nothing in `fastest`."""
    better, worse = known("better", quality=1200.0, ttft_ms=3_000.0), known("worse", quality=800.0)
    assert order("balanced", worse, better) == ["better", "worse"]
    assert order("fastest", worse, better) == ["worse", "better"]
    found = strategy_named("balanced").rank([better, worse], JOB, random.Random(1))
    assert found[0].terms["quality"] == 0.0
    assert found[1].terms["quality"] == pytest.approx(FAILURE_MS * 9 / 11)


def test_who_is_not_rated_is_taken_for_the_middle() -> None:
    """Neither good nor harm, as with an unknown price."""
    found = strategy_named("balanced").rank(
        [known("a", quality=1100.0), known("b", quality=900.0), known("c")], JOB, random.Random(1)
    )
    terms = {ranked.candidate.provider: ranked.terms["quality"] for ranked in found}
    assert terms["a"] == 0.0 < terms["c"] < terms["b"]


def test_balanced_counts_milliseconds_dollars_and_failures_in_one_currency() -> None:
    """The score is time plus λ times price plus the penalty times the share that may fail."""
    found = strategy_named("balanced").rank([known("a", doubt=0.5)], JOB, random.Random(1))[0]
    assert found.terms == {
        "time": pytest.approx(500 + 300 / 100 * 1000),
        "cost": pytest.approx(MS_PER_USD * (400 * 1e-6 + 300 * 4e-6)),
        "risk": pytest.approx(FAILURE_MS * (1 - success_bound(40, 0) * 0.5)),
    }


def test_the_size_of_the_answer_decides_who_is_faster() -> None:
    """Soon to begin wins short answers, fast to write wins long ones."""
    prompt, steady = known("prompt", ttft_ms=200.0, tokens_per_second=50.0), known("steady", ttft_ms=900.0)
    assert order("fastest", steady, prompt, job=Job(400, 20))[0] == "prompt"
    assert order("fastest", steady, prompt, job=Job(400, 1000))[0] == "steady"


def test_who_hangs_now_is_expected_to_hang_on() -> None:
    """A call that has waited 20 s for its first token says more than the average of those before it."""
    assert order("balanced", known("stuck", waiting_ms=20_000.0, in_flight=1), known("slower", ttft_ms=900.0)) == [
        "slower",
        "stuck",
    ]


@pytest.mark.parametrize("name", SCORED)
def test_an_unknown_time_is_never_taken_for_none(name: str) -> None:
    """Without figures a provider counts as a little faster than the middle of the others, not as instant."""
    fast, slow = known("fast", ttft_ms=100.0, tokens_per_second=400.0), known("slow", ttft_ms=3000.0)
    assert order(name, new("new"), slow, fast)[0] == "fast"


def test_a_new_one_gets_its_first_call_alone() -> None:
    """It is tried before equals, but while its first call runs no second one goes there."""
    assert order("fastest", known("old", successes=0.0), new("new"))[0] == "new"
    assert order("fastest", known("old", successes=0.0), new("new", in_flight=1))[0] == "old"


def test_an_unknown_price_is_the_dearest_for_cheapest_and_neutral_for_balanced() -> None:
    """Cheapest may not gamble; balanced takes the middle of the known prices, neither good nor bad."""
    cheap, dear = known("cheap"), known("dear", completion_price=2e-5)
    unknown = known("unknown", prompt_price=None)
    assert order("cheapest", unknown, dear, cheap) == ["cheap", "dear", "unknown"]
    assert order("balanced", unknown, dear, cheap) == ["cheap", "unknown", "dear"]


def test_cheapest_goes_by_price_and_then_by_time() -> None:
    """A tenth of a cent outweighs seconds; equal prices leave it to the time."""
    slow, dearer = known("slow", ttft_ms=9000.0), known("dearer", completion_price=8e-6)
    assert order("cheapest", dearer, slow)[0] == "slow"
    assert order("cheapest", slow, known("quick"))[0] == "quick"


def test_most_reliable_goes_by_what_is_sure() -> None:
    """Many successes outweigh few, and both outweigh speed."""
    assert order("most_reliable", known("quick", successes=1.0, ttft_ms=50.0), known("proven", successes=99.0)) == [
        "proven",
        "quick",
    ]


@pytest.mark.parametrize("name", ["balanced", "fastest", "most_reliable", "round_robin"])
def test_the_local_model_comes_last(name: str) -> None:
    """It is a demonstration: only `cheapest` takes it before a paid one."""
    local = known("local", ttft_ms=1.0, tokens_per_second=500.0, prompt_price=0.0, completion_price=0.0, local=True)
    slow = known("slow", ttft_ms=9000.0, failures=20.0)
    assert order(name, local, slow) == ["slow", "local"]
    assert order(name, local) == ["local"]
    assert order("cheapest", slow, local)[0] == "local"


def test_a_fault_of_a_moment_ago_weighs_more_than_the_average() -> None:
    """Faults come in bursts: with the same counts, whoever failed last is left for the equal next to it."""
    assert order("balanced", known("failed", failures=1.0, doubt=0.25), known("steady", failures=1.0))[0] == "steady"


def test_among_equals_the_less_busy_is_preferred() -> None:
    """Two are drawn and the lighter taken: the busiest of three equals never wins, the others share."""
    rng, strategy = random.Random(3), strategy_named("balanced")
    crowd = [known("busy", in_flight=9), known("calm", in_flight=1), known("idle", in_flight=1)]
    wins = [strategy.rank(crowd, JOB, rng)[0].candidate.provider for _ in range(60)]
    assert "busy" not in wins
    assert {"calm", "idle"} <= set(wins)


@given(st.integers(1, 400), st.lists(st.one_of(st.none(), st.floats(0, 1e6)), min_size=2, max_size=6))
def test_curiosity_keeps_to_its_share(requests: int, idles: list[float | None]) -> None:
    """However many are new or long unseen, at most one request in forty goes to one only to see how it does."""
    strategy = strategy_named("balanced")
    crowd = [known("best", ttft_ms=1.0), *(known(f"p{n}", idle_s=idle) for n, idle in enumerate(idles))]
    probes = sum(strategy.rank(crowd, JOB, random.Random(1))[0].probe for _ in range(requests))
    assert probes <= requests * CURIOUS_SHARE


def test_the_long_unseen_is_tried_in_the_end_and_the_hopeless_is_not() -> None:
    """Time heals a bad figure, but not a price at which it could not win at its best."""
    crowd = [known("best"), known("slow", ttft_ms=15_000.0, idle_s=3600.0), known("dear", completion_price=1e-3)]
    strategy = strategy_named("balanced")
    wins = [strategy.rank(crowd, JOB, random.Random(1))[0] for _ in range(100)]
    assert [found.candidate.provider for found in wins if found.probe] == ["slow"] * 2
    assert {found.candidate.provider for found in wins if not found.probe} == {"best"}


@pytest.mark.parametrize("name", SCORED)
def test_a_returning_provider_is_tried_again_soon_but_seldom(name: str) -> None:
    """One call decides whether its breaker closes: it is made when it would win, at most one request in five."""
    strategy = strategy_named(name)
    back = known("back", "recovering", failures=3.0, doubt=0.1, ttft_ms=100.0, completion_price=1e-6, idle_s=400.0)
    crowd = [known("other", successes=0.0, failures=1.0), back]
    wins = [strategy.rank(crowd, JOB, random.Random(1))[0].probe for _ in range(100)]
    assert wins[0]
    assert sum(wins) <= 100 * RETURN_SHARE + 1


def test_round_robin_gives_everyone_a_turn() -> None:
    """In the list's order, and who comes back after a pause gets one turn, not all it missed."""
    strategy = RoundRobin()
    a, b, c = known("a"), known("b"), known("c")
    assert [order(strategy, a, b, c)[0] for _ in range(4)] == ["a", "b", "c", "a"]
    assert [order(strategy, a, c)[0] for _ in range(3)] == ["c", "a", "c"]
    assert [order(strategy, a, b, c)[0] for _ in range(3)] == ["b", "a", "c"]


def test_a_chain_keeps_its_order_and_others_come_after() -> None:
    """The user's order counts, not the figures; whoever it leaves out is the last resort."""
    slow, fast, other = known("slow", ttft_ms=9000.0), known("fast"), known("other", ttft_ms=1.0)
    assert order(Chain(["slow", "fast"]), other, fast, slow) == ["slow", "fast", "other"]
    assert order("slow, fast", other, fast, slow) == ["slow", "fast", "other"]


def test_an_unknown_strategy_is_told_with_the_known() -> None:
    """The sentence lists what can be set instead."""
    with pytest.raises(SettingsError, match="balanced, fastest, cheapest, most_reliable, round_robin"):
        strategy_named("best")


@given(st.floats(0, 500), st.floats(0, 500))
def test_the_bound_is_a_share_that_falls_with_failures_and_rises_with_successes(won: float, lost: float) -> None:
    """Between 0 and 1, below the plain share, and in the right direction."""
    bound = success_bound(won, lost)
    assert 0 <= bound <= (won + 20) / (won + lost + 20) + 1e-12
    assert success_bound(won + 1, lost) >= bound >= success_bound(won, lost + 1)
