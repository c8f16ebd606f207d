"""AUTO's choice: filters, then a strategy, and the receipt that says why. Only from figures the dashboard can show."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conductor_core.errors import NobodyLeft, NotConfigured
from conductor_core.kinds import ProviderState
from conductor_core.metrics.words import seconds_words
from conductor_core.routing.candidates import NO_LIMITS, Candidate, Job, Limits, PassedOver, sift
from conductor_core.routing.strategies import Ranked, Strategy

_SMALL_NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What AUTO chose, for one job.

    Attributes:
        strategy: the name of the strategy.
        title: what the strategy goes by, in words.
        ranked: the candidates in the order in which they should be tried, the winner first, with their scores.
        passed_over: who is not to be tried, and why.
        desperate: nobody was usable, so the order is of those that had been passed over.
    """

    strategy: str
    title: str
    job: Job
    ranked: tuple[Ranked, ...]
    passed_over: tuple[PassedOver, ...]
    desperate: bool = False

    @property
    def order(self) -> tuple[Candidate, ...]:
        return tuple(ranked.candidate for ranked in self.ranked)

    @property
    def winner(self) -> Candidate:
        return self.ranked[0].candidate

    @property
    def sentence(self) -> str:
        """Why this one, for people."""
        return f"{self.winner.label}: {_why(self)}"

    def receipt(self) -> dict[str, Any]:
        """The choice as plain values, to be stored with the answer and shown under it."""
        return {
            "winner": self.winner.provider,
            "sentence": self.sentence,
            "strategy": self.strategy,
            "prompt_tokens": self.job.prompt_tokens,
            "completion_tokens": self.job.completion_tokens,
            "candidates": [_row(ranked, self.job) for ranked in self.ranked],
            "passed_over": [other._asdict() for other in self.passed_over],
        }


def choose(
    strategy: Strategy,
    candidates: Sequence[Candidate],
    job: Job,
    rng: random.Random,
    limits: Limits = NO_LIMITS,
) -> Choice:
    """The candidates in the order in which they should be tried.

    Who is open or too small is tried only when nobody else is left; who may not be used never is.

    Raises:
        NotConfigured: there is no candidate.
        NobodyLeft: none of them may be used; the sentence says why of each.
    """
    if not candidates:
        raise NotConfigured("auto", "AUTO", "the key of at least one provider")
    sifted = sift(candidates, job, limits)
    usable, passed_over = sifted.usable, sifted.passed_over
    if not usable:
        if not sifted.reserve:
            raise NobodyLeft([(other.label, other.reason) for other in passed_over])
        usable = _roomiest(sifted.reserve)
        tried = {candidate.provider for candidate in usable}
        passed_over = [other for other in passed_over if other.provider not in tried]
    if limits.pinned:  # whoever pins the local model means it
        usable = [candidate._replace(local=False) if candidate.local else candidate for candidate in usable]
    ranked = strategy.rank(usable, job, rng)
    return Choice(strategy.name, strategy.title, job, tuple(ranked), tuple(passed_over), not sifted.usable)


def _roomiest(reserve: list[Candidate]) -> list[Candidate]:
    """Of those passed over: the open ones, and when it is only for their window, the largest."""
    opened = [candidate for candidate in reserve if candidate.state is ProviderState.OPEN]
    return opened or [max(reserve, key=lambda candidate: candidate.context_window or 0)]


def _row(ranked: Ranked, job: Job) -> dict[str, Any]:
    candidate = ranked.candidate
    return candidate._asdict() | {
        "lacks": list(candidate.lacks),
        "expected_ms": candidate.expected_ms(job),
        "expected_usd": candidate.expected_usd(job),
        "score": ranked.score,
        "terms": ranked.terms,
        "probe": ranked.probe,
    }


def _why(choice: Choice) -> str:
    first, winner, peers = choice.ranked[0], choice.winner, len(choice.ranked)
    expected = _expected(winner, choice.job)
    if choice.desperate:
        return f"no provider is usable just now, so it is tried again. {_desperate(choice)}"
    if winner.local and peers == 1:
        return "every other provider is passed over." if choice.passed_over else "no other provider is configured."
    if first.probe:
        return f"{_unseen(winner)}, so this answer shows how it does now. {expected}"
    if peers == 1:
        return f"the only one that can be used now. {expected}"
    if winner.expected_ms(choice.job) is None and choice.strategy in ("balanced", "fastest"):
        return f"not tried yet; one of {_number(peers)} that can be used."
    title = f"{choice.title}, going by your votes too" if "quality" in first.names else choice.title
    return f"{title}, of {_number(peers)} that can be used. {expected}"


def _desperate(choice: Choice) -> str:
    winner = choice.winner
    if winner.state is ProviderState.OPEN:
        return winner.reason
    return f"Its window of {winner.context_window:,} tokens is the largest, yet it may be too small."


def _unseen(candidate: Candidate) -> str:
    if candidate.state is ProviderState.RECOVERING:
        return "failed lately and may work again"
    if candidate.idle_s is None:
        return "not tried yet"
    return f"not used for {seconds_words(candidate.idle_s * 1000)}"


def _expected(candidate: Candidate, job: Job) -> str:
    """What is expected of it for this job: `About 2.1 s and $0.0014 for this answer.`"""
    time, usd = candidate.expected_ms(job), candidate.expected_usd(job)
    if time is None:
        price = "nor is its price" if usd is None else f"about ${usd:.2g} for this answer" if usd else "it is free"
        return f"Its time is not known yet, {price}."
    if usd is None:
        return f"About {seconds_words(time)} for this answer, its price is not known."
    return (
        f"About {seconds_words(time)} for this answer, free."
        if usd == 0
        else (f"About {seconds_words(time)} and ${usd:.2g} for this answer.")
    )


def _number(count: int) -> str:
    return _SMALL_NUMBERS[count] if count < len(_SMALL_NUMBERS) else str(count)
