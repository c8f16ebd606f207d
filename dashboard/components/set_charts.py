"""How the lanes of a run compare: what passed, how long an answer took, what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import streamlit as st

from conductor_core.kinds import CostKind
from conductor_core.metrics.interval import wilson
from conductor_core.prompt_sets.figures import LaneFigures
from conductor_core.prompt_sets.sets import RunView
from dashboard.components import numbers, untrusted
from dashboard.components.identity import Identity
from dashboard.components.who import look_of, name_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CONFIG = {"displayModeBar": False}
_ROW_HEIGHT = 38
_LAYOUT = {
    "showlegend": False,
    "margin": {"l": 4, "r": 8, "t": 4, "b": 4},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One lane in one chart. `low` and `high` are the interval's ends; `text` is what stands behind it."""

    label: str
    look: Identity
    value: float
    text: str
    low: float | None = None
    high: float | None = None


def draw(view: RunView) -> None:
    """Side by side where there is room; a chart without figures is left out."""
    charts = [
        ("passed", "Passed, with its 95 % interval", [bar for one in view.lanes for bar in _passed(view, one)]),
        ("time", "Time of an answer, p50", [bar for one in view.lanes for bar in _time(view, one)]),
        ("cost", "Cost of an answer, on average", [bar for one in view.lanes for bar in _cost(view, one)]),
    ]
    drawn = [chart for chart in charts if chart[2]]
    if not drawn:
        return
    with st.grid(min_column_width=240, gap="medium"):
        for name, title, bars in drawn:
            with st.container():
                untrusted.caption(title)
                st.plotly_chart(
                    figure(bars, share=name == "passed"),
                    config=CONFIG,
                    key=f"set-chart-{name}",
                    alt="A bar per lane; the table above has the same figures",
                )


def figure(bars: Sequence[Bar], *, share: bool = False) -> Figure:
    """A horizontal bar per lane, labelled with its figure; of shares with their intervals."""
    from plotly.graph_objects import Figure

    made = Figure([_bars(bars, share=share)])
    longest = 1.0 if share else max(bar.value for bar in bars)
    made.update_layout(height=len(bars) * _ROW_HEIGHT + 16, bargap=0.4, **_LAYOUT)
    # Room for the label behind the longest bar and its interval.
    made.update_xaxes(range=[0, longest * 1.75 or 1], visible=False)
    names = {"tickvals": list(range(len(bars))), "ticktext": [escape(bar.label) for bar in bars]}
    labels = [
        {
            "x": max(bar.value, bar.high or 0.0),
            "y": place,
            "text": bar.text,
            "xanchor": "left",
            "xshift": 8,
            "showarrow": False,
        }
        for place, bar in enumerate(bars)
    ]
    made.update_layout(annotations=labels)
    return made.update_yaxes(automargin=True, autorange="reversed", showgrid=False, zeroline=False, **names)


def _bars(bars: Sequence[Bar], *, share: bool) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "type": "bar",
        "orientation": "h",
        "x": [bar.value for bar in bars],
        "y": list(range(len(bars))),
        "marker": {"color": [bar.look.colour for bar in bars], "line": {"width": 0}},
        "customdata": [[escape(bar.label), bar.text] for bar in bars],
        "hovertemplate": "%{customdata[0]} %{customdata[1]}<extra></extra>",
    }
    if share:
        drawn["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [(bar.high or bar.value) - bar.value for bar in bars],
            "arrayminus": [bar.value - (bar.low or 0.0) for bar in bars],
            "color": "rgba(128,128,128,0.9)",
            "thickness": 1.5,
            "width": 4,
        }
    return drawn


def _passed(view: RunView, one: LaneFigures) -> list[Bar]:
    if not one.checked:
        return []
    low, high = wilson(one.passed, one.checked)
    return [_bar(view, one, one.passed / one.checked, numbers.percent(one.passed / one.checked), low, high)]


def _time(view: RunView, one: LaneFigures) -> list[Bar]:
    return [] if one.latency_p50 is None else [_bar(view, one, one.latency_p50, numbers.seconds(one.latency_p50))]


def _cost(view: RunView, one: LaneFigures) -> list[Bar]:
    if one.answer_usd is None:
        return []
    kind = CostKind.FREE if one.free else CostKind.ESTIMATED if one.estimated else CostKind.REPORTED
    return [_bar(view, one, one.answer_usd, numbers.money(one.answer_usd, kind))]


def _bar(
    view: RunView, one: LaneFigures, value: float, text: str, low: float | None = None, high: float | None = None
) -> Bar:
    provider = view.setup.lanes[one.lane].provider
    return Bar(f"{one.lane + 1} {name_of(provider)}", look_of(provider), value, text, low, high)
