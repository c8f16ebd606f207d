"""Days and months, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_core.periods import ALL, Period, Periods, Span, period_around


@settings(max_examples=50, deadline=None)
@given(
    zone=st.sampled_from(["Europe/Zurich", "America/Havana", "Africa/Cairo", "Pacific/Apia", "Asia/Kathmandu"]),
    now=st.floats(1_230_000_000, 1_900_000_000),
)
def test_every_moment_lies_in_one_day_and_one_month(zone: str, now: float) -> None:
    """Of its own date: the day's first moment has it, the moment before has not; so with the month."""
    place = ZoneInfo(zone)
    for span, form in ((Span.DAY, "%Y-%m-%d"), (Span.MONTH, "%Y-%m")):
        period = period_around(span, now, place)
        assert period.start <= now < period.end
        own = datetime.fromtimestamp(now, place).strftime(form)
        for inside, moment in (
            (True, period.start),
            (True, period.end - 1),
            (False, period.start - 1),
            (False, period.end),
        ):
            assert (datetime.fromtimestamp(moment, place).strftime(form) == own) is inside


def test_the_machines_own_zone_is_taken_when_none_is_named() -> None:
    """A day begins at midnight of the clock this process goes by."""
    now = datetime(2026, 5, 17, 15, 30).astimezone()
    assert period_around(Span.DAY, now.timestamp(), None).start == now.replace(hour=0, minute=0).timestamp()
    assert period_around(Span.MONTH, now.timestamp(), None).start <= now.timestamp()


def test_a_period_counts_by_provider_and_in_all() -> None:
    """What is held turns into what was spent; earlier calls come on top."""
    period = Period(Span.DAY, 0.0, 86_400.0)
    period.hold("openai", 0.3)
    period.hold("gemini", 0.1)
    period.settle("openai", 0.3, 0.25)
    period.earlier = {"openai": 1.0, ALL: 3.0}
    assert (period.spent_by("openai"), period.held_by("openai")) == (1.25, 0.0)
    assert (period.spent_by(ALL), round(period.held_by(ALL), 9)) == (3.25, 0.1)


def test_a_budget_has_room_up_to_its_limit() -> None:
    """What is held counts like what is spent; sums of prices may be off by a rounding."""
    period = Period(Span.DAY, 0.0, 86_400.0)
    period.hold("openai", 0.1)
    period.settle("openai", 0.0, 0.2)
    assert period.has_room("openai", 0.7, 1.0)
    assert not period.has_room("openai", 0.71, 1.0)


def test_a_moment_has_its_period_and_keeps_it() -> None:
    """Also when the clock was set back; those long past are forgotten. Nothing is earlier than what began since."""
    noon, day = datetime(2026, 5, 17, 12, tzinfo=UTC).timestamp(), 86_400.0
    days = Periods(Span.DAY, noon, UTC)
    today, tomorrow = days.of(noon), days.of(noon + day)
    assert (today.earlier, tomorrow.earlier) == (None, {})
    assert days.of(tomorrow.start) is tomorrow
    assert days.of(tomorrow.start - 1) is today
    for later in range(2, 5):
        days.of(noon + later * day)
    assert days.of(noon + day) is tomorrow
    assert days.of(noon) is not today
