"""The efficient frontier."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conductor_core.ratings.frontier import frontier

points = st.lists(st.tuples(st.integers(0, 9).map(float), st.integers(0, 9).map(float)), max_size=12)


def test_the_cheaper_and_the_better_stay() -> None:
    """Who costs more than a better one is not on it."""
    assert frontier([(3, 1200), (1, 1000), (2, 900), (5, 1250), (3, 1100)]) == [1, 0, 3]
    assert frontier([]) == []


@given(found=points)
def test_nobody_on_it_is_beaten_and_everybody_else_is(found: list[tuple[float, float]]) -> None:
    """Beaten is who costs no less and is worth no more than another, and not both the same."""
    on = {found[place] for place in frontier(found)}
    for cost, worth in found:
        beaten = any(a <= cost and b >= worth and (a, b) != (cost, worth) for a, b in found)
        assert beaten is ((cost, worth) not in on)
