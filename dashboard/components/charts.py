"""The plotly figures: over time for Health, side by side for a comparison.

Traces have their provider's colour and symbol; fonts, grid and background are left to the theme of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
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
        found.append(Series(label_of(provider), look_of(provider), rows))
    return found


def latency(lines: Sequence[Series]) -> Figure:
    """Seconds of a whole answer: p50 with its symbol, p95 dotted."""
    figure = _over_time(lines)
    for line in lines:
        rows = line.rows
        hover = f"{line.label} p50 %{{y:.2f}} s · n %{{customdata}}<extra></extra>"
        figure.add_scatter(
            x=rows["at"], y=rows["p50_ms"] / 1000, customdata=rows["answered"], hovertemplate=hover, **_marked(line)
        )
        figure.add_scatter(
            x=rows["at"],
            y=rows["p95_ms"] / 1000,
            mode="lines+markers",
            line={"color": line.look.colour, "width": 1, "dash": "dot"},
            # An only bucket between two gaps has no line: its point must show.
            marker={"color": line.look.colour, "size": 3},
            opacity=0.55,
            hovertemplate=f"{line.label} p95 %{{y:.2f}} s<extra></extra>",
        )
    return figure.update_yaxes(rangemode="tozero", ticksuffix=" s")


def success_rate(lines: Sequence[Series]) -> Figure:
    """Successes of the calls that say something about the provider."""
    figure = _over_time(lines)
    for line in lines:
        rows = line.rows
        hover = f"{line.label} %{{y:.1%}} · n %{{customdata}}<extra></extra>"
        figure.add_scatter(
            x=rows["at"], y=rows["success_rate"], customdata=rows["judged"], hovertemplate=hover, **_marked(line)
        )
    return figure.update_yaxes(range=[-0.04, 1.06], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1])


def cost(lines: Sequence[Series]) -> Figure:
    """USD of the calls whose price is known, stacked."""
    figure = _over_time(lines).update_layout(barmode="stack", bargap=0.15)
    for line in lines:
        rows = line.rows
        figure.add_bar(
            x=rows["at"],
            y=rows["cost_usd"],
            customdata=[numbers.money(None if usd != usd else usd) for usd in rows["cost_usd"]],
            marker={"color": line.look.colour, "line": {"width": 0}},
            hovertemplate=f"{line.label} %{{customdata}}<extra></extra>",
        )
    return figure.update_yaxes(rangemode="tozero", tickprefix="$", exponentformat="none")


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

    panels: tuple[tuple[str, list[float | None], list[str]], ...] = (
        ("First token", [lane.ttft_ms for lane in compared], [numbers.seconds(lane.ttft_ms) for lane in compared]),
        (
            "Whole answer",
            [lane.latency_ms for lane in compared],
            [numbers.seconds(lane.latency_ms) for lane in compared],
        ),
        (
            "Tokens per second",
            [lane.tokens_per_second for lane in compared],
            [numbers.rate(lane.tokens_per_second) for lane in compared],
        ),
        (
            "Cost",
            [lane.cost_usd for lane in compared],
            [numbers.money(lane.cost_usd, lane.cost_kind) for lane in compared],
        ),
    )
    figure = make_subplots(2, 2, subplot_titles=[title for title, _, _ in panels], shared_yaxes=True)
    for place, (_, values, texts) in enumerate(panels):
        figure.add_bar(
            x=[value or 0.0 for value in values],
            y=[lane.label for lane in compared],
            text=texts,
            textposition="outside",
            cliponaxis=False,
            orientation="h",
            marker={"color": [lane.look.colour for lane in compared], "line": {"width": 0}},
            hovertemplate="%{y} %{text}<extra></extra>",
            row=place // 2 + 1,
            col=place % 2 + 1,
        )
        # A third more than the longest bar leaves room for its label.
        longest = max((value or 0.0 for value in values), default=0.0)
        figure.update_xaxes(range=[0, longest * 1.35 or 1], row=place // 2 + 1, col=place % 2 + 1)
    _plain(figure, 2 * (len(compared) * _LANE_HEIGHT + 60))
    return figure.update_xaxes(visible=False).update_yaxes(autorange="reversed", showgrid=False)


def _over_time(lines: Sequence[Series]) -> Figure:
    """An empty chart over the whole range, also where its ends are gaps."""
    from plotly.graph_objects import Figure

    figure = _plain(Figure(), _HEIGHT).update_layout(hovermode="x unified").update_xaxes(showgrid=False)
    if not lines:
        return figure
    at = lines[0].rows["at"]
    half = (at.iloc[1] - at.iloc[0]) / 2
    return figure.update_xaxes(range=[at.iloc[0] - half, at.iloc[-1] + half])


def _plain(figure: Figure, height: int) -> Figure:
    return figure.update_layout(
        height=height,
        showlegend=False,
        margin={"l": 4, "r": 8, "t": 24, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    ).update_yaxes(automargin=True, zeroline=False, gridwidth=1)


def _marked(line: Series) -> dict[str, Any]:
    symbol = _SYMBOLS.get(line.look.mark, _SYMBOL_OF_ENDPOINTS)
    return {
        "mode": "lines+markers",
        "line": {"color": line.look.colour, "width": 1.5},
        "marker": {"color": line.look.colour, "size": 5, "symbol": symbol},
    }
