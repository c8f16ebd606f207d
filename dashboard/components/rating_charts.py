"""The plotly figures of the leaderboard: ratings with their intervals, who beat whom, what quality costs.

Points have their provider's colour; fonts, grid and background are left to the theme of the page. Labels are escaped:
plotly takes some HTML in its texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from conductor_core.ratings.frontier import frontier
from dashboard.components.identity import Identity

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from conductor_core.ratings.bradley_terry import Matrix

CONFIG = {"displayModeBar": False}
_CLEAR = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "showlegend": False}
_ROW_HEIGHT = 34
_GRID = "rgba(128,128,128,0.22)"
_LOST, _EVEN, _WON = "#B85200", "#6F7380", "#4F5BD5"
_ON_THEM = "#FFFFFF"
"""Text in those colours: at least 4.5:1 in both themes."""


@dataclass(frozen=True, slots=True)
class Rated:
    """One rated model as it is drawn. `label` tells all, `model` is what there is room for beside its mark."""

    label: str
    model: str
    look: Identity
    rating: float
    low: float
    high: float


def ratings(models: Sequence[Rated]) -> Figure:
    """A row per model, the best on top: its rating as a point, the 95 % interval as a line."""
    from plotly.graph_objects import Figure

    figure = Figure(
        {
            "type": "scatter",
            "mode": "markers",
            "x": [model.rating for model in models],
            "y": list(range(len(models))),
            "marker": {"color": [model.look.colour for model in models], "opacity": 1, "size": 11},
            "error_x": {
                "type": "data",
                "symmetric": False,
                "array": [model.high - model.rating for model in models],
                "arrayminus": [model.rating - model.low for model in models],
                "color": "rgba(128,128,128,0.75)",
                "thickness": 1.5,
                "width": 4,
            },
            "customdata": [[escape(model.label), model.low, model.high] for model in models],
            "hovertemplate": "%{customdata[0]}: %{x:,.0f} [%{customdata[1]:,.0f}–%{customdata[2]:,.0f}]<extra></extra>",
        }
    )
    figure.update_layout(height=len(models) * _ROW_HEIGHT + 50, margin={"l": 4, "r": 12, "t": 4, "b": 4}, **_CLEAR)
    figure.update_xaxes(gridcolor=_GRID, zeroline=False, tickformat=",d", automargin=True)
    names = {"tickvals": list(range(len(models))), "ticktext": [_marked(model) for model in models]}
    bounds = [len(models) - 0.5, -0.5]
    return figure.update_yaxes(automargin=True, range=bounds, showgrid=False, zeroline=False, **names)


def wins(labels: Sequence[str], points: Matrix) -> Figure:
    """Row against column: the share of the points won, and of how many; an empty field where two never met.

    Columns have the numbers of the rows: names would not fit on a phone.
    """
    from plotly.graph_objects import Figure

    size = range(len(labels))
    met = [[float(points[row, column] + points[column, row]) for column in size] for row in size]
    share = [[points[row, column] / met[row][column] if met[row][column] else None for column in size] for row in size]
    names = [escape(label) for label in labels]
    texts = [f"{_points(points[row, column])}<br>of {met[row][column]:.0f}" for row in size for column in size]
    places = [(row, column) for row in size for column in size]
    figure = Figure(
        [
            {
                "type": "heatmap",
                "z": share,
                "zmin": 0,
                "zmax": 1,
                "xgap": 2,
                "ygap": 2,
                "showscale": False,
                "colorscale": [[0, _LOST], [0.5, _EVEN], [1, _WON]],
                "customdata": [[[names[row], names[column]] for column in size] for row in size],
                "hovertemplate": "%{customdata[0]} won %{z:.0%} against %{customdata[1]}<extra></extra>",
                "hoverongaps": False,
            },
            {
                "type": "scatter",
                "mode": "text",
                "x": [column for row, column in places if met[row][column]],
                "y": [row for row, column in places if met[row][column]],
                "text": [text for text, (row, column) in zip(texts, places, strict=True) if met[row][column]],
                "textfont": {"color": _ON_THEM, "size": 12},
                "hoverinfo": "skip",
            },
        ]
    )
    figure.update_layout(height=len(labels) * 44 + 40, margin={"l": 4, "r": 4, "t": 4, "b": 4}, **_CLEAR)
    axis = {"tickvals": list(size), "showgrid": False, "zeroline": False, "automargin": True}
    numbered = [f"{number} {name}" for number, name in enumerate(names, 1)]
    columns = [str(number) for number in range(1, len(labels) + 1)]
    figure.update_xaxes(side="top", range=[-0.5, len(labels) - 0.5], ticktext=columns, tickangle=0, **axis)
    return figure.update_yaxes(range=[len(labels) - 0.5, -0.5], ticktext=numbered, **axis)


def against(models: Sequence[Rated], costs: Sequence[float], title: str, *, money: bool) -> Figure:
    """Rating against what an answer costs in money or time; a stepped line joins those nobody beats in both."""
    from plotly.graph_objects import Figure

    best = frontier([(cost, model.rating) for cost, model in zip(costs, models, strict=True)])
    unit: dict[str, Any] = {"tickprefix": "$", "tickformat": "~f"} if money else {"ticksuffix": " s"}
    figure = Figure(
        [
            {
                "type": "scatter",
                "mode": "lines",
                "x": [costs[place] for place in best],
                "y": [models[place].rating for place in best],
                "line": {"color": "rgba(128,128,128,0.8)", "width": 1.5, "dash": "dot", "shape": "hv"},
                "hoverinfo": "skip",
            },
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": list(costs),
                "y": [model.rating for model in models],
                "text": [_marked(model) for model in models],
                "textposition": [_beside(cost, max(costs)) for cost in costs],
                "cliponaxis": False,
                "customdata": [escape(model.label) for model in models],
                "marker": {
                    "opacity": 1,
                    "color": [model.look.colour for model in models],
                    "size": [13 if place in best else 9 for place in range(len(models))],
                },
                "hovertemplate": "%{customdata}: %{y:,.0f} at %{x}<extra></extra>",
            },
        ]
    )
    figure.update_layout(
        height=300,
        title={"text": title, "font": {"size": 13}, "x": 0},
        margin={"l": 4, "r": 12, "t": 34, "b": 4},
        **_CLEAR,
    )
    figure.update_xaxes(
        range=[0, max(costs) * 1.12 or 1], gridcolor=_GRID, zeroline=False, automargin=True, nticks=5, **unit
    )
    low, high = min(model.rating for model in models), max(model.rating for model in models)
    room = 0.25 * (high - low) + 25
    return figure.update_yaxes(
        range=[low - room, high + room], gridcolor=_GRID, zeroline=False, tickformat=",d", automargin=True
    )


def _beside(cost: float, dearest: float) -> str:
    """On the side where there is room."""
    if dearest and cost < 0.33 * dearest:
        return "top right"
    return "top left" if dearest and cost > 0.66 * dearest else "top center"


def _marked(model: Rated) -> str:
    return f"{model.look.mark} {escape(model.model)}"


def _points(points: float) -> str:
    """`7`, `7½`."""
    half = "½" if points % 1 else ""
    return f"{int(points)}{half}" if points >= 1 or not half else half
