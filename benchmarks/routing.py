"""How well AUTO chooses, and what a choice costs: an event simulation beside simpler rules and a clairvoyant oracle.

    python -m benchmarks.routing [--seeds 5] [--minutes 60] [--rate 0.5]

Every request is one attempt, so that the choice alone is judged. Score = mean time + λ · cost + penalty · failures,
with the constants of `balanced`; the requests before the warm-up are not counted.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.routing_world import (
    SCATTER,
    Answered,
    Ask,
    Course,
    LiteLLM,
    Manner,
    Oracle,
    Ours,
    Rule,
    Simulated,
    World,
    speed_candidates,
)
from conductor_core.kinds import Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.live import LiveMetrics
from conductor_core.metrics.pace import Flight
from conductor_core.routing.candidates import Job, candidates_of
from conductor_core.routing.choice import choose
from conductor_core.routing.strategies import FAILURE_MS, MS_PER_USD, STRATEGIES, strategy_named

WARM_UP = 100
"""Requests."""
PROMPT, ANSWER = 400.0, 300.0
"""Mean tokens."""

ALBA = Manner(400, 160, 0.3, 2.5)
BORA = Manner(600, 130, 0.4, 1.6, failing=0.008)
CORA = Manner(350, 120, 1.0, 5.0, failing=0.005)
DARO = Manner(250, 200, 3.0, 15.0)
EMIL = Manner(800, 90, 0.1, 0.4)
STEADY = {"alba": ALBA, "bora": BORA, "cora": CORA, "daro": DARO, "emil": EMIL}


def scenarios(minutes: float) -> dict[str, dict[str, Course]]:
    """What happens to the best provider, `alba`, in each; times scale with the length of the simulation."""
    minute = minutes  # one sixtieth of the whole, in seconds

    def with_alba(course: Course) -> dict[str, Course]:
        return {name: constant(manner) for name, manner in STEADY.items()} | {"alba": course}

    slow, down = replace(ALBA, ttft_ms=3200, tokens_per_second=40), replace(ALBA, failing=0.9)
    dear, newcomer = replace(ALBA, prompt_usd=2.4, completion_usd=20.0), replace(ALBA, there=False)
    return {
        "steady": with_alba(constant(ALBA)),
        "one slows down": with_alba(lambda at: slow if 15 * minute <= at < 30 * minute else ALBA),
        "one flaps": with_alba(lambda at: down if at % (5 * minute) >= 4 * minute else ALBA),
        "rate limits": with_alba(constant(replace(ALBA, per_minute=20))),
        "price change": with_alba(lambda at: dear if 20 * minute <= at < 40 * minute else ALBA),
        "cold start": with_alba(lambda at: newcomer if at < 20 * minute else ALBA),
    }


def constant(manner: Manner) -> Course:
    return lambda _: manner


@dataclass(frozen=True)
class Result:
    """One rule in one scenario; times in seconds, cost in USD per thousand requests."""

    mean: float
    p95: float
    success: float
    cost: float

    @property
    def score(self) -> float:
        return self.mean + MS_PER_USD / 1e3 * self.cost / 1e3 + FAILURE_MS / 1e3 * (1 - self.success)


def requests(seed: int, seconds: float, rate: float) -> list[Ask]:
    """The same requests with the same luck for every rule."""
    rng, at, asks = random.Random(seed), 0.0, []
    while (at := at + rng.expovariate(rate)) < seconds:
        prompt, answer = (rng.lognormvariate(math.log(mean) - 0.18, 0.6) for mean in (PROMPT, ANSWER))
        luck = {name: (rng.lognormvariate(0, SCATTER), rng.lognormvariate(0, SCATTER), rng.random()) for name in STEADY}
        asks.append(Ask(at, max(1, round(prompt)), max(4, min(1000, round(answer))), luck))
    return asks


def simulate(
    make: Callable[[World, list[Simulated], LiveMetrics], Rule], courses: dict[str, Course], asks: list[Ask]
) -> Result:
    world = World(courses)
    live = LiveMetrics(lambda: world.now, lambda: 1.8e9 + world.now)
    rule = make(world, [Simulated(name, course, lambda: world.now) for name, course in courses.items()], live)
    events: list[tuple[float, int, int, Answered | None, Flight | None]] = [
        (ask.at, index, 0, None, None) for index, ask in enumerate(asks)
    ]
    heapq.heapify(events)
    ended: list[Answered] = []
    while events:
        world.now, index, _, answered, flight = heapq.heappop(events)
        if answered is None or flight is None:
            name = rule.choose(asks[index])
            flight, answered = live.begin(name, "m"), world.answer(name, asks[index])
            if answered.ttft_ms is not None:
                heapq.heappush(events, (world.now + answered.ttft_ms / 1e3, index, 1, answered, flight))
            heapq.heappush(events, (world.now + answered.latency_ms / 1e3, index, 2, answered, flight))
        elif _ == 1:
            flight.spoke()
        else:
            flight.end()
            call = call_of(answered)
            live.record(call)
            rule.ended(answered, call)
            ended.append(answered)
    return result_of(sorted(ended, key=lambda answered: answered.ask.at)[WARM_UP:])


def call_of(answered: Answered) -> Call:
    ask = answered.ask
    call = Call("", "", 0, Source.API, None, None, answered.provider, "m", None, None, None, int(ask.at * 1000))
    call.latency_ms, call.ttft_ms, call.outcome = answered.latency_ms, answered.ttft_ms, answered.outcome
    if answered.outcome is Outcome.OK:
        call.prompt_tokens, call.completion_tokens, call.cost_usd = ask.prompt, ask.completion, answered.usd
    return call


def result_of(answers: Sequence[Answered]) -> Result:
    times = sorted(answered.latency_ms / 1e3 for answered in answers)
    succeeded = sum(answered.outcome is Outcome.OK for answered in answers)
    cost = sum(answered.usd for answered in answers) / len(answers) * 1e3
    return Result(statistics.fmean(times), times[int(len(times) * 0.95)], succeeded / len(answers), cost)


def makers(seed: int) -> dict[str, Callable[[World, list[Simulated], LiveMetrics], Rule]]:
    """Every rule, the oracle first."""
    found: dict[str, Callable[[World, list[Simulated], LiveMetrics], Rule]] = {
        "oracle": lambda world, _, __: Oracle(world, ANSWER)
    }

    def ours(name: str) -> Callable[[World, list[Simulated], LiveMetrics], Rule]:
        return lambda world, providers, live: Ours(name, world, providers, live, random.Random(seed))

    def theirs(name: str) -> Callable[[World, list[Simulated], LiveMetrics], Rule]:
        return lambda world, _, __: LiteLLM(name, world, random.Random(seed))

    found |= {name: ours(name) for name in (*STRATEGIES, "random")}
    return found | {name: theirs(name) for name in ("simple-shuffle", "latency-based-routing")}


def mean_of(results: list[Result]) -> Result:
    """The mean over the seeds."""
    rows = [(found.mean, found.p95, found.success, found.cost) for found in results]
    return Result(*(statistics.fmean(column) for column in zip(*rows, strict=True)))


def quality(seeds: int, minutes: float, rate: float) -> bool:
    """Prints the table; whether balanced met its targets."""
    met = True
    for title, courses in scenarios(minutes).items():
        results: dict[str, list[Result]] = {}
        for seed in range(seeds):
            asks = requests(seed, 60 * minutes, rate)
            for name, make in makers(seed).items():
                results.setdefault(name, []).append(simulate(make, courses, asks))
        means = {name: mean_of(found) for name, found in results.items()}
        best = min(found.score for name, found in means.items() if name not in ("oracle", "balanced"))
        over_oracle = means["balanced"].score / means["oracle"].score - 1
        over_best = means["balanced"].score / best - 1
        met = met and over_oracle <= 0.15 and over_best <= 0.02
        print(f"{title}: balanced {over_oracle:+.1%} of the oracle (at most +15 %), {over_best:+.1%} of the best other")
        print(f"  {'rule':22}{'score s':>9}{'mean s':>9}{'p95 s':>8}{'success':>9}{'$/1000':>8}")
        for name, found in means.items():
            print(
                f"  {name:22}{found.score:9.2f}{found.mean:9.2f}{found.p95:8.2f}{found.success:9.1%}{found.cost:8.2f}"
            )
    return met


def choosing(count: int = 20, rounds: int = 2000) -> None:
    """Prints the time of one choice among `count`: the ranking alone, and with gathering the facts."""
    candidates, job, rng = speed_candidates(count), Job(400, 300), random.Random(1)
    live = LiveMetrics()
    providers = [Simulated(c.provider, constant(ALBA), lambda: 0.0) for c in candidates]
    answered = Answered(Ask(0, 400, 300, {}), "", Outcome.OK, 300.0, 2000.0, 0.001)
    for _ in range(20):
        for provider in providers:
            live.record(call_of(replace(answered, provider=provider.name)))
    for name in STRATEGIES:
        took = timed(partial(choose, strategy_named(name), candidates, job, rng), rounds)
        print(f"choosing among {count}, {name}: {took:.1f} µs; target under 50")
    rated = [candidate._replace(quality=900.0 + 10 * place) for place, candidate in enumerate(candidates)]
    took = timed(partial(choose, strategy_named("balanced"), rated, job, rng), rounds)
    print(f"choosing among {count}, balanced, going by votes: {took:.1f} µs; target under 50")
    gathering = timed(lambda: candidates_of(providers, live, 400), rounds)
    call = call_of(replace(answered, provider="custom:p1"))
    recording = timed(lambda: live.record(call), rounds)
    print(
        f"gathering the facts of {count}: {gathering:.1f} µs; taking in a call: {recording:.1f} µs; target at most 10"
    )


def timed(act: Callable[[], object], rounds: int) -> float:
    """Microseconds of CPU per act: the median of ten runs."""
    runs = []
    for _ in range(10):
        started = time.process_time_ns()
        for _ in range(rounds // 10):
            act()
        runs.append((time.process_time_ns() - started) / (rounds // 10) / 1e3)
    return statistics.median(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=0.5, help="requests per second")
    options = parser.parse_args()
    choosing()
    met = quality(options.seeds, options.minutes, options.rate)
    print("targets met" if met else "targets MISSED")


if __name__ == "__main__":
    main()
