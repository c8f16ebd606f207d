"""What is said of a change, and what is not."""

from __future__ import annotations

import pytest

from conductor_core.kinds import Outcome
from conductor_core.metrics.figures import Figures, Quantiles
from dashboard.components.changes import changes


def figures(p50: float = 1000.0, n: int = 200, failed: int = 2, cost: float = 1.0) -> Figures:
    ends = {Outcome.OK: n - failed, Outcome.TIMEOUT: failed}
    return Figures(ends, ends, latency=Quantiles(n, p50), cost_reported=cost, priced=n)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (figures(), []),
        (figures(p50=1120.0), ["▲ 12 % slower"]),
        (figures(p50=800.0), ["▼ 20 % faster"]),
        (figures(p50=1040.0), []),
        (figures(p50=3000.0, n=9, failed=0), []),
        (figures(failed=40), ["▼ 19.0 points less success"]),
        (figures(failed=5), []),
        (figures(cost=1.31), ["▲ $0.31 more spent"]),
        (figures(cost=0.5), ["▼ $0.50 less spent"]),
    ],
)
def test_only_what_is_more_than_chance_is_said(now: Figures, said: list[str]) -> None:
    """Each with its sign and in words; few calls and small changes are left unsaid."""
    assert changes(now, figures()) == said


def test_without_a_span_before_nothing_changed() -> None:
    """Nor with an empty one."""
    assert changes(figures(), None) == changes(figures(), Figures()) == []


def test_what_costs_nothing_known_is_not_compared() -> None:
    """An unknown price is not a saving."""
    assert changes(Figures({Outcome.OK: 20}), figures()) == []
