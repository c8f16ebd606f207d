"""The budgets in the sidebar: what is spent of what, and a warning before it is gone."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from conductor_core.budget import BudgetLine, dollars
from conductor_core.periods import Span
from dashboard import runtime
from dashboard.components import untrusted


def draw() -> None:
    """One line per budget of the whole installation, and a warning per budget that is nearly or wholly used."""
    lines = runtime.get_conductor().gateway.budgets.standing()
    if not lines:
        return
    with st.sidebar, st.container(key="budgets", gap="xsmall"):
        for line in shown(lines):
            untrusted.caption(words(line))
        for line in lines:
            if line.warning:
                untrusted.warning(line.warning)


def shown(lines: Iterable[BudgetLine]) -> list[BudgetLine]:
    """Those of the whole installation; of one provider only while there is little left."""
    return [line for line in lines if not line.budget.provider or line.near]


def words(line: BudgetLine) -> str:
    """`Today $0.12 of $5.00`; with what running calls have reserved, where that shows."""
    budget = line.budget
    span = "Today" if budget.span is Span.DAY else "This month"
    at = f" at {budget.label or budget.provider}" if budget.provider else ""
    held = f", {dollars(line.held)} held by running calls" if line.held else ""
    return f"{span}{at} {dollars(line.spent)} of {dollars(budget.limit)}{held}"
