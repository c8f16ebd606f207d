"""Spans of time that people look at, and the edges of their charts' buckets by the reader's clock."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_STEPS = (
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
)
_MOST_BUCKETS = 100

LONGEST = 400 * DAY
"""The longest span a page may ask for, in ms."""


class Range(StrEnum):
    """How far back a page looks."""

    FIVE_MINUTES = "5m"
    QUARTER = "15m"
    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    SEASON = "90d"

    @property
    def span_ms(self) -> int:
        return _SPANS[self]


_SPANS = {
    Range.FIVE_MINUTES: 5 * MINUTE,
    Range.QUARTER: 15 * MINUTE,
    Range.HOUR: HOUR,
    Range.DAY: DAY,
    Range.WEEK: 7 * DAY,
    Range.MONTH: 30 * DAY,
    Range.SEASON: 90 * DAY,
}


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring buckets of time: bucket i is [edges[i], edges[i + 1]), in UTC ms. Days are the reader's own.

    Of a bucket of a day or more every edge is a midnight of the reader's, so around a change of the clock a day has
    23 or 25 hours. Shorter buckets are all of one width.
    """

    edges: tuple[int, ...]

    @classmethod
    def ending(cls, now: int, range: Range, zone: tzinfo = UTC) -> Span:
        """The buckets of a range up to `now` (UTC ms), the last one still filling."""
        width = _step(range.span_ms)
        if width < DAY:
            until = _up(now, width, zone)
            return cls(_even(until - range.span_ms, until, width))
        days = range.span_ms // DAY
        today = _day_of(now, zone)
        return cls(tuple(_midnight(today - timedelta(days=back), zone) for back in builtin_range(days - 1, -2, -1)))

    @classmethod
    def between(cls, since: int, until: int, zone: tzinfo = UTC) -> Span:
        """The buckets that cover [since, until), UTC ms: widened to whole buckets.

        Raises:
            ValueError: it is empty, or longer than `LONGEST`.
        """
        if not 0 <= since < until or until - since > LONGEST:
            raise ValueError(f"a span is longer than nothing and at most {LONGEST // DAY} days")
        width = _step(until - since)
        if width < DAY:
            return cls(_even(_down(since, width, zone), _up(until - 1, width, zone), width))
        days = width // DAY
        first, last = _day_of(since, zone), _day_of(until - 1, zone)
        edges = [_midnight(first, zone)]
        while edges[-1] < until:
            first += timedelta(days=days)
            edges.append(_midnight(first, zone))
        assert first > last
        return cls(tuple(edges))

    @property
    def since(self) -> int:
        return self.edges[0]

    @property
    def until(self) -> int:
        return self.edges[-1]

    @property
    def starts(self) -> tuple[int, ...]:
        return self.edges[:-1]

    @property
    def before(self) -> Span:
        """As long a span just before this one, as one bucket: to compare with."""
        return Span((self.since - (self.until - self.since), self.since))

    def bucket_of(self, at: int) -> int:
        """The number of the bucket that holds a moment of the span."""
        return bisect_right(self.edges, at) - 1


builtin_range = range


def _step(length: int) -> int:
    """The width of one bucket: as fine as gives at most so many; from a day on whole days."""
    for step in _STEPS:
        if length <= step * _MOST_BUCKETS:
            return step
    days = -(-length // (_MOST_BUCKETS * DAY))
    return max(days, 1) * DAY


def _even(since: int, until: int, width: int) -> tuple[int, ...]:
    return tuple(builtin_range(since, until + 1, width))


def _offset(at: int, zone: tzinfo) -> int:
    """The zone's distance from UTC at a moment, in ms."""
    found = datetime.fromtimestamp(at / 1000, zone).utcoffset()
    return int(found.total_seconds() * 1000) if found else 0


def _down(at: int, width: int, zone: tzinfo) -> int:
    """The last edge at or before a moment, counted from the reader's midnight."""
    offset = _quarters(_offset(at, zone))
    return (at + offset) // width * width - offset


def _up(at: int, width: int, zone: tzinfo) -> int:
    """The first edge after a moment."""
    return _down(at, width, zone) + width


def _quarters(offset: int) -> int:
    """Offsets of before 1972 have odd minutes; edges stay on quarters of an hour, which calls are added up by."""
    return offset // (15 * MINUTE) * (15 * MINUTE)


def _day_of(at: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _midnight(day: datetime, zone: tzinfo) -> int:
    """Where a day begins, UTC ms; where its midnight is skipped by a change of the clock, the first moment after it."""
    naive = day.replace(tzinfo=None)
    return int(naive.replace(tzinfo=zone).timestamp() * 1000) // (15 * MINUTE) * (15 * MINUTE)
