"""One budget and how it stands, in words people read."""

from __future__ import annotations

import pytest

from conductor_core.budget import NEAR, Budget, BudgetLine, dollars
from conductor_core.periods import ALL, Span


@pytest.mark.parametrize(
    ("usd", "written"),
    [(5, "$5.00"), (0, "$0.00"), (1234.5, "$1,234.50"), (0.0016, "$0.0016"), (0.00000001, "$0.000001")],
)
def test_amounts_are_written_with_their_cents(usd: float, written: str) -> None:
    """Below a cent with as many digits as it takes."""
    assert dollars(usd) == written


@pytest.mark.parametrize(
    ("spent", "held", "said"),
    [
        (1.0, 10 * NEAR - 1.01, ""),
        (1.0, 10 * NEAR - 1.0, "Today's budget of $10.00 is 80 % used."),
        (10.0, 0.0, "Today's budget of $10.00 is used up."),
        (0.0, 10.0, "Today's budget of $10.00 is 100 % used."),
    ],
)
def test_a_line_warns_from_four_fifths_on(spent: float, held: float, said: str) -> None:
    """What running calls hold counts with what is spent, but is not used up yet."""
    line = BudgetLine(Budget(Span.DAY, ALL, 10.0, "CONDUCTOR_BUDGET_DAY"), spent, held, 0)
    assert line.warning == said


def test_a_budget_of_nothing_is_used_up() -> None:
    """Nought of nought is all of it."""
    assert BudgetLine(Budget(Span.MONTH, "openai", 0.0, "…", "OpenAI"), 0.0, 0.0, 0).near


def test_a_budget_is_named_by_its_span_and_whose_it_is() -> None:
    """As people call it."""
    assert Budget(Span.MONTH, "openai", 1.0, "…", "OpenAI").name == "This month's budget for OpenAI"
