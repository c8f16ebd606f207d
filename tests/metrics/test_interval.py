"""The Wilson interval, against its definition and published values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.metrics.interval import wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_it_gives_the_published_values(successes: int, n: int, low: float, high: float) -> None:
    """The last row is the example of Newcombe, Statistics in Medicine 17 (1998), table I."""
    assert list(wilson(successes, n)) == pytest.approx([low, high], abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_holds_the_share_and_stays_a_share(counted: tuple[int, int]) -> None:
    """0 ≤ low ≤ successes / n ≤ high ≤ 1 for every count."""
    low, high = wilson(*counted)
    assert 0 <= low <= counted[0] / counted[1] <= high <= 1


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_share_is_refused(successes: int, n: int) -> None:
    """No interval is made up for no calls."""
    with pytest.raises(ValueError, match="is not a share"):
        wilson(successes, n)
