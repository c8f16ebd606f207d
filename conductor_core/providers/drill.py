"""The drill's rows: simulated providers, so that failover, breakers and charts can be watched offline in a minute.

They stand apart from the registry's real rows: their names are no public values, their answers name no real model,
their delays, faults and prices are made up, and nothing of theirs is counted with real calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from conductor_core.kinds import Need
from conductor_core.providers.base import DRILL_DIALECT, Vendor

MODEL = "simulated"
SWITCH = "CONDUCTOR_DRILL"
OFF = f"The drill is off. Start it in Settings, or set {SWITCH}=1."


class Behaviour(StrEnum):
    """What a person watching makes a simulated provider do from now on."""

    USUAL = "as usual"
    SLOW = "slow"
    FAILING = "failing"
    RATE_LIMITED = "rate-limited"


@dataclass(frozen=True, slots=True)
class Mishap:
    """How one simulated call fails.

    Attributes:
        status: the HTTP status it is refused with; None: the connection is refused, or breaks.
        retry_after: seconds it asks to wait.
        after: words of the answer that come first.
        stalls: it falls silent instead, until the deadline.
    """

    status: int | None = None
    retry_after: float | None = None
    after: int = 0
    stalls: bool = False


@dataclass(frozen=True, slots=True)
class Temperament:
    """How a simulated provider is by nature.

    Attributes:
        description: the same in words, for people.
        ttft_seconds: the median time to the first token.
        spread: how much that scatters (sigma of a log-normal distribution).
        tokens_per_second: how fast it writes from there on.
        prices: USD per million prompt and completion tokens, made up; None: unknown.
        mishaps: what goes wrong now and then, each with its share of the calls.
    """

    description: str
    ttft_seconds: float
    tokens_per_second: float
    prices: tuple[float, float] | None
    spread: float = 0.25
    mishaps: tuple[tuple[float, Mishap], ...] = ()


TEMPERAMENTS = {
    "drill_swift": Temperament("fast and dear", 0.25, 90.0, (3.0, 15.0)),
    "drill_steady": Temperament("slower and cheap", 0.7, 45.0, (0.1, 0.4), spread=0.1),
    "drill_flaky": Temperament(
        "refuses about every sixth call as one too many and fails at every tenth",
        0.4,
        60.0,
        (0.15, 0.6),
        mishaps=((0.16, Mishap(429, retry_after=4.0)), (0.1, Mishap(500))),
    ),
    "drill_cuts": Temperament(
        "breaks off about every third answer; its price is unknown", 0.5, 50.0, None, mishaps=((0.33, Mishap(after=8)),)
    ),
}

DRILLS = tuple(
    Vendor(name, f"Drill · {name.removeprefix('drill_')}", DRILL_DIALECT, default_model=MODEL, lacks=tuple(Need))
    for name in TEMPERAMENTS
)
"""The simulated providers, as rows like any other's."""
