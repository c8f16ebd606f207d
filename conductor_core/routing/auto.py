"""AUTO: which provider answers, and the receipt that says why. Only from figures the dashboard can show.

Fast means a short time to the first token, which is what a reader waits for, then a short whole answer; both are the
moving averages of the user's own successful calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from conductor_core.errors import NotConfigured
from conductor_core.kinds import ProviderState
from conductor_core.metrics.live import LiveMetrics
from conductor_core.metrics.words import seconds_words

if TYPE_CHECKING:
    from conductor_core.providers.base import BaseProvider

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


class _Rank(IntEnum):
    """The order in which AUTO considers providers; within a rank the fastest comes first, then the registry's order."""

    PROVEN = 0
    UNTRIED = 1
    UNSTEADY = 2
    LOCAL = 3
    FAILING = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configured provider as AUTO sees it. Times are in ms; None before the first successful call."""

    provider: str
    label: str
    model: str | None
    state: ProviderState
    reason: str
    ttft_ms: float | None = None
    latency_ms: float | None = None
    local: bool = False

    @property
    def rank(self) -> _Rank:
        if self.state is ProviderState.OPEN:
            return _Rank.FAILING
        if self.local:
            return _Rank.LOCAL
        if self.state in (ProviderState.DEGRADED, ProviderState.RECOVERING):
            return _Rank.UNSTEADY
        return _Rank.UNTRIED if self.latency_ms is None else _Rank.PROVEN

    @property
    def speed(self) -> tuple[float, float]:
        """Sorts the fastest first. Without streaming the first token is seen with the last."""
        whole = float("inf") if self.latency_ms is None else self.latency_ms
        return (whole if self.ttft_ms is None else self.ttft_ms), whole


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A configured provider AUTO would rather not use now, and why."""

    provider: str
    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What AUTO chose. `candidates` are in the order in which they should be tried, the winner first."""

    candidates: tuple[Candidate, ...]
    passed_over: tuple[PassedOver, ...]
    sentence: str

    @property
    def winner(self) -> Candidate:
        return self.candidates[0]

    def receipt(self) -> dict[str, Any]:
        """The choice as plain values, to be stored with the answer and shown under it."""
        return {
            "winner": self.winner.provider,
            "sentence": self.sentence,
            "candidates": [asdict(candidate) for candidate in self.candidates],
            "passed_over": [asdict(other) for other in self.passed_over],
        }


def candidates_of(providers: Iterable[BaseProvider], live: LiveMetrics) -> list[Candidate]:
    """Configured providers with their live figures, in the order given."""
    found = []
    for provider in providers:
        standing, figures = live.state(provider.name), live.figures(provider.name)
        found.append(
            Candidate(
                provider.name,
                provider.vendor.label,
                provider.default_model,
                standing.state,
                standing.reason,
                figures.ttft_ms,
                figures.latency_ms,
                provider.vendor.dialect == "local",
            )
        )
    return found


def choose(candidates: Sequence[Candidate]) -> Choice:
    """The best of the configured providers, given in the registry's order.

    Raises:
        NotConfigured: there is none.
    """
    if not candidates:
        raise NotConfigured("auto", "AUTO", "the key of at least one provider")
    ordered = tuple(sorted(candidates, key=lambda candidate: (candidate.rank, candidate.speed)))
    usable = tuple(candidate for candidate in ordered if candidate.rank is not _Rank.FAILING)
    failing = () if not usable else ordered[len(usable) :]
    passed_over = tuple(PassedOver(other.provider, other.label, other.reason) for other in failing)
    return Choice(usable or ordered, passed_over, _sentence(usable or ordered, len(failing)))


def _sentence(ordered: tuple[Candidate, ...], failing: int) -> str:
    winner = ordered[0]
    return f"{winner.label}: {_why(winner, ordered, failing)}"


def _why(winner: Candidate, ordered: tuple[Candidate, ...], failing: int) -> str:
    peers = sum(candidate.rank is winner.rank for candidate in ordered)
    match winner.rank:
        case _Rank.PROVEN:
            place = (
                f"fastest of {_number(peers)} healthy providers" if peers > 1 else "the only one proven healthy so far"
            )
            return f"{place}, {_speed_words(winner)}."
        case _Rank.UNTRIED:
            return "not tried yet." if peers == 1 else f"first in the list of {_number(peers)} not tried yet."
        case _Rank.UNSTEADY:
            place = "the only one left" if peers == 1 else f"fastest of {_number(peers)} left"
            return f"{place}, none is healthy. {winner.reason}"
        case _Rank.LOCAL:
            return "every other provider is passed over." if failing else "no other provider is configured."
        case _Rank.FAILING:
            return f"no provider is usable just now, so it is tried again. {winner.reason}"


def _speed_words(candidate: Candidate) -> str:
    if candidate.ttft_ms is not None:
        return f"{seconds_words(candidate.ttft_ms)} to the first token"
    return f"{seconds_words(candidate.latency_ms or 0.0)} for a whole answer"


def _number(count: int) -> str:
    return _SMALL_NUMBERS[count] if count < len(_SMALL_NUMBERS) else str(count)
