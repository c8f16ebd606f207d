"""Which stored buckets make up a bucket of a chart."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from conductor_core.metrics.reading import cover, pieces
from conductor_core.metrics.rollup import LEVELS, MINUTE_MS
from conductor_core.metrics.span import DAY, Range, Span
from tests.metrics.histories import MOMENTS, ZONES

BEGIN = 21_900 * DAY
MINUTES = st.integers(0, 4 * 1440)


def rows_read(span: Span) -> int:
    """Stored buckets per series that a span costs; what two pieces share is read once."""
    parts = {piece[:2] for low, high in pairwise(span.edges) for piece in pieces(low, high)}
    return sum((end - begin) // (level * MINUTE_MS) for part in parts for level, begin, end in cover(*part))


@given(MINUTES, st.integers(1, 3 * 1440))
def test_a_cover_fills_its_time_without_gap_or_overlap(begin: int, length: int) -> None:
    """With buckets that are whole, and none finer than it has to be."""
    low = BEGIN + begin * MINUTE_MS
    high = low + length * MINUTE_MS
    parts = cover(low, high)
    assert [parts[0][1], *(end for _, _, end in parts)] == [*(start for _, start, _ in parts), high]
    assert parts[0][1] == low
    for level, start, end in parts:
        width = level * MINUTE_MS
        assert start % width == end % width == 0
        larger = next((one * MINUTE_MS for one in LEVELS if one > level), None)
        assert larger is None or -(-start // larger) * larger + larger > end


@given(MINUTES, st.integers(1, 3 * 1440))
def test_pieces_add_up_to_every_minute_once(begin: int, length: int) -> None:
    """What is put in too much is taken out."""
    low = BEGIN + begin * MINUTE_MS
    high = low + length * MINUTE_MS
    minutes: Counter[int] = Counter()
    for piece in pieces(low, high):
        for minute in range(piece.begin, piece.end, MINUTE_MS):
            minutes[minute] += piece.sign
    assert {minute: count for minute, count in minutes.items() if count} == dict.fromkeys(
        range(low, high, MINUTE_MS), 1
    )


@given(st.sampled_from(MOMENTS), st.sampled_from(ZONES))
def test_three_months_cost_few_buckets_in_any_zone(now: int, zone: tzinfo) -> None:
    """A day by the reader's clock costs one day, and the hours between his midnight and that of UTC."""
    offset = abs((datetime.fromtimestamp(now / 1000, zone).utcoffset() or timedelta()).total_seconds())
    hours = min(offset, 86_400 - offset) / 3600 + 1
    assert rows_read(Span.ending(now, Range.SEASON, zone)) <= 91 * (1 + hours + 4) + 60


def test_in_delhi_a_day_costs_eight_buckets_and_in_berlin_three() -> None:
    """Not 27 and 24."""
    now = MOMENTS[-1]
    assert rows_read(Span.ending(now, Range.SEASON, ZoneInfo("Asia/Kolkata"))) < 91 * 8 + 10
    assert rows_read(Span.ending(now, Range.SEASON, ZoneInfo("Europe/Berlin"))) < 91 * 3 + 10
