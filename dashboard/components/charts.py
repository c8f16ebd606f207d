"""The plotly figures: over time for Health, side by side for a comparison.

Traces have their provider's colour and symbol; fonts, grid and background are left to the theme of the page.
Labels are escaped: plotly takes some HTML in its texts, links among it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from html import escape
from typing import TYPE_CHECKING, Any

from conductor_core.kinds import CostKind
from dashboard.components import numbers
from dashboard.components.identity import Identity

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

CONFIG = {"displayModeBar": False}
"""For `st.plotly_chart`: no buttons over the chart."""

_SYMBOLS = {
    "◆": "diamond",
    "▲": "triangle-up",
    "■": "square",
    "▼": "triangle-down",
    "★": "star",
    "◇": "diamond-open",
    "◉": "circle-dot",
    "□": "square-open",
    "△": "triangle-up-open",
    "○": "circle-open",
    "▽": "triangle-down-open",
    "☆": "star-open",
    "●": "circle",
}
_SYMBOL_OF_ENDPOINTS = "hexagon"
_HEIGHT = 250
_LAYOUT = {
    "showlegend": False,
    "margin": {"l": 4, "r": 8, "t": 24, "b": 4},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
}
_Y_AXIS = {"automargin": True, "zeroline": False, "gridwidth": 1}
_LANE_HEIGHT = 34


@dataclass(frozen=True, slots=True)
class Series:
    """One provider over time: a row per bucket, `at` being its start by the reader's clock."""

    label: str
    look: Identity
    rows: pd.DataFrame


def series(
    buckets: pd.DataFrame,
    providers: Sequence[str],
    zone: tzinfo,
    label_of: Callable[[str], str],
    look_of: Callable[[str], Identity],
) -> list[Series]:
    """The buckets of `metrics.frames.buckets`, by provider in the order given, in the reader's time."""
    import pandas as pd

    found = []
    for provider in providers:
        rows = buckets.loc[provider].reset_index()
        # Without its zone: plotly would show the UTC time of an instant that carries one.
        rows["at"] = pd.to_datetime(rows["start"], unit="ms", utc=True).dt.tz_convert(zone).dt.tz_localize(None)
        rows["p50_s"], rows["p95_s"] = rows["p50_ms"] / 1000, rows["p95_ms"] / 1000
        found.append(Series(escape(label_of(provider)), look_of(provider), rows))
    return found


def latency(lines: Sequence[Series]) -> Figure:
    """Seconds of a whole answer: p50 with its symbol, p95 dotted."""
    traces = [trace for line in lines for trace in (_p50(line), _p95(line))]
    return _over_time(lines, traces, {"rangemode": "tozero", "ticksuffix": " s"})


def success_rate(lines: Sequence[Series]) -> Figure:
    """Successes of the calls that say something about the provider."""
    traces = [_marked(line, "success_rate", "judged", "%{y:.1%} · n %{customdata}") for line in lines]
    ticks = {"tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    return _over_time(lines, traces, {"range": [-0.04, 1.06]} | ticks)


def cost(lines: Sequence[Series]) -> Figure:
    """USD of the calls whose price is known, stacked."""
    traces = [
        {
            "type": "bar",
            "x": line.rows["at"],
            "y": line.rows["cost_usd"],
            "customdata": [numbers.money(None if usd != usd else usd) for usd in line.rows["cost_usd"]],
            "marker": {"color": line.look.colour, "line": {"width": 0}},
            "hovertemplate": f"{line.label} %{{customdata}}<extra></extra>",
        }
        for line in lines
    ]
    axis = {"rangemode": "tozero", "tickprefix": "$", "exponentformat": "none"}
    return _over_time(lines, traces, axis, barmode="stack", bargap=0.15)


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


def _over_time(lines: Sequence[Series], traces: list[dict[str, Any]], y_axis: dict[str, Any], **layout: Any) -> Figure:
    """A chart over the whole range, also where its ends are gaps. Built at once: plotly checks each change anew."""
    from plotly.graph_objects import Figure

    x_axis: dict[str, Any] = {"showgrid": False}
    if lines:
        at = lines[0].rows["at"]
        half = (at.iloc[1] - at.iloc[0]) / 2
        x_axis["range"] = [at.iloc[0] - half, at.iloc[-1] + half]
    axes = {"xaxis": x_axis, "yaxis": _Y_AXIS | y_axis}
    return Figure({"data": traces, "layout": {"height": _HEIGHT, "hovermode": "x unified"} | _LAYOUT | axes | layout})


def _p50(line: Series) -> dict[str, Any]:
    return _marked(line, "p50_s", "answered", "p50 %{y:.2f} s · n %{customdata}")


def _p95(line: Series) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": line.rows["at"],
        "y": line.rows["p95_s"],
        "line": {"color": line.look.colour, "width": 1, "dash": "dot"},
        # A bucket alone between two gaps has no line: its point must show.
        "marker": {"color": line.look.colour, "size": 3},
        "opacity": 0.55,
        "hovertemplate": f"{line.label} p95 %{{y:.2f}} s<extra></extra>",
    }


def _marked(line: Series, column: str, counted: str, hover: str) -> dict[str, Any]:
    """A line with the provider's symbol; what is hovered ends with how many calls a point stands for."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": line.rows["at"],
        "y": line.rows[column],
        "customdata": line.rows[counted],
        "line": {"color": line.look.colour, "width": 1.5},
        "marker": {
            "color": line.look.colour,
            "size": 5,
            "symbol": _SYMBOLS.get(line.look.mark, _SYMBOL_OF_ENDPOINTS),
        },
        "hovertemplate": f"{line.label} {hover}<extra></extra>",
    }
