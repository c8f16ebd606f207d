"""What charts and cards say in words."""

from __future__ import annotations

import pytest

from conductor_core.kinds import Outcome
from conductor_core.metrics.figures import Figures
from dashboard.components.chart_sentences import cost_words

ANSWERED, FAILED = {Outcome.OK: 2}, {Outcome.RATE_LIMITED: 2}


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (Figures(), "–"),
        (Figures(attempts=ANSWERED), "price unknown"),
        (Figures(attempts=ANSWERED, priced=2, free=2), "free"),
        (Figures(attempts=ANSWERED | FAILED, priced=4, free=4), "free"),
        (Figures(attempts=FAILED, priced=2, free=2), "$0.00"),
        (Figures(attempts=ANSWERED | FAILED, priced=4, free=2, cost_estimated=0.31), "~$0.31"),
        (Figures(attempts=ANSWERED, priced=1, cost_reported=0.5), "$0.50 + 1 unpriced"),
    ],
)
def test_what_calls_cost_is_never_claimed_to_be_less(figures: Figures, said: str) -> None:
    """A provider that only failed is not free: what failed cost nothing."""
    assert cost_words(figures) == said
