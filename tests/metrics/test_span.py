"""Spans: whole buckets by the reader's clock, whatever that does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.metrics.span import DAY, HOUR, LONGEST, MINUTE, Range, Span
from tests.metrics.histories import MOMENTS, ZONES

QUARTER = 15 * MINUTE
NOWS = st.integers(min(MOMENTS) - 400 * DAY, max(MOMENTS) + 400 * DAY) | st.sampled_from(MOMENTS)


def local(at: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone)


@given(NOWS, st.sampled_from(Range), st.sampled_from(ZONES))
def test_a_range_ends_in_the_bucket_of_now(now: int, range: Range, zone: tzinfo) -> None:
    """It is as long as it says, give or take an hour that the clock was put forward or back."""
    span = Span.ending(now, range, zone)
    assert span.edges[-2] <= now < span.until
    assert abs(span.until - span.since - range.span_ms) <= HOUR
    assert len(span.starts) <= 100
    assert all(low < high for low, high in pairwise(span.edges))
    assert span.bucket_of(now) == len(span.starts) - 1
    assert (span.before.until, span.before.until - span.before.since) == (span.since, span.until - span.since)


@given(NOWS, st.sampled_from([Range.MONTH, Range.SEASON]), st.sampled_from(ZONES))
def test_days_begin_at_the_readers_midnight(now: int, range: Range, zone: tzinfo) -> None:
    """Also around a change of the clock: a day then has 23 or 25 hours, or half an hour more or less."""
    span = Span.ending(now, range, zone)
    begins = [local(edge, zone) for edge in span.edges]
    assert {(begin.hour, begin.minute) for begin in begins} == {(0, 0)}
    assert [begin.date() for begin in begins] == [begins[0].date() + timedelta(days=n) for n, _ in enumerate(begins)]


@given(NOWS, st.integers(1, LONGEST), st.sampled_from(ZONES))
def test_a_custom_span_covers_what_was_asked_in_whole_buckets(since: int, length: int, zone: tzinfo) -> None:
    """With not a bucket more than it takes, and not too many to draw."""
    span = Span.between(since, since + length, zone)
    assert span.since <= since < span.edges[1]
    assert span.edges[-2] < since + length <= span.until
    assert len(span.starts) <= 103
    if span.edges[1] - span.since >= 15 * MINUTE:
        assert all(edge % QUARTER == 0 for edge in span.edges)
    elif span.edges[1] - span.since >= MINUTE:
        assert all(edge % MINUTE == 0 for edge in span.edges)


def test_a_midnight_that_the_clock_skips_is_the_moment_after_it() -> None:
    """In Beirut summer begins at midnight: the day begins at one o'clock."""
    zone = ZoneInfo("Asia/Beirut")
    span = Span.ending(int(datetime(2025, 3, 31, 12, tzinfo=UTC).timestamp() * 1000), Range.MONTH, zone)
    assert local(span.edges[-3], zone).isoformat() == "2025-03-30T01:00:00+03:00"
    assert span.edges[-2] - span.edges[-3] == 23 * HOUR


@pytest.mark.parametrize(("since", "until"), [(5, 5), (6, 5), (-1, 5), (0, LONGEST + 1)])
def test_a_span_that_makes_no_sense_is_refused(since: int, until: int) -> None:
    """Empty, backwards, before time began, or longer than anybody keeps hours for."""
    with pytest.raises(ValueError, match="longer than nothing"):
        Span.between(since, until)


@given(NOWS, st.sampled_from(ZONES))
def test_every_moment_is_in_one_bucket(now: int, zone: tzinfo) -> None:
    """The first moment of a bucket is its own, the last one not the next one's."""
    span = Span.ending(now, Range.DAY, zone)
    for place, (low, high) in enumerate(pairwise(span.edges)):
        assert (span.bucket_of(low), span.bucket_of(high - 1)) == (place, place)
