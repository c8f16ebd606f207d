"""Figures as people read them."""

from __future__ import annotations

import pytest

from conductor_core.kinds import CostKind
from dashboard.components import numbers


def test_figures_are_not_broken_apart() -> None:
    """A narrow page breaks the line after a dot, and nowhere else."""
    assert (
        numbers.unbroken("1.5 s first · 16 → 8 · free") == "1.5\u00a0s\u00a0first\u00a0· 16\u00a0→\u00a08\u00a0· free"
    )


def test_what_is_not_there_yet_is_an_en_dash() -> None:
    """Never 0."""
    missing = [
        numbers.seconds(None),
        numbers.rate(None),
        numbers.tokens(None, None),
        numbers.count(None),
        numbers.money(None),
        numbers.money(None, None),
        numbers.total(None),
        numbers.percent(None),
        numbers.success(0, 0),
    ]
    assert missing == ["–"] * len(missing)


@pytest.mark.parametrize(
    ("usd", "written"),
    [
        (0.0, "$0.00"),
        (0.000000001, "< $0.000001"),
        (0.000022, "$0.000022"),
        (0.0004, "$0.0004"),
        (0.00042, "$0.00042"),
        (0.000426, "$0.00043"),
        (0.0099, "$0.0099"),
        (0.00999, "$0.01"),
        (0.314, "$0.31"),
        (1.27, "$1.27"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money_has_two_significant_digits_below_a_cent(usd: float, written: str) -> None:
    """And two decimals above."""
    assert numbers.money(usd) == written


def test_money_says_how_it_is_known() -> None:
    """Estimates carry a tilde; free and unknown are words."""
    assert numbers.money(0.31, CostKind.ESTIMATED) == "~$0.31"
    assert numbers.money(0.0, CostKind.FREE) == "free"
    assert numbers.money(None, CostKind.UNKNOWN) == "price unknown"


def test_a_total_names_what_it_leaves_out() -> None:
    """Calls of unknown price are never taken as nothing."""
    assert numbers.total(0.31, estimated=True, unpriced=3) == "~$0.31 + 3 unpriced"
    assert numbers.total(None, unpriced=3) == "price unknown"
    assert numbers.total(0.0, free=True) == "free"
    assert numbers.total(0.0, free=True, unpriced=1) == "free + 1 unpriced"


@pytest.mark.parametrize(
    ("share", "written"), [(1.0, "100 %"), (0.0, "0 %"), (0.9887, "98.9 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %")]
)
def test_a_share_is_not_rounded_to_all_or_nothing(share: float, written: str) -> None:
    """100 % means that nothing failed."""
    assert numbers.percent(share) == written


def test_success_shows_interval_and_n() -> None:
    """The interval goes away from a thousand calls on, n never."""
    assert numbers.success(407, 412) == "98.8 % [97.2–99.5] n 412"
    assert numbers.success(3, 3) == "100 % [43.9–100] n 3"
    assert numbers.success(1200, 1204) == "99.7 % n 1,204"


def test_tokens_and_rates() -> None:
    """In and out with an arrow, a tilde when we counted them."""
    assert numbers.tokens(31, 1118) == "31 → 1,118"
    assert numbers.tokens(31, 118, estimated=True) == "~31 → 118"
    assert numbers.tokens(31, None) == "31 → –"
    assert (numbers.rate(84.2), numbers.rate(9.96), numbers.rate(9.94)) == ("84 tok/s", "10 tok/s", "9.9 tok/s")


def test_seconds_are_the_cores_own() -> None:
    """The same words in a receipt and on a card."""
    assert numbers.seconds(420.0) == "0.42 s"


def test_places_are_ordinals() -> None:
    """As they are spoken."""
    assert [numbers.ordinal(number) for number in range(1, 9)] == [
        "1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th",
    ]  # fmt: skip
