"""The figures that are drawn: gaps stay gaps, and a provider has its colour in each."""

from __future__ import annotations

import math
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from conductor_core.metrics.frames import COLUMNS, Range, Window, buckets, frame

from conductor_core.kinds import CostKind
from dashboard.components import charts
from dashboard.components.charts import LaneFigures, Series
from dashboard.components.identity import VENDORS, Palette

NOW = 1_790_000_000_000
WINDOW = Window.ending(NOW, Range.QUARTER)


def call(started: int, **fields: object) -> tuple[object, ...]:
    usual = {"id": str(started), "started_at": started, "provider": "gemini", "outcome": "ok", "cost_kind": "reported"}
    row = dict.fromkeys(COLUMNS) | usual | fields
    return tuple(row[name] for name in COLUMNS)


@pytest.fixture
def lines() -> list[Series]:
    """Gemini answered in the first and in the third bucket; OpenAI failed once in the second."""
    first, second, third = WINDOW.starts[:3]
    calls = frame(
        [
            call(first, latency_ms=1500.0, cost_usd=0.25),
            call(second, provider="openai", outcome="timeout", cost_kind="unknown"),
            call(third, latency_ms=500.0, cost_usd=0.5),
        ]
    )
    found = buckets(calls, WINDOW)
    return charts.series(found, ["openai", "gemini"], UTC, str.title, Palette([]).of)


def test_series_keep_the_order_given_and_cover_the_whole_range(lines: list[Series]) -> None:
    """The same order in each chart and in the legend, whoever was called first."""
    assert [line.label for line in lines] == ["Openai", "Gemini"]
    assert [len(line.rows) for line in lines] == [30, 30]


def test_times_are_the_readers() -> None:
    """The axis shows the hour on the reader's wall, also where it is half an hour off."""
    found = buckets(frame([call(NOW)]), WINDOW)
    (line,) = charts.series(found, ["gemini"], ZoneInfo("Asia/Kolkata"), str, Palette([]).of)
    utc = charts.series(found, ["gemini"], UTC, str, Palette([]).of)[0].rows["at"]
    assert list((line.rows["at"] - utc).dt.total_seconds().unique()) == [5.5 * 3600]


def test_an_empty_bucket_is_a_gap_in_the_latency(lines: list[Series]) -> None:
    """Neither a zero nor a line drawn across it."""
    p50 = charts.latency(lines).data[2]
    assert p50.y[0] == 1.5
    assert math.isnan(p50.y[1])
    assert p50.y[2] == 0.5
    assert not p50.connectgaps


def test_a_failed_bucket_is_nought_in_the_success_rate_and_a_gap_in_the_cost(lines: list[Series]) -> None:
    """Nothing succeeded is a measurement; a price nobody knows is not."""
    assert charts.success_rate(lines).data[0].y[1] == 0
    assert math.isnan(charts.cost(lines).data[0].y[1])


def test_every_chart_has_the_providers_colours(lines: list[Series]) -> None:
    """One table for all of them."""
    wanted = [VENDORS["openai"].colour, VENDORS["gemini"].colour]
    for figure in (charts.success_rate(lines), charts.cost(lines)):
        assert [trace.marker.color for trace in figure.data] == wanted
    assert [trace.marker.color for trace in charts.latency(lines).data] == [wanted[0]] * 2 + [wanted[1]] * 2


def test_rates_and_money_begin_at_nought_and_all_charts_share_their_time(lines: list[Series]) -> None:
    """A small change must not look like a cliff, and what stands below each other happened together."""
    figures = [charts.latency(lines), charts.success_rate(lines), charts.cost(lines)]
    assert [figure.layout.yaxis.rangemode for figure in figures] == ["tozero", None, "tozero"]
    assert figures[1].layout.yaxis.range[0] <= 0
    assert len({figure.layout.xaxis.range for figure in figures}) == 1


def test_charts_leave_background_and_fonts_to_the_theme(lines: list[Series]) -> None:
    """They are read in light and in dark."""
    layout = charts.latency(lines).layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert layout.font.color is None


def test_no_calls_make_empty_charts() -> None:
    """And no error."""
    assert len(charts.latency([]).data) == 0


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


def test_a_label_is_text_and_never_a_link() -> None:
    """A model's name may come from an upstream, and plotly would draw its HTML."""
    link = "<a href='http://evil.test'>m</a>"
    figure = charts.lanes([LaneFigures(link, VENDORS["local"], None, None, None, None, None)])
    (line,) = charts.series(buckets(frame([call(NOW)]), WINDOW), ["gemini"], UTC, lambda _: link, Palette([]).of)
    assert "<a" not in figure.to_json() + charts.latency([line]).to_json()
