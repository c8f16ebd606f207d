"""Days and months, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_core.periods import ALL, Others, Period, Periods, Span, period_around
from conductor_core.store.spending import Account, Payer, Running


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
    """What is held turns into what was spent; others' calls come on top."""
    period = Period(Span.DAY, 0.0, 86_400.0)
    period.hold("openai", 0.3)
    period.hold("gemini", 0.1)
    period.settle("openai", 0.3, 0.25)
    assert period.taken_by("openai") == (0.25, 0.0)
    period.others = Others({"openai": 1.0, ALL: 3.0}, {"gemini": 0.5, ALL: 0.5})
    assert period.taken_by("openai") == (1.25, 0.0)
    assert period.taken_by(ALL) == pytest.approx((3.25, 0.6))


def test_a_budget_has_room_up_to_its_limit() -> None:
    """What is held counts like what is spent; sums of prices may be off by a rounding."""
    period = Period(Span.DAY, 0.0, 86_400.0)
    period.hold("openai", 0.1)
    period.settle("openai", 0.0, 0.2)
    assert period.taken_by("openai").leaves(0.7, 1.0)
    assert not period.taken_by("openai").leaves(0.71, 1.0)
    period.others = Others({}, {"openai": 0.1})
    assert not period.taken_by("openai").leaves(0.7, 1.0)


def test_others_calls_count_once() -> None:
    """Those of this process are known already; of the others the ended ones are spent, and the running ones hold."""
    period = Period(Span.DAY, 0.0, 86_400.0)
    ours, others, keyed = (
        Payer("openai", None, ours=True),
        Payer("openai", None, ours=False),
        Payer("a", "k", ours=False),
    )
    account = Account({ours: 1.0, others: 2.0, keyed: 4.0}, [Running(1, "x", ours, 8.0), Running(2, "y", keyed, 16.0)])
    period.learn(account, lambda payer: (payer.provider, ALL))
    assert period.taken_by("openai") == (2.0, 0.0)
    assert period.taken_by("a") == (4.0, 16.0)
    assert period.taken_by(ALL) == (6.0, 16.0)
    period.learn(account, lambda payer: filter(None, [payer.key_id]))
    assert period.taken_by("k") == (4.0, 16.0)
    assert period.taken_by(ALL) == (0.0, 0.0)


def test_a_moment_has_its_period_and_keeps_it() -> None:
    """Also when the clock was set back; those long past are forgotten. Nothing is earlier than what began since."""
    noon, day = datetime(2026, 5, 17, 12, tzinfo=UTC).timestamp(), 86_400.0
    days = Periods(Span.DAY, noon, UTC)
    today, tomorrow = days.of(noon), days.of(noon + day)
    assert (today.others, tomorrow.others) == (None, Others({}, {}))
    assert days.of(tomorrow.start) is tomorrow
    assert days.of(tomorrow.start - 1) is today
    for later in range(2, 5):
        days.of(noon + later * day)
    assert days.of(noon + day) is tomorrow
    assert days.of(noon) is not today
