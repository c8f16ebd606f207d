"""The figures of a card in words, and its sparkline."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

from conductor_core.kinds import Outcome
from conductor_core.metrics.figures import Figures, LastError, Quantiles
from dashboard.components.provider_card import CardFigures, lines, sparkline, tiles

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
FIGURES = Figures(
    attempts={Outcome.OK: 407, Outcome.TIMEOUT: 13, Outcome.CANCELLED: 8},
    requests={Outcome.OK: 407, Outcome.TIMEOUT: 5, Outcome.CANCELLED: 8},
    latency=Quantiles(407, 700.0, 1500.0, 1900.0, 3000.0),
    ttft=Quantiles(400, 300.0, 500.0, 600.0, 900.0),
    pace=Quantiles(390, 84.0, 90.0, 91.0, 99.0),
    cost_reported=0.31,
    priced=420,
)
ERROR = LastError(Outcome.RATE_LIMITED, 429, int((NOW - timedelta(minutes=28)).timestamp() * 1000))


def card(before: Figures | None = None, error: LastError | None = None) -> CardFigures:
    return CardFigures(FIGURES, before, "24 h", error, [])


def test_a_card_says_each_figure_with_its_unit_and_n() -> None:
    """Success is of requests and has its interval; errors are of attempts."""
    assert tiles(FIGURES) == [
        ("Requests answered", "98.8 %", "[97.2–99.5] n 412"),
        ("Attempts failed", "3.1 %", "n 420"),
        ("Latency", "0.70 s · 1.9 s", "p50 · p95, n 407"),
        ("First token", "0.30 s · 0.60 s", "p50 · p95, n 400"),
        ("Pace", "84 tok/s", "p50, n 390"),
        ("Cost", "$0.31", "+ 8 unpriced"),
    ]


def test_what_was_not_measured_is_an_en_dash() -> None:
    """Never a nought."""
    assert [much for _, much, _ in tiles(Figures())] == ["–", "–", "– · –", "– · –", "–", "–"]


def test_the_last_error_is_told_by_the_readers_clock() -> None:
    """An older one with its day: an hour alone would be read as today's, and the day is the reader's."""
    zone, late = timezone(timedelta(hours=1)), NOW + timedelta(hours=9)
    assert lines(card(error=ERROR), zone, NOW) == ["Last error 15:02: rate limited (429)"]
    assert lines(card(error=ERROR), UTC, late) == ["Last error 14:02: rate limited (429)"]
    assert lines(card(error=ERROR), zone, late) == ["Last error 23 Nov 15:02: rate limited (429)"]


def test_it_is_compared_with_the_span_before() -> None:
    """Where there was one; without a change worth a word it says so."""
    assert lines(card(before=FIGURES), UTC) == ["To the 24 h before: much the same"]
    assert lines(card(before=Figures()), UTC) == []


def test_a_sparkline_leaves_gaps_and_shows_a_lonely_point() -> None:
    """Two runs of points and a dot, nothing across the gaps, nothing outside the box."""
    nan = math.nan
    runs = sparkline([1.0, 2.0, nan, 3.0, nan, 1.0, 0.0])
    assert [len(set(run.split())) for run in runs] == [2, 1, 2]
    assert all(0 <= float(point.partition(",")[2]) <= 26 for run in runs for point in run.split())


def test_a_sparkline_is_no_longer_than_it_is_wide() -> None:
    """It is sent every other second."""
    assert len("".join(sparkline([1.0, 2.0] * 50))) < 600


def test_a_sparkline_of_nothing_is_empty() -> None:
    """No values, only gaps, or only noughts draw without an error."""
    assert sparkline([]) == sparkline([math.nan]) == []
    assert len(sparkline([0.0, 0.0])) == 1
