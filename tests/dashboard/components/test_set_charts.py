"""The charts of a run: bars with their intervals, labels that can't be markup."""

from __future__ import annotations

from dashboard.components.identity import Identity
from dashboard.components.set_charts import Bar, figure

LOOK = Identity("#123456", "◆")


def test_a_share_has_its_interval() -> None:
    """From its lower to its upper end; the label stands behind both."""
    made = figure([Bar("1 <b>me</b>", LOOK, 0.5, "50.0 %", 0.3, 0.7)], share=True)
    (bars,) = made.data
    assert bars.error_x.array == (0.7 - 0.5,)
    assert bars.error_x.arrayminus == (0.5 - 0.3,)
    assert made.layout.annotations[0].x == 0.7
    assert made.layout.yaxis.ticktext == ("1 &lt;b&gt;me&lt;/b&gt;",)


def test_nothing_but_zero_can_be_drawn() -> None:
    """Free answers have a chart, too."""
    made = figure([Bar("1", LOOK, 0.0, "free"), Bar("2", LOOK, 0.0, "free")])
    assert made.layout.xaxis.range == (0, 1)
