"""The budgets in the sidebar."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from conductor_core.budget import Budget, BudgetLine
from conductor_core.periods import Span
from dashboard.components.budget_line import shown, words
from tests.dashboard.app_pages.pages import Install

DAY = Budget(Span.DAY, "", 5.0, "CONDUCTOR_BUDGET_DAY")
OPENAI = Budget(Span.MONTH, "openai", 20.0, "CONDUCTOR_BUDGETS__OPENAI__MONTH", "OpenAI")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (BudgetLine(DAY, 0.12, 0.0, 0), "Today $0.12 of $5.00"),
        (BudgetLine(DAY, 0.0, 0.02, 0), "Today $0.00 of $5.00, $0.02 held by running calls"),
        (BudgetLine(OPENAI, 19.5, 0.0, 0), "This month at OpenAI $19.50 of $20.00"),
    ],
)
def test_a_budget_is_one_line(line: BudgetLine, said: str) -> None:
    """What is spent of what, and what running calls may still cost."""
    assert words(line) == said


def test_a_providers_budget_is_shown_while_little_is_left() -> None:
    """The installation's always are."""
    calm, near = BudgetLine(OPENAI, 1.0, 0.0, 0), BudgetLine(OPENAI, 15.0, 1.0, 0)
    everyone = BudgetLine(DAY, 0.0, 0.0, 0)
    assert shown([everyone, calm, near]) == [everyone, near]


def drawn() -> None:
    from dashboard.components import budget_line

    budget_line.draw()


def test_the_sidebar_warns_before_it_is_gone(install: Install) -> None:
    """Nothing without a budget, a line with one, a warning from four fifths on, as plain text."""
    install()
    page = AppTest.from_function(drawn).run()
    assert not page.caption
    conductor = install(CONDUCTOR_BUDGET_DAY="5")
    page.run()
    assert [one.value for one in page.sidebar.caption] == [r"Today \$0.00 of \$5.00"]
    assert not page.sidebar.warning
    conductor.gateway.budgets.reserve("openai", 4.2).settle(4.2)
    page.run()
    assert [one.value for one in page.sidebar.warning] == [r"Today's budget of \$5.00 is 84 % used."]
    assert not page.exception
