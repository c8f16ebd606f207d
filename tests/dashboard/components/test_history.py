"""How past conversations are grouped."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboard.components.history import day_of

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 31, 0, 30, tzinfo=BERLIN)
"""A Tuesday, half an hour old, two days after the clocks went forward."""


@pytest.mark.parametrize(
    ("ago", "day"),
    [
        (timedelta(minutes=29), "Today"),
        (timedelta(minutes=31), "Yesterday"),
        (timedelta(days=1), "Yesterday"),
        (timedelta(days=2), "Sunday"),
        (timedelta(days=6), "Wednesday"),
        (timedelta(days=7), "24 March 2026"),
        (timedelta(days=400), "24 February 2025"),
        (timedelta(minutes=-90), "Today"),
    ],
)
def test_days_are_counted_by_the_readers_calendar(ago: timedelta, day: str) -> None:
    """Midnight decides, not 24 hours; a clock that was ahead is not the future."""
    assert day_of(NOW - ago, NOW) == day
