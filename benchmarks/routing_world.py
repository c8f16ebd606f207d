"""A seeded world of providers for `benchmarks.routing`: what each would do at any second, and the rules that choose.

Conductor's own rules are the real strategies on the real live figures, with the world's clock; beside them stand
chance, turns, LiteLLM's published rules, and an oracle that knows each provider's distribution of the moment.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

from conductor_core.kinds import Outcome
from conductor_core.metrics.call import Call
from conductor_core.metrics.live import LiveMetrics, Standing
from conductor_core.prompt import Prompt
from conductor_core.providers import BaseProvider, Chunk, Completion, Endpoint, Vendor
from conductor_core.routing.breaker import Breakers
from conductor_core.routing.candidates import Candidate, Job, candidates_of
from conductor_core.routing.choice import choose
from conductor_core.routing.gateway import Gateway
from conductor_core.routing.strategies import FAILURE_MS, MS_PER_USD, strategy_named

SCATTER = 0.35
"""Standard deviation of the logarithm of times: the 95th percentile is 1.8 times the median."""
MEAN_OF_SCATTER = math.exp(SCATTER * SCATTER / 2)


@dataclass(frozen=True)
class Manner:
    """What a provider is like at one moment. Prices in USD per million tokens; `per_minute`: its rate limit."""

    ttft_ms: float
    tokens_per_second: float
    prompt_usd: float
    completion_usd: float
    failing: float = 0.01
    failing_ms: float = 1000.0
    per_minute: int | None = None
    there: bool = True

    def expected_ms(self, tokens: float) -> float:
        return (self.ttft_ms + tokens / self.tokens_per_second * 1000) * MEAN_OF_SCATTER

    def usd(self, prompt: float, completion: float) -> float:
        return (prompt * self.prompt_usd + completion * self.completion_usd) / 1e6

    def score(self, prompt: float, tokens: float) -> float:
        """The expectation a clairvoyant goes by, in balanced's own currency."""
        well = self.expected_ms(tokens) + MS_PER_USD * self.usd(prompt, tokens)
        return (1 - self.failing) * well + self.failing * (self.failing_ms + FAILURE_MS)


Course = Callable[[float], Manner]
"""What a provider is like at a second of the scenario."""

LIMITED = Outcome.RATE_LIMITED


@dataclass
class Ask:
    """One request: when it comes, how long prompt and answer are, and everyone's luck with it."""

    at: float
    prompt: int
    completion: int
    luck: dict[str, tuple[float, float, float]]


@dataclass
class Answered:
    """What came of a request."""

    ask: Ask
    provider: str
    outcome: Outcome
    ttft_ms: float | None
    latency_ms: float
    usd: float
    retry_after: float | None = None


class Simulated(BaseProvider):
    """A provider as far as choosing needs one: it has a name, prices and a window, and can't be called."""

    def __init__(self, name: str, course: Course, clock: Callable[[], float]) -> None:
        super().__init__(Vendor(name, name.title(), "simulated", default_model="m"), Endpoint("http://simulated"))
        self._course = course
        self._clock = clock

    def token_prices(self, prompt_tokens: int, model: str | None = None) -> tuple[float, float] | None:
        manner = self._course(self._clock())
        return manner.prompt_usd / 1e6, manner.completion_usd / 1e6

    async def chat_completion(self, prompt: Prompt) -> Completion:
        raise NotImplementedError

    async def stream_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        raise NotImplementedError
        yield Chunk()

    async def get_available_models(self) -> list[str]:
        return ["m"]


class World:
    """Providers and their rate limits at the current second."""

    def __init__(self, courses: dict[str, Course]) -> None:
        self.now = 0.0
        self._courses = courses
        self._used: dict[str, tuple[int, int]] = {}

    def there(self) -> list[str]:
        return [name for name in self._courses if self.manner(name).there]

    def manner(self, name: str) -> Manner:
        """What a provider is like now; with its allowance used up it does nothing but refuse."""
        manner = self._courses[name](self.now)
        if manner.per_minute is None:
            return manner
        minute, used = self._used.get(name, (0, 0))
        if minute == int(self.now // 60) and used >= manner.per_minute:
            return replace(manner, failing=1.0, failing_ms=150.0)
        return manner

    def answer(self, name: str, ask: Ask) -> Answered:
        manner = self.manner(name)
        early, late, fate = ask.luck[name]
        if fate < manner.failing:
            limited = manner.per_minute is not None and manner.failing == 1.0
            kind, wait = (LIMITED, 60.0 - self.now % 60) if limited else (Outcome.SERVER_ERROR, None)
            return Answered(ask, name, kind, None, manner.failing_ms, 0.0, wait)
        if manner.per_minute is not None:
            minute = int(self.now // 60)
            last, used = self._used.get(name, (minute, 0))
            self._used[name] = (minute, used + 1 if last == minute else 1)
        ttft = manner.ttft_ms * early
        writing = ask.completion / manner.tokens_per_second * 1000 * late
        return Answered(ask, name, Outcome.OK, ttft, ttft + writing, manner.usd(ask.prompt, ask.completion))


class Rule(Protocol):
    """Chooses a provider for a request, and is told what came of it."""

    name: str

    def choose(self, ask: Ask) -> str: ...

    def ended(self, answered: Answered, call: Call) -> None: ...


@dataclass
class Oracle:
    """Knows what everyone is like now, and how long answers are on the average; not how the dice will fall."""

    world: World
    completion: float
    name: str = "oracle"

    def choose(self, ask: Ask) -> str:
        return min(self.world.there(), key=lambda name: self.world.manner(name).score(ask.prompt, self.completion))

    def ended(self, answered: Answered, call: Call) -> None:
        """It has nothing to learn."""


class Ours:
    """One of Conductor's strategies behind its real filters and breakers, or chance behind them (`random`)."""

    def __init__(
        self, name: str, world: World, providers: Sequence[Simulated], live: LiveMetrics, rng: random.Random
    ) -> None:
        self.name = name
        self._world, self._providers, self.live, self._random = world, providers, live, rng
        self._strategy = strategy_named("balanced" if name == "random" else name)
        self.breakers = Breakers(monotonic=lambda: world.now, wall=lambda: world.now)

    def choose(self, ask: Ask) -> str:
        there = set(self._world.there())
        usual = round(self.live.answer_tokens or 300)
        offered = [provider for provider in self._providers if provider.name in there]
        found = candidates_of(offered, self.live, ask.prompt, self._standing)
        order = list(choose(self._strategy, found, Job(ask.prompt, usual), self._random).order)
        if self.name == "random":
            self._random.shuffle(order)
        admitted = (c.provider for c in order if self.breakers.allow(c.provider, "m"))
        return next(admitted, order[0].provider)

    def _standing(self, provider: str, model: str | None) -> Standing:
        return Gateway.standing(cast(Gateway, self), provider, model)  # which only needs `breakers` and `live`

    def ended(self, answered: Answered, call: Call) -> None:
        """The live figures have it already; a refusal with a time cools the provider down, as in a request."""
        self.breakers.record(call)
        if answered.retry_after is not None:
            self.breakers.cool(answered.provider, None, answered.retry_after, "It is rate-limited")


@dataclass
class _Deployment:
    """What LiteLLM remembers of one deployment."""

    samples: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=10))
    recent: deque[tuple[float, bool]] = field(default_factory=deque)
    cooled_until: float = 0.0


class LiteLLM:
    """Its published rules: uniform chance, or the lowest mean of ten times at most an hour old (none counts as zero).

    Cooldowns as documented: at once on 429 for Retry-After, and for 5 s when over half of a minute's calls (at least
    five) failed; when everyone is cooling down, nobody is. Of the ten samples the newest ten are kept.
    """

    def __init__(self, name: str, world: World, rng: random.Random) -> None:
        self.name = name
        self._world, self._random = world, rng
        self._known: dict[str, _Deployment] = {}

    def choose(self, ask: Ask) -> str:
        there = self._world.there()
        usable = [name for name in there if self._of(name).cooled_until <= self._world.now] or there
        self._random.shuffle(usable)
        return usable[0] if self.name == "simple-shuffle" else min(usable, key=self._mean)

    def ended(self, answered: Answered, call: Call) -> None:
        deployment, now = self._of(answered.provider), self._world.now
        failed = answered.outcome is not Outcome.OK
        deployment.recent.append((now, failed))
        while now - deployment.recent[0][0] > 60:
            deployment.recent.popleft()
        failures = sum(failed for _, failed in deployment.recent)
        if answered.retry_after is not None:
            deployment.cooled_until = now + answered.retry_after
        elif failed and len(deployment.recent) >= 5 and failures > len(deployment.recent) / 2:
            deployment.cooled_until = now + 5
        if not failed:
            deployment.samples.append((now, answered.latency_ms))

    def _of(self, name: str) -> _Deployment:
        return self._known.setdefault(name, _Deployment())

    def _mean(self, name: str) -> float:
        times = [time for at, time in self._of(name).samples if self._world.now - at <= 3600]
        return sum(times) / len(times) if times else 0.0


def speed_candidates(count: int) -> list[Candidate]:
    """Candidates with every fact known, for timing a choice."""
    from conductor_core.kinds import ProviderState

    rng = random.Random(5)
    return [
        Candidate(
            f"custom:p{n}",
            f"P{n}",
            "m",
            ProviderState.HEALTHY,
            "20 of the last 20 calls succeeded.",
            rng.uniform(200, 900),
            rng.uniform(40, 200),
            50.0,
            1.0,
            rng.uniform(1e-7, 3e-6),
            rng.uniform(1e-6, 1e-5),
            128_000,
            n % 3,
            rng.uniform(0, 600),
        )
        for n in range(count)
    ]
