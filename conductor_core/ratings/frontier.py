"""The efficient frontier: who is the best that can be had for so much money or time."""

from __future__ import annotations

from collections.abc import Sequence


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """The points nobody beats in both, by growing cost: every other costs more, or is worth less.

    Args:
        points: cost and worth of each.
    """
    found: list[int] = []
    for place in sorted(range(len(points)), key=lambda place: (points[place][0], -points[place][1])):
        if not found or points[place][1] > points[found[-1]][1]:
            found.append(place)
    return found
