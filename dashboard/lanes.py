"""The lanes of a comparison before anybody has set them up: those there are at first, and those that are added."""

from __future__ import annotations

from conductor_core.models import Provider
from conductor_core.turns import LaneSetup
from dashboard import runtime

FIRST_LANES = 4
FIRST_TEMPERATURES = (0.2, 1.0, 0.6, 1.4)
"""With one provider only, the lanes differ by temperature, so that there is something to compare."""


def first_lanes() -> list[LaneSetup]:
    """Up to four configured providers, the local one last; alone it gets two lanes of different temperatures."""
    names = [provider.name for provider in runtime.get_conductor().providers.available()][:FIRST_LANES]
    if len(names) >= 2:
        return [LaneSetup(provider=name) for name in names]
    name = names[0] if names else Provider.LOCAL
    return [LaneSetup(provider=name, temperature=temperature) for temperature in FIRST_TEMPERATURES[:2]]


def resize(lanes: list[LaneSetup], count: int) -> None:
    """Adds lanes that differ from the others, or takes the last ones away, until there are that many."""
    while len(lanes) < count:
        lanes.append(_another(lanes))
    del lanes[count:]


def _another(lanes: list[LaneSetup]) -> LaneSetup:
    used = {lane.provider for lane in lanes}
    names = [provider.name for provider in runtime.get_conductor().providers.available()]
    unused = next((name for name in names if name not in used), None)
    if unused:
        return LaneSetup(provider=unused)
    return lanes[0].model_copy(update={"temperature": FIRST_TEMPERATURES[len(lanes) % len(FIRST_TEMPERATURES)]})
