"""How far a figure differs where the same was asked several times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from conductor_core.answers import Answer, Exchange
from conductor_core.kinds import LaneState


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the most of some values."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """Of those that are known; None when there is none."""
        known = [value for value in values if value is not None]
        return cls(min(known), median(known), max(known)) if known else None


def repeated(exchange: Exchange) -> list[list[Answer]]:
    """The whole answers of lanes that were asked with the very same, where there are two or more of them."""
    groups: dict[tuple[object, ...], list[Answer]] = {}
    for answer in exchange.sides:
        if answer.state is LaneState.DONE and not answer.failure:
            groups.setdefault(tuple(sorted(answer.setup.items())), []).append(answer)
    return [answers for answers in groups.values() if len(answers) > 1]
