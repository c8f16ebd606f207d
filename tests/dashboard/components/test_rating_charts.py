"""The figures of the leaderboard."""

from __future__ import annotations

import numpy as np

from dashboard.components import rating_charts
from dashboard.components.identity import VENDORS
from dashboard.components.rating_charts import Rated

MODELS = [
    Rated("OpenAI · <b>gpt</b>", "<b>gpt</b>", VENDORS["openai"], 1100.0, 1050.0, 1160.0),
    Rated("Gemini · flash", "flash", VENDORS["gemini"], 900.0, 800.0, 950.0),
]


def test_ratings_have_their_intervals_and_colours() -> None:
    """The best on top, bounds to both sides, names as they were written."""
    figure = rating_charts.ratings(MODELS)
    (trace,) = figure.data
    assert trace.x == (1100.0, 900.0)
    assert (trace.error_x.array, trace.error_x.arrayminus) == ((60.0, 50.0), (50.0, 100.0))
    assert trace.marker.color == (VENDORS["openai"].colour, VENDORS["gemini"].colour)
    assert figure.layout.yaxis.ticktext == ("▲ &lt;b&gt;gpt&lt;/b&gt;", "◆ flash")
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]


def test_who_beat_whom_is_empty_where_two_never_met() -> None:
    """Points of how many, a tie as a half."""
    points = np.array([[0.0, 7.5, 0.0], [2.5, 0.0, 0.0], [0.0, 0.0, 0.0]])
    share, texts = rating_charts.wins(["a", "b", "c"], points).data
    assert share.z[0][1] == 0.75
    assert share.z[0][2] is None
    assert texts.text == ("7½<br>of 10", "2½<br>of 10")


def test_the_frontier_joins_whom_nobody_beats() -> None:
    """A model that costs more and is worth less is off the line, and smaller."""
    figure = rating_charts.against(MODELS, [0.001, 0.002], "Rating against cost", money=True)
    line, points = figure.data
    assert line.x == (0.001,)
    assert points.marker.size == (13, 9)
    assert rating_charts.against(MODELS, [0.0, 0.0], "Free", money=True).layout.xaxis.range == (0, 1)
