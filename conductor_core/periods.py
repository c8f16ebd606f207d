"""Days and months of the clock on the wall, and what was spent and reserved in one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from conductor_core.store.spending import Account, Bounds, Payer

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


class Taken(NamedTuple):
    """What is gone of a budget, in USD: by calls that have ended, and by those that run."""

    spent: float
    held: float

    def leaves(self, usd: float, limit: float) -> bool:
        """Whether a call that may cost so much fits beside it."""
        return self.spent + self.held + usd <= limit + ROUNDING


class Others(NamedTuple):
    """What was read last of the calls that are not this process's: USD of those that have ended, and of those that run.

    They are those of before its start, and those of other copies of the app on the same database.
    """

    spent: dict[str, float]
    held: dict[str, float]


class Period:
    """One day or month: its bounds in UTC seconds, and USD by provider (`ALL`: the sum), or by key.

    `others` is None until it was read.
    """

    __slots__ = ("end", "held", "others", "span", "spent", "start")

    def __init__(self, span: Span, start: float, end: float) -> None:
        self.span, self.start, self.end = span, start, end
        self.others: Others | None = None
        self.spent: dict[str, float] = {}
        self.held: dict[str, float] = {}

    @property
    def bounds(self) -> Bounds:
        """[start, end) in UTC ms."""
        return int(self.start * 1000), int(self.end * 1000)

    def learn(self, account: Account, whose: Callable[[Payer], Iterable[str]]) -> None:
        """Takes over what others' calls cost.

        Args:
            whose: whom a call counts for.
        """
        others = Others({}, {})
        for payer, usd in account.ended.items():
            _count(others.spent, payer, usd, whose)
        for call in account.running:
            _count(others.held, call.payer, call.usd, whose)
        self.others = others

    def hold(self, provider: str, usd: float) -> None:
        """Reserves."""
        for key in (provider, ALL):
            self.held[key] = self.held.get(key, 0.0) + usd

    def settle(self, provider: str, reserved: float, actual: float) -> None:
        """Gives back what was reserved for what it cost."""
        for key in (provider, ALL):
            self.held[key] = self.held.get(key, 0.0) - reserved
            self.spent[key] = self.spent.get(key, 0.0) + actual

    def taken_by(self, provider: str) -> Taken:
        """What is spent and held of its budget."""
        others = self.others or Others({}, {})
        held = others.held.get(provider, 0.0) + self.held.get(provider, 0.0)
        spent = others.spent.get(provider, 0.0) + self.spent.get(provider, 0.0)
        return Taken(spent, held if held > ROUNDING else 0.0)


class Periods:
    """The days or months that were looked at lately. Any thread may ask.

    Args:
        opened: when this process began to count, UTC s: of a period begun since there are no earlier calls.
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
                period.others = Others({}, {})
            self._known.append(period)
            del self._known[:-_KEPT]
            return period


def _count(sums: dict[str, float], payer: Payer, usd: float, whose: Callable[[Payer], Iterable[str]]) -> None:
    if not payer.ours:
        for one in whose(payer):
            sums[one] = sums.get(one, 0.0) + usd


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
