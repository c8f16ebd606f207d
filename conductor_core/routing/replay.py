"""Replay: the last calls routed once more under another strategy, beside what happened.

A strategy sees at each call what it would have seen then: the live figures of the calls that had ended by that time.
What another provider would have done nobody knows; it is taken from its calls near that time, before and after, and a
provider without any is not considered. Pure arithmetic over call rows.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from conductor_core.kinds import FAILURES, SUCCESSES, CostKind
from conductor_core.metrics.call import Call
from conductor_core.metrics.live import LiveMetrics
from conductor_core.metrics.pace import Facts
from conductor_core.routing.candidates import Candidate, Job
from conductor_core.routing.choice import choose
from conductor_core.routing.strategies import strategy_named

NEAR_SECONDS = 1800.0
"""A call says something about another provider's answer within this time of it, before or after."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Means over replayed calls; None where nothing is known.

    Attributes:
        latency_ms: of the calls that answered.
        success_rate: from 0 to 1.
        cost_usd: of all calls whose cost is known.
        priced: how many calls those are.
    """

    latency_ms: float | None
    success_rate: float | None
    cost_usd: float | None
    priced: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What a strategy would have done.

    Attributes:
        calls: how many calls were replayed.
        changed: how many of them would have gone elsewhere.
        left_out: calls with nobody else to choose, because no other provider was called near that time.
        happened: as it was.
        expected: as it may have been; a call that stays where it was counts as it was.
        shares: calls each provider would have got.
        caveat: what this can't know, for people.
    """

    strategy: str
    calls: int
    changed: int
    left_out: int
    happened: Outlook
    expected: Outlook
    shares: dict[str, int]
    caveat: str


@dataclass(frozen=True, slots=True)
class _Guess:
    """What one call did or may have done."""

    success: float
    latency_ms: float | None
    cost_usd: float | None


def replay(
    calls: Iterable[Call],
    strategy: str,
    last: int = 500,
    *,
    local: frozenset[str] = frozenset(),
    label: Callable[[str], str] = str,
    seed: int = 0,
) -> Replay:
    """Routes the last calls again.

    Args:
        calls: stored calls in any order; all of them teach, the `last` first attempts that ended are replayed.
        strategy: as in settings.
        local: providers that are the local model.
        label: the name people read of a provider.

    Raises:
        SettingsError: there is no such strategy.
    """
    judged = sorted((call for call in calls if call.outcome in SUCCESSES | FAILURES), key=_began)
    history, chosen_by = _History(judged), _Chooser(strategy, local, label, seed)
    replayed = {call.id for call in [call for call in judged if call.attempt == 0][-last:]} if last > 0 else set()
    happened, expected, shares, changed, left_out = [], [], dict[str, int](), 0, 0
    for call in judged:
        if call.id not in replayed:
            continue
        offered = history.near(call)
        if len(offered) < 2:
            left_out += 1
            continue
        chosen_by.learn(history.ended_before(_began(call)))
        winner = chosen_by.choose(call, offered, history)
        stays = winner == (call.provider, call.model)
        changed += not stays
        shares[winner[0]] = shares.get(winner[0], 0) + 1
        happened.append(_as_it_was(call))
        expected.append(_as_it_was(call) if stays else history.guess(winner, call))
    return Replay(
        strategy,
        len(happened),
        changed,
        left_out,
        _outlook(happened),
        _outlook(expected),
        shares,
        _caveat(len(happened), changed, left_out),
    )


class _History:
    """All judged calls, to be asked what happened near a moment."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._by_end = sorted(calls, key=_ended)
        self._ends = [_ended(call) for call in self._by_end]
        self._by_key: dict[tuple[str, str], list[Call]] = {}
        for call in calls:
            self._by_key.setdefault((call.provider, call.model), []).append(call)
        self._begins = {key: [_began(call) for call in found] for key, found in self._by_key.items()}
        self._taken = 0

    def ended_before(self, at: float) -> list[Call]:
        """The calls that ended by then and were not handed out yet; `at` must not go back."""
        first, self._taken = self._taken, max(self._taken, bisect.bisect_right(self._ends, at))
        return self._by_end[first : self._taken]

    def near(self, call: Call) -> list[tuple[str, str]]:
        """One (provider, model) per provider that was called near this call: the most used; its own as it was."""
        used: dict[str, tuple[int, tuple[str, str]]] = {}
        for key in self._by_key:
            count = len(self.of(key, call))
            if count and key[0] != call.provider:
                used[key[0]] = max(used.get(key[0], (0, key)), (count, key), key=lambda found: found[0])
        return [(call.provider, call.model), *(key for _, key in used.values())]

    def of(self, key: tuple[str, str], call: Call) -> list[Call]:
        """Its calls near this call."""
        at, begins = _began(call), self._begins[key]
        first = bisect.bisect_left(begins, at - NEAR_SECONDS)
        return self._by_key[key][first : bisect.bisect_right(begins, at + NEAR_SECONDS)]

    def prices(self, key: tuple[str, str], call: Call) -> float | None:
        """USD per token near this call, prompt and answer together; None when no cost is known."""
        priced = [
            near for near in self.of(key, call) if near.cost_usd is not None and near.cost_kind is not CostKind.UNKNOWN
        ]
        tokens = sum((near.prompt_tokens or 0) + (near.completion_tokens or 0) for near in priced)
        return sum(near.cost_usd or 0.0 for near in priced) / tokens if tokens else None

    def guess(self, key: tuple[str, str], call: Call) -> _Guess:
        """What another provider may have done with this call, by its own calls near that time."""
        near = self.of(key, call)
        answered = [found for found in near if found.outcome in SUCCESSES and found.latency_ms]
        sizes = [tokens for found in answered if (tokens := found.completion_tokens)]
        size = call.completion_tokens or (round(median(sizes)) if sizes else 0)
        times = [_scaled(found, size) for found in answered]
        price, tokens = self.prices(key, call), (call.prompt_tokens or 0) + size
        return _Guess(
            sum(found.outcome in SUCCESSES for found in near) / len(near),
            fmean(times) if times else None,
            price * tokens if price is not None and tokens else None,
        )


class _Chooser:
    """A strategy with the live figures of the time of each call."""

    def __init__(self, strategy: str, local: frozenset[str], label: Callable[[str], str], seed: int) -> None:
        self._now = 0.0
        self._live = LiveMetrics(lambda: self._now, lambda: self._now)
        self._strategy = strategy_named(strategy)
        self._local, self._label = local, label
        self._random = random.Random(seed)  # noqa: S311 - which of two equals goes first is no secret

    def learn(self, ended: Iterable[Call]) -> None:
        for call in ended:
            self._now = _ended(call)
            self._live.record(call)

    def choose(self, call: Call, offered: list[tuple[str, str]], history: _History) -> tuple[str, str]:
        """The (provider, model) this call would have gone to."""
        self._now = _began(call)
        usual = round(self._live.answer_tokens or call.completion_tokens or 1)
        offered = sorted(offered)
        candidates = [
            self._candidate(key, facts, history.prices(key, call))
            for key, facts in zip(offered, self._live.facts(offered), strict=True)
        ]
        winner = choose(self._strategy, candidates, Job(call.prompt_tokens or 0, usual), self._random).winner
        return winner.provider, winner.model or ""

    def _candidate(self, key: tuple[str, str], facts: Facts, price: float | None) -> Candidate:
        standing = self._live.state(key[0])
        return Candidate(
            key[0],
            self._label(key[0]),
            key[1],
            standing.state,
            standing.reason,
            facts.ttft_ms,
            facts.tokens_per_second,
            facts.successes,
            facts.failures,
            price,
            price,
            idle_s=facts.idle_s,
            local=key[0] in self._local,
            doubt=facts.doubt,
        )


def _as_it_was(call: Call) -> _Guess:
    succeeded = call.outcome in SUCCESSES
    return _Guess(float(succeeded), call.latency_ms if succeeded else None, call.cost_usd)


def _scaled(call: Call, tokens: float) -> float:
    """How long a call would have taken for an answer of that size."""
    latency, ttft = call.latency_ms or 0.0, call.ttft_ms or 0.0
    if not call.completion_tokens or not tokens:
        return latency
    return ttft + (latency - ttft) * tokens / call.completion_tokens


def _outlook(guesses: list[_Guess]) -> Outlook:
    times = [(guess.latency_ms, guess.success) for guess in guesses if guess.latency_ms is not None and guess.success]
    weight = sum(success for _, success in times)
    costs = [guess.cost_usd for guess in guesses if guess.cost_usd is not None]
    return Outlook(
        sum(time * success for time, success in times) / weight if weight else None,
        fmean(guess.success for guess in guesses) if guesses else None,
        fmean(costs) if costs else None,
        len(costs),
    )


def _caveat(calls: int, changed: int, left_out: int) -> str:
    if not calls:
        return "Nothing to replay: no call had another provider's calls within half an hour of it."
    told = f"What {changed} of {calls} calls would have become elsewhere is estimated from other calls within half an "
    told += "hour of them; more of them might have made that provider slower or reached its limits."
    return told + (f" {left_out} calls are left out, with no other provider's calls near them." if left_out else "")


def _began(call: Call) -> float:
    return call.started_at / 1000


def _ended(call: Call) -> float:
    return (call.started_at + (call.latency_ms or 0.0)) / 1000
