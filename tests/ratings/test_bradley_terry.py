"""Strengths from comparisons: right where the answer is known, and sensible where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.ratings.bradley_terry import (
    START,
    Duel,
    Matrix,
    chance,
    fit,
    intervals,
    is_connected,
    win_matrix,
)

TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
BASEBALL = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ],
    dtype=float,
)
"""Wins (row) over losers (column) in the American League's Eastern Division, 1987: Agresti, "Categorical Data
Analysis" (2nd edition, 2002), table 10.10."""
PUBLISHED = (1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0)
"""Log abilities against Baltimore: Turner and Firth, "Bradley-Terry Models in R: The BradleyTerry2 Package" (Journal of
Statistical Software 48(9), 2012), section 2; to their four decimals."""

matrices = st.integers(2, 6).flatmap(
    lambda players: st.lists(st.integers(0, 8), min_size=players**2, max_size=players**2).map(
        lambda cells: _without_diagonal(np.array(cells, dtype=float).reshape(players, players))
    )
)


def _without_diagonal(wins: Matrix) -> Matrix:
    np.fill_diagonal(wins, 0.0)
    return wins


def simulated(strengths: Matrix, votes: int, seed: int) -> list[list[Duel]]:
    """Votes as the model has them: each is won by the chance the strengths give."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(votes):
        first, second = (int(player) for player in rng.choice(len(strengths), 2, replace=False))
        won = rng.random() < 1 / (1 + math.exp(strengths[second] - strengths[first]))
        found.append([Duel(first, second, float(won))])
    return found


def test_it_is_what_the_textbook_says() -> None:
    """Agresti's baseball data give the published log abilities, to their last digit."""
    found = fit(BASEBALL)
    assert not found.regularised
    assert found.strengths - found.strengths[-1] == pytest.approx(PUBLISHED, abs=5e-5)


def test_ratings_are_on_the_usual_scale() -> None:
    """Ten times the odds are 400 points; the mean is 1,000."""
    ratings = fit(np.array([[0.0, 100.0], [10.0, 0.0]])).ratings
    assert ratings == pytest.approx([START + 200, START - 200], abs=0.01)
    assert chance(ratings[0], ratings[1]) == pytest.approx(100 / 110, abs=1e-4)


def test_known_strengths_are_recovered_within_the_intervals() -> None:
    """Over 20 seeds, the 95 % intervals hold the true ratings about as often as they say."""
    true = np.array([1.2, 0.6, 0.1, -0.3, -0.6, -1.0])
    ratings = START + true * 400 / math.log(10)
    held = []
    for seed in range(20):
        votes = simulated(true, 500, seed)
        low, high = intervals(votes, len(true), rounds=200, seed=seed)
        held.append((low <= ratings) & (ratings <= high))
        assert np.abs(fit(win_matrix(votes, len(true))).ratings - ratings).max() < 120
        assert held[-1].sum() >= len(true) - 2
    assert np.mean(held) >= 0.9


def test_intervals_are_the_same_each_time_and_narrow_with_votes() -> None:
    """Seeded; four times the votes are about half the width."""
    true = np.array([0.5, 0.0, -0.5])
    few, many = simulated(true, 200, 1), simulated(true, 800, 1)
    first, again, narrow = intervals(few, 3), intervals(few, 3), intervals(many, 3)
    assert (first == again).all()
    assert 1.5 < ((first[1] - first[0]) / (narrow[1] - narrow[0])).mean() < 2.7


@given(wins=matrices, data=st.data())
def test_names_decide_nothing(wins: Matrix, data: st.DataObject) -> None:
    """Players in another order have the same ratings, in that order; with every result turned round, turned round."""
    order = data.draw(st.permutations(range(len(wins))))
    ratings = fit(wins).ratings
    assert fit(wins[np.ix_(order, order)]).ratings == pytest.approx(ratings[order], abs=0.05)
    assert fit(wins.T).ratings == pytest.approx(2 * START - ratings, abs=0.05)


@given(wins=matrices, data=st.data())
def test_a_vote_never_lowers_the_one_it_is_for(wins: Matrix, data: st.DataObject) -> None:
    """One more win, and the rating is no lower, as long as the votes tie everybody together before and after or never.

    Where that one vote is what ties them together, the prior ends, and with it the comparison.
    """
    winner, loser = data.draw(st.permutations(range(len(wins))))[:2]
    more = wins.copy()
    more[winner, loser] += 1
    before, after = fit(wins), fit(more)
    if before.regularised == after.regularised:
        assert after.ratings[winner] >= before.ratings[winner] - 0.05
        assert after.ratings[loser] <= before.ratings[loser] + 0.05


@given(wins=matrices)
def test_votes_that_tie_nobody_together_are_said(wins: Matrix) -> None:
    """Ratings are finite whatever the votes, and a prior took part just where somebody has not beaten everybody."""
    found = fit(wins)
    assert np.isfinite(found.ratings).all()
    assert found.regularised is not is_connected(wins)
    assert found.ratings.mean() == pytest.approx(START)


def test_islands_and_the_unbeaten() -> None:
    """Two pairs that never met are rated each by itself; who has only won is ahead, by a finite amount."""
    islands = np.zeros((4, 4))
    islands[0, 1], islands[1, 0], islands[2, 3], islands[3, 2] = 8, 2, 8, 2
    ratings = fit(islands).ratings
    assert ratings[0] == pytest.approx(ratings[2], abs=0.05)
    assert ratings[0] > START > ratings[1]
    unbeaten = fit(np.array([[0.0, 12.0], [0.0, 0.0]]))
    assert unbeaten.regularised
    assert START < unbeaten.ratings[0] < START + 600


def test_nobody_and_one() -> None:
    """Without an opponent there is the mean."""
    assert list(fit(np.zeros((0, 0))).ratings) == []
    assert list(fit(np.zeros((1, 1))).ratings) == [START]
