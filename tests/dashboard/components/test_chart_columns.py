"""The figures as the charts take them."""

from __future__ import annotations

import numpy as np

from conductor_core.budget import Budget, BudgetLine
from conductor_core.metrics.figures import Spread
from conductor_core.metrics.span import HOUR, Span
from conductor_core.periods import ALL, period_around
from conductor_core.periods import Span as Lasting
from dashboard.components.chart_columns import spent, spreads_of

NOW = 1_795_435_200_000
"""Midday of 23 November 2026 in UTC."""
EDGES = np.array([100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0])


def test_cost_so_far_adds_up_and_ends_now() -> None:
    """A bucket without a price costs nothing known; what lies ahead is a gap."""
    span = Span(tuple(NOW + hours * HOUR for hours in range(-3, 2)))
    found = spent(span, np.array([0.5, np.nan, 0.25, np.nan]), None, NOW - 1)
    assert found.tolist()[:3] == [0.5, 0.5, 0.75]
    assert np.isnan(found[3])


def test_against_a_budget_it_begins_anew_with_each_day_and_ends_at_what_the_budget_says() -> None:
    """Of today also what was spent before the range counts."""
    today = int(period_around(Lasting.DAY, NOW / 1000, None).start * 1000)
    span = Span((today - 2 * HOUR, today - HOUR, today, today + HOUR, NOW + HOUR))
    line = BudgetLine(Budget(Lasting.DAY, ALL, 5.0, "CONDUCTOR_BUDGET_DAY"), 2.0, 0.0, today + 24 * HOUR)
    found = spent(span, np.array([0.5, 0.25, 1.0, 0.5]), line, NOW)
    assert found.tolist() == [0.5, 0.75, 1.5, 2.0]


def test_a_distribution_has_no_more_bars_than_need_be() -> None:
    """One empty one on each side, the same for all groups."""
    few, many = (Spread(EDGES, np.array(counts)) for counts in ([0, 0, 3, 0, 0], [0, 0, 1, 2, 0]))
    middles, counts = spreads_of({"a": few, "b": many})
    assert counts == {"a": [0, 3, 0, 0], "b": [0, 1, 2, 0]}
    assert middles[1] == 0.56569


def test_no_answer_is_no_distribution() -> None:
    """Not a flat line."""
    assert spreads_of({"a": Spread(EDGES, np.zeros(5, np.int64))}) == ([], {})
    assert spreads_of({}) == ([], {})
