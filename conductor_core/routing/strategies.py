"""Strategies: the same candidates in another order. They know only the facts of `Candidate`, and no clock.

Scores are in milliseconds, or in what is worth a millisecond; the lowest wins. Ties go to the first in the list.
A strategy belongs to one router on one thread: it counts its turns and experiments.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import NamedTuple, Protocol

from conductor_core.errors import SettingsError
from conductor_core.kinds import ProviderState
from conductor_core.routing.candidates import Candidate, Job

MS_PER_USD = 200_000.0
"""λ, what a dollar weighs: an hour of waiting is worth 18 dollars, so half a cent weighs as much as a second."""
FAILURE_MS = 10_000.0
"""What a failed answer costs its reader beside the time: noticing it, the pause, and another answer from its start."""
TRUST = 20.0
"""Successes every provider is credited with: a new one is neither perfect nor hopeless, and one failure not the end."""
HOPEFUL, CAREFUL = 0.8, 1.25
"""What share of the others' median time a provider without figures is expected to take: a little less, so that it is
tried; while its first call is still running a little more, so that not all go there at once."""
BLANK_MS = 3_000.0
"""Expected time when nobody has figures; the same for all, so it decides nothing."""
CROWDED = 1.03
"""Scores this close are equal as far as anybody can know: there the load decides, between two drawn at random
(Mitzenmacher, "The power of two choices in randomized load balancing", 2001)."""
CURIOUS_SHARE = 1 / 40
"""At most this share of requests goes to a provider only to see how it does now."""
CURIOUS_SECONDS = 300.0
"""Each time a provider is unseen for so long, half of what spoke against it is doubted."""
RETURN_SHARE = 1 / 5
"""At most this share of requests tries a provider whose breaker lets one call through."""
RETURN_SECONDS = 30.0
"""The same as `CURIOUS_SECONDS` for the failures of such a provider."""
DEAREST = 2.0
"""In `cheapest` an unknown price counts as this multiple of the dearest known one."""


class Ranked(NamedTuple):
    """A candidate in its place. The terms add up to the score.

    Attributes:
        probe: it is first only to see how it does now.
    """

    candidate: Candidate
    score: float
    names: tuple[str, ...]
    values: tuple[float, ...]
    probe: bool = False

    @property
    def terms(self) -> dict[str, float]:
        return dict(zip(self.names, self.values, strict=True))


class Strategy(Protocol):
    """An order of preference.

    Attributes:
        name: as in settings and call rows.
        title: what makes the first one first, for the sentence under an answer.
    """

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    def rank(self, candidates: Sequence[Candidate], job: Job, rng: random.Random) -> list[Ranked]:
        """Best first; nobody is left out."""
        ...


_HALF_LOG_ODDS = math.log(10.0) / 800.0
"""Half the logarithm of the odds that one point of rating is worth."""

_Row = tuple[int, float, int, float, float, float, float]
"""One candidate's tier, score, place in the list, time, cost, risk and quality; plain, for every choice makes and sorts
one per candidate."""


class Weighted:
    """The sum of expected time, price and risk, each with a weight; where models are rated, of their quality too.

    Args:
        weights: of time, cost, risk and quality.
        local_last: the local model comes after every other.
        unknown_price: what an unknown price counts as, given the known ones: their middle does neither good nor harm.
        curious: now and then tries the long unseen.
    """

    names: tuple[str, ...] = ("time", "cost", "risk")
    rated_names = (*names, "quality")

    def __init__(
        self,
        name: str,
        title: str,
        weights: tuple[float, float, float, float],
        *,
        local_last: bool = True,
        unknown_price: Callable[[list[float]], float] = lambda known: median(known),
        curious: bool = True,
    ) -> None:
        self.name = name
        self.title = title
        self._weights = weights
        self._local_last = local_last
        self._unknown_price = unknown_price
        self._curious = curious
        self._curiosity = 0.0
        self._returns = 1.0

    def rank(self, candidates: Sequence[Candidate], job: Job, rng: random.Random) -> list[Ranked]:
        losses = _losses(candidates) if self._weights[3] else None
        rows = self._rows(candidates, job, losses)
        self._spread(rows, candidates, rng)
        probed = self._probe(rows, candidates)
        names, first = self.names, rows[0][2]
        if losses:
            names = self.rated_names
            return [
                Ranked(candidates[place], score, names, (time, cost, risk, quality), probed and place == first)
                for _, score, place, time, cost, risk, quality in rows
            ]
        return [
            Ranked(candidates[place], score, names, (time, cost, risk), probed and place == first)
            for _, score, place, time, cost, risk, _ in rows
        ]

    def _rows(self, candidates: Sequence[Candidate], job: Job, losses: list[float] | None) -> list[_Row]:
        for_time, for_cost, for_risk, for_quality = self._weights
        times, prices = _times(candidates, job), self._prices(candidates, job)
        for_cost, for_risk, for_quality = for_cost * MS_PER_USD, for_risk * FAILURE_MS, for_quality * FAILURE_MS
        rows, recovering, local_last = [], ProviderState.RECOVERING, self._local_last
        for place, candidate in enumerate(candidates):
            time, cost = for_time * times[place], for_cost * prices[place]
            bound = success_bound(candidate.successes, candidate.failures)
            risk = for_risk * (1.0 - bound * (1.0 - candidate.doubt))
            tier = 2 if local_last and candidate.local else 1 if candidate.state is recovering else 0
            quality = for_quality * losses[place] if losses else 0.0
            rows.append((tier, time + cost + risk + quality, place, time, cost, risk, quality))
        rows.sort()
        return rows

    def _prices(self, candidates: Sequence[Candidate], job: Job) -> list[float]:
        prices = [candidate.expected_usd(job) for candidate in candidates]
        known = [price for price in prices if price is not None]
        if len(known) == len(prices):
            return known
        unknown = self._unknown_price(known) if known else 0.0
        return [unknown if price is None else price for price in prices]

    def _spread(self, rows: list[_Row], candidates: Sequence[Candidate], rng: random.Random) -> None:
        """Among equals the less busy of two drawn at random goes first."""
        tier, score = rows[0][0], rows[0][1] * CROWDED
        equals = 1
        while equals < len(rows) and rows[equals][0] == tier and rows[equals][1] <= score:
            equals += 1
        if equals == 1 or not any(candidates[place].in_flight for _, _, place, *_ in rows[:equals]):
            return
        first, second = sorted(rng.sample(range(equals), 2))
        lighter = candidates[rows[second][2]].in_flight < candidates[rows[first][2]].in_flight
        rows.insert(0, rows.pop(second if lighter else first))

    def _probe(self, rows: list[_Row], candidates: Sequence[Candidate]) -> bool:
        """Puts first, now and then, one that may be better than its figures; whether it did."""
        self._curiosity = min(1.0, self._curiosity + CURIOUS_SHARE)
        self._returns = min(1.0, self._returns + RETURN_SHARE)
        returning, curious = self._returns >= 1.0, self._curious and self._curiosity >= 1.0
        if len(rows) == 1 or not (returning or curious):
            return False
        best, found, longest = rows[0], 0, -1.0
        for index, row in enumerate(rows):
            tier, _, place, *_ = row
            if row is best or tier == 2 or not (returning if tier == 1 else curious):
                continue
            candidate = candidates[place]
            idle = math.inf if candidate.idle_s is None else candidate.idle_s
            if not candidate.in_flight and idle > longest and _hoped(row, idle) < best[1]:
                found, longest = index, idle
        if not found:
            return False
        if rows[found][0] == 1:
            self._returns -= 1.0
        else:
            self._curiosity -= 1.0
        rows.insert(0, rows.pop(found))
        return True


class RoundRobin:
    """Everyone in turn: whoever had no turn for longest. The local model only when nobody else is left."""

    name = "round_robin"
    title = "its turn"
    names = ("last turn", "local")

    def __init__(self) -> None:
        self._turns: dict[str, int] = {}

    def rank(self, candidates: Sequence[Candidate], job: Job, rng: random.Random) -> list[Ranked]:
        turn = max(self._turns.values(), default=0) + 1
        found = []
        for candidate in candidates:
            last, local = float(self._turns.get(candidate.provider, 0)), float(turn * candidate.local)
            found.append(Ranked(candidate, last + local, self.names, (last, local)))
        found.sort(key=lambda ranked: ranked.score)
        self._turns[found[0].candidate.provider] = turn
        return found


class Chain:
    """The user's own order; whoever it does not name comes after, as `balanced` orders them."""

    name = "chain"
    title = "first in your order"
    names = ("place",)

    def __init__(self, providers: Sequence[str]) -> None:
        self._places = {name: place for place, name in enumerate(providers)}
        self._others = STRATEGIES["balanced"]()

    def rank(self, candidates: Sequence[Candidate], job: Job, rng: random.Random) -> list[Ranked]:
        ordered = [ranked.candidate for ranked in self._others.rank(candidates, job, rng)]
        beyond = len(self._places)
        ordered.sort(key=lambda candidate: self._places.get(candidate.provider, beyond))
        places = [float(self._places.get(candidate.provider, beyond)) for candidate in ordered]
        return [Ranked(found, place, self.names, (place,)) for found, place in zip(ordered, places, strict=True)]


STRATEGIES: Mapping[str, Callable[[], Strategy]] = MappingProxyType(
    {
        "balanced": lambda: Weighted("balanced", "best balance of time, price and reliability", (1.0, 1.0, 1.0, 1.0)),
        "fastest": lambda: Weighted("fastest", "fastest", (1.0, 0.0, 1.0, 0.0)),
        # Time, risk and votes only decide between equal prices, and keep it off what mostly fails.
        "cheapest": lambda: Weighted(
            "cheapest",
            "cheapest",
            (0.001, 1.0, 0.05, 0.05),
            local_last=False,
            unknown_price=lambda known: DEAREST * max(known),
            curious=False,
        ),
        # Of two that hardly ever fail, the faster: a second weighs as much as 0.2 % of failures.
        "most_reliable": lambda: Weighted("most_reliable", "most reliable", (0.02, 0.0, 1.0, 0.02), curious=False),
        "round_robin": RoundRobin,
    }
)
"""Every strategy by its name; call it to get one of your own, as it counts."""


def strategy_named(name: str) -> Strategy:
    """The strategy of that name, or the fixed order of providers that a comma-separated list gives.

    Raises:
        SettingsError: neither.
    """
    if name in STRATEGIES:
        return STRATEGIES[name]()
    chain = [part.strip() for part in name.split(",") if part.strip()]
    if "," in name and chain:
        return Chain(chain)
    known = ", ".join(STRATEGIES)
    raise SettingsError(f"there is no such strategy. Known: {known}, or your own order of providers, comma-separated.")


def success_bound(successes: float, failures: float) -> float:
    """The share of calls that succeeds at least, as far as the counts can tell.

    Wilson's lower bound (JASA 22, 1927) at one standard deviation, with `TRUST` successes given in advance.
    """
    calls = successes + failures + TRUST
    share = (successes + TRUST) / calls
    half = 0.5 / calls
    return (share + half - math.sqrt(share * (1.0 - share) / calls + half * half)) / (1.0 + 2.0 * half)


def _times(candidates: Sequence[Candidate], job: Job) -> list[float]:
    """Expected times in ms; where there are no figures, from the others' median."""
    times = [candidate.expected_ms(job) for candidate in candidates]
    known = [time for time in times if time is not None]
    if len(known) == len(times):
        return known
    middle = median(known) if known else BLANK_MS
    return [
        middle * (CAREFUL if candidate.in_flight else HOPEFUL) if time is None else time
        for candidate, time in zip(candidates, times, strict=True)
    ]


def _losses(candidates: Sequence[Candidate]) -> list[float] | None:
    """By how much more often than not each one's answer loses to that of the best rated; None where nobody is rated.

    An answer that loses costs its reader as much as one that failed. Who is not rated is taken for the middle.
    """
    ratings = [candidate.quality for candidate in candidates if candidate.quality is not None]
    if not ratings:
        return None
    if len(ratings) < len(candidates):
        middle = median(ratings)
        ratings = [middle if candidate.quality is None else candidate.quality for candidate in candidates]
    best, tanh = max(ratings), math.tanh
    # The Bradley–Terry model: 2p − 1, with 400 points for ten times the odds.
    return [tanh((best - rating) * _HALF_LOG_ODDS) for rating in ratings]


def _hoped(row: _Row, idle: float) -> float:
    """The score a candidate may have by now: what spoke against it halves with the time it was not seen."""
    tier, _, _, time, cost, risk, quality = row
    if tier == 1:
        return time + cost + quality + risk * math.exp2(-idle / RETURN_SECONDS)
    return (time + risk) * math.exp2(-idle / CURIOUS_SECONDS) + cost + quality
