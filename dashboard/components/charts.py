"""The plotly figures of a comparison: its lanes side by side.

Bars have their provider's colour; fonts, grid and background are left to the theme of the page.
Labels are escaped: plotly takes some HTML in its texts, links among it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from conductor_core.kinds import CostKind
from dashboard.components import numbers
from dashboard.components.identity import Identity

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CONFIG = {"displayModeBar": False}
"""For `st.plotly_chart`: no buttons over the chart."""

_LAYOUT = {
    "showlegend": False,
    "margin": {"l": 4, "r": 8, "t": 24, "b": 4},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
}
_LANE_HEIGHT = 34


@dataclass(frozen=True, slots=True)
class LaneFigures:
    """What was measured of one lane. Times in ms, cost in USD; None is not measured."""

    label: str
    look: Identity
    ttft_ms: float | None
    latency_ms: float | None
    tokens_per_second: float | None
    cost_usd: float | None
    cost_kind: CostKind | None


def lanes(compared: Sequence[LaneFigures]) -> Figure:
    """A comparison as four small bar charts with one bar per lane, each bar labelled with its figure."""
    from plotly.subplots import make_subplots

    panels = _panels(compared)
    titles = [title for title, _, _ in panels]
    figure = make_subplots(2, 2, subplot_titles=titles, shared_yaxes=True, vertical_spacing=0.16)
    for place, (_, values, texts) in enumerate(panels):
        row, column = place // 2 + 1, place % 2 + 1
        figure.add_trace(_bars(compared, values, texts), row, column)
        # Room for the longest bar's label, also on a narrow screen.
        longest = max((value or 0.0 for value in values), default=0.0)
        figure.update_xaxes(range=[0, longest * 1.9 or 1], visible=False, row=row, col=column)
    for place, title in enumerate(figure.layout.annotations):
        left = figure.layout[f"xaxis{place + 1 if place else ''}"].domain[0]
        title.update(x=left, xanchor="left", font={"size": 13})
    figure.update_layout(height=2 * (len(compared) * _LANE_HEIGHT + 40), bargap=0.35, **_LAYOUT)
    # By place, not by label: two lanes may be called the same.
    names = {"tickvals": list(range(len(compared))), "ticktext": [escape(lane.label) for lane in compared]}
    return figure.update_yaxes(automargin=True, autorange="reversed", showgrid=False, zeroline=False, **names)


def _panels(compared: Sequence[LaneFigures]) -> list[tuple[str, list[float | None], list[str]]]:
    first, whole = [lane.ttft_ms for lane in compared], [lane.latency_ms for lane in compared]
    speeds, costs = [lane.tokens_per_second for lane in compared], [lane.cost_usd for lane in compared]
    return [
        ("First token", first, [numbers.seconds(value) for value in first]),
        ("Whole answer", whole, [numbers.seconds(value) for value in whole]),
        ("Tokens per second", speeds, [numbers.rate(value) for value in speeds]),
        ("Cost", costs, [numbers.money(lane.cost_usd, lane.cost_kind) for lane in compared]),
    ]


def _bars(compared: Sequence[LaneFigures], values: Sequence[float | None], texts: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "x": [value or 0.0 for value in values],
        "y": list(range(len(compared))),
        "text": texts,
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": [lane.look.colour for lane in compared], "line": {"width": 0}},
        "customdata": [escape(lane.label) for lane in compared],
        "hovertemplate": "%{customdata} %{text}<extra></extra>",
    }
