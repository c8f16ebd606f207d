"""What a handful of calls come to, added up one by one: of a conversation, with all its branches and attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum

from conductor_core.kinds import CostKind, Outcome
from conductor_core.metrics.call import Call
from conductor_core.metrics.figures import NO_FIGURES, Figures


@dataclass(frozen=True, slots=True)
class Total:
    """What the calls of a conversation come to.

    Attributes:
        answers: how many answers were written, to their end or not.
        figures: of all attempts, without latencies.
    """

    answers: int = 0
    figures: Figures = NO_FIGURES


NOTHING = Total()


def total_of(calls: Iterable[Call]) -> Total:
    """The finished ones among some calls, as Health adds them up."""
    ended = [call for call in calls if call.outcome is not Outcome.RUNNING]
    priced = [call for call in ended if call.cost_usd is not None]
    costs = {kind: fsum(call.cost_usd or 0.0 for call in priced if call.cost_kind is kind) for kind in CostKind}
    return Total(
        len({call.lane_id for call in ended if call.completion_tokens}),
        Figures(
            attempts=Counter(call.outcome for call in ended),
            requests=Counter(call.outcome for call in ended if not call.superseded),
            prompt_tokens=sum(call.prompt_tokens or 0 for call in ended),
            completion_tokens=sum(call.completion_tokens or 0 for call in ended),
            thinking_tokens=sum(call.thinking_tokens or 0 for call in ended),
            priced_tokens=sum((call.prompt_tokens or 0) + (call.completion_tokens or 0) for call in priced),
            cost_reported=fsum(costs[kind] for kind in CostKind if kind is not CostKind.ESTIMATED),
            cost_estimated=costs[CostKind.ESTIMATED],
            priced=len(priced),
            free=sum(call.cost_kind is CostKind.FREE for call in priced),
        ),
    )
