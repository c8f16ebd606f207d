"""The figures of a comparison: a bar per lane, each in its provider's colour."""

from __future__ import annotations

from conductor_core.kinds import CostKind
from dashboard.components import charts
from dashboard.components.charts import LaneFigures
from dashboard.components.identity import VENDORS


def test_a_comparison_shows_each_lane_in_each_of_four_panels() -> None:
    """What was not measured is an en dash beside no bar; what is free says so."""
    lanes = [
        LaneFigures("A · Gemini", VENDORS["gemini"], 310.0, 1900.0, 112.0, 0.0004, CostKind.REPORTED),
        LaneFigures("B · SmolLM2", VENDORS["local"], None, 900.0, 84.0, 0.0, CostKind.FREE),
    ]
    first, whole, speed, cost = charts.lanes(lanes).data
    assert (first.text, whole.text) == (("0.31 s", "–"), ("1.9 s", "0.90 s"))
    assert (speed.text, cost.text) == (("112 tok/s", "84 tok/s"), ("$0.0004", "free"))
    assert first.x == (310.0, 0.0)
    assert {trace.marker.color for trace in (first, whole, speed, cost)} == {tuple(lane.look.colour for lane in lanes)}


def test_lanes_of_the_same_name_keep_their_own_bars() -> None:
    """The same model at two temperatures is a comparison too."""
    lane = LaneFigures("SmolLM2", VENDORS["local"], 50.0, 900.0, 84.0, 0.0, CostKind.FREE)
    figure = charts.lanes([lane, lane])
    assert figure.data[0].y == (0, 1)
    assert figure.layout.yaxis.ticktext == ("SmolLM2", "SmolLM2")
