"""Days and months of the clock on the wall, and what was spent and reserved in one of them."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

ALL = ""
"""In place of a provider: the whole installation."""
ROUNDING = 1e-9
"""USD by which sums of prices may be off."""
_KEPT = 4
"""How many days, or months, are remembered: the clock may be set back."""


class Span(StrEnum):
    """How long a budget lasts."""

    DAY = "day"
    MONTH = "month"


class Period:
    """One day or month: its bounds in UTC seconds, and USD by provider (`ALL`: the sum).

    `earlier` is what calls of before this start cost; None until it was read.
    """

    __slots__ = ("earlier", "end", "held", "span", "spent", "start")

    def __init__(self, span: Span, start: float, end: float) -> None:
        self.span, self.start, self.end = span, start, end
        self.earlier: dict[str, float] | None = None
        self.spent: dict[str, float] = {}
        self.held: dict[str, float] = {}

    def hold(self, provider: str, usd: float) -> None:
        """Reserves."""
        for key in (provider, ALL):
            self.held[key] = self.held.get(key, 0.0) + usd

    def settle(self, provider: str, reserved: float, actual: float) -> None:
        """Gives back what was reserved for what it cost."""
        for key in (provider, ALL):
            self.held[key] = self.held.get(key, 0.0) - reserved
            self.spent[key] = self.spent.get(key, 0.0) + actual

    def spent_by(self, provider: str) -> float:
        """USD of every call that has ended, and of what an earlier process left."""
        return (self.earlier or {}).get(provider, 0.0) + self.spent.get(provider, 0.0)

    def held_by(self, provider: str) -> float:
        """USD that running calls have reserved."""
        held = self.held.get(provider, 0.0)
        return held if held > ROUNDING else 0.0

    def has_room(self, provider: str, usd: float, limit: float) -> bool:
        """Whether a call that may cost so much fits into a budget."""
        return self.spent_by(provider) + self.held_by(provider) + usd <= limit + ROUNDING


class Periods:
    """The days or months that were looked at lately. Any thread may ask.

    Args:
        opened: when this process began to count, UTC s: a period begun since has no earlier calls.
        zone: whose days and months; None: the machine's.
    """

    def __init__(self, span: Span, opened: float, zone: tzinfo | None) -> None:
        self._span = span
        self._opened = opened
        self._zone = zone
        self._known: list[Period] = []
        self._lock = threading.Lock()

    def of(self, now: float) -> Period:
        """The one of a moment, UTC s."""
        with self._lock:
            for period in self._known:
                if period.start <= now < period.end:
                    return period
            period = period_around(self._span, now, self._zone)
            if period.start >= self._opened:
                period.earlier = {}
            self._known.append(period)
            del self._known[:-_KEPT]
            return period


def period_around(span: Span, now: float, zone: tzinfo | None) -> Period:
    """The day or month around a moment. Midnight is a time on the clock: a day may have 23 or 25 hours, and where
    clocks are put forward at midnight, it begins at one."""
    today = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if span is Span.DAY:
        start, following = today, today.date() + timedelta(days=1)
    else:
        start = today.replace(day=1)
        following = (start + timedelta(days=32)).date().replace(day=1)
    end = datetime(following.year, following.month, following.day, tzinfo=zone)
    return Period(span, start.timestamp(), end.timestamp())
