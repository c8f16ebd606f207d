"""What a comparison may cost and who would not answer, said before it is sent."""

from __future__ import annotations

from collections.abc import Sequence

from conductor_core.kinds import CostKind
from conductor_core.routing.expectation import Expectation
from dashboard import runtime, state
from dashboard.components import numbers, untrusted
from dashboard.components.who import name_of


def draw(compare: state.CompareState) -> None:
    """One line for the cost of the next prompt, and a warning per lane that is closed or over a budget."""
    conversations = runtime.get_conductor().conversations
    if not compare.lanes or (compare.comparison_id and conversations.turn(compare.comparison_id)):
        return
    found = runtime.run(conversations.expected_cost("", compare.asked, conversation_id=compare.comparison_id))
    untrusted.caption(words(found))
    for sentence in objections(found):
        untrusted.warning(sentence)


def words(lanes: Sequence[Expectation]) -> str:
    """`The next prompt costs $0.0012 to $0.0041 in these 3 lanes, and its own length.`"""
    unknown = sum(lane.unknown for lane in lanes)
    lows = [lane.low for lane in lanes if lane.low is not None]
    highs = [lane.high for lane in lanes if lane.high is not None]
    several = f"these {len(lanes)} lanes" if len(lanes) > 1 else "this lane"
    if unknown == len(lanes):
        return f"The price of {several} is not known."
    beside = f" beside {unknown} of unknown price" if unknown else ""
    if not sum(highs):
        return f"The next prompt is free in {several}{beside}."
    low, high = numbers.money(sum(lows)), numbers.money(sum(highs), CostKind.REPORTED)
    return f"The next prompt costs {low} to {high} in {several}{beside}, and what its own length adds."


def objections(lanes: Sequence[Expectation]) -> list[str]:
    """Why lanes would fail or wait: a budget without room first, else a breaker that is open or a key that lacks."""
    told = [(number, lane, lane.over_budget or lane.closed) for number, lane in enumerate(lanes, 1)]
    return [f"Lane {number} · {name_of(lane.provider)}: {why}" for number, lane, why in told if why]
