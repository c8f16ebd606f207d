"""The figures of a card in words, and its sparkline."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from conductor_core.metrics.frames import Summary

from dashboard.components.provider_card import rows, sparkline

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
FIGURES = Summary(
    calls=420,
    successes=407,
    judged=412,
    p50_ms=700.0,
    p95_ms=1900.0,
    ttft_ms=300.0,
    tokens_per_second=84.0,
    cost_usd=0.31,
    estimated=False,
    free=False,
    unpriced=0,
    last_error="rate_limited",
    last_error_at=int((NOW - timedelta(minutes=28)).timestamp() * 1000),
    last_status=429,
)


def test_a_card_says_each_figure_with_its_unit_and_n() -> None:
    """The percentiles, the interval, the reader's hour of the last error."""
    assert rows(FIGURES, timezone(timedelta(hours=1)), NOW) == [
        ("Success", "98.8 % [97.2–99.5] n 412"),
        ("Latency", "p50 0.70 s · p95 1.9 s"),
        ("First token", "0.30 s · 84 tok/s"),
        ("Cost", "$0.31"),
        ("Last error", "15:02 rate limited (429)"),
    ]


def test_an_older_error_is_told_with_its_day() -> None:
    """An hour alone would be read as today's."""
    assert rows(FIGURES, UTC, NOW + timedelta(days=2))[-1] == ("Last error", "Nov 23, 14:02 rate limited (429)")


def test_without_an_error_there_is_no_line_for_one() -> None:
    """And what was not measured is an en dash."""
    told = dict(rows(replace(FIGURES, last_error=None, p50_ms=None, p95_ms=None), UTC))
    assert "Last error" not in told
    assert told["Latency"] == "p50 – · p95 –"


def test_a_sparkline_leaves_gaps_and_shows_a_lonely_point() -> None:
    """Two runs of points and a dot, nothing across the gaps, nothing outside the box."""
    nan = math.nan
    drawn = sparkline([1.0, 2.0, nan, 3.0, nan, 1.0, 0.0], "#0072B2")
    runs = re.findall(r'points="([^"]+)"', drawn)
    assert [len(set(run.split())) for run in runs] == [2, 1, 2]
    assert all(0 <= float(point.partition(",")[2]) <= 26 for run in runs for point in run.split())


def test_a_sparkline_of_nothing_is_empty() -> None:
    """No values, only gaps, or only noughts draw without an error."""
    assert "polyline" not in sparkline([], "#0072B2")
    assert "polyline" not in sparkline([math.nan], "#0072B2")
    assert sparkline([0.0, 0.0], "#0072B2").count("polyline") == 1
