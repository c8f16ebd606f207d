"""The Bradley–Terry model by maximum likelihood: strengths such that P(i beats j) = 1 / (1 + exp(θj − θi)).

Bradley and Terry, "Rank Analysis of Incomplete Block Designs" (Biometrika 39, 1952). A tie is half a win for each. The
maximum exists only where everybody has, over others, beaten everybody (Ford, "Solution of a Ranking Problem from Binary
Comparisons", 1957); where that is not so, everybody plays one tie with an average player in addition, and it is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SCALE, BASE, START = 400.0, 10.0, 1000.0
"""Ratings as Chatbot Arena and chess give them: 400 points more are ten times the odds; the mean is 1,000."""
PRIOR = 0.5
"""Of the tie with an average player: half a win for each."""
ROUNDS = 200
INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap: a 95 % interval."""

Matrix = NDArray[np.float64]


class Duel(NamedTuple):
    """What a vote says of two players. `points` are those of the first, 1 for a win, 0.5 for a tie."""

    first: int
    second: int
    points: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Strengths in natural logarithms of odds, their mean 0.

    Attributes:
        regularised: the votes alone don't tie everybody to everybody, so a weak prior took part.
    """

    strengths: Matrix
    regularised: bool

    @property
    def ratings(self) -> Matrix:
        """The same on the scale people know."""
        return START + self.strengths * SCALE / math.log(BASE)


def win_matrix(votes: Sequence[Sequence[Duel]], players: int) -> Matrix:
    """Points of each (row) against each (column)."""
    return _Votes(votes, players).wins(np.ones(len(votes)))


def fit(wins: Matrix, start: Matrix | None = None) -> Fit:
    """The most likely strengths.

    Args:
        wins: points of each (row) against each (column).
        start: where to begin looking; the answer is the same.
    """
    from scipy.optimize import minimize

    players = len(wins)
    if players < 2:
        return Fit(np.zeros(players), regularised=False)
    regularised = not is_connected(wins)
    prior = PRIOR if regularised else 0.0
    found = minimize(
        _loss,
        np.zeros(players) if start is None else start,
        args=(wins, prior),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-9},
    )
    return Fit(found.x - found.x.mean(), regularised)


def is_connected(wins: Matrix) -> bool:
    """Whether everybody has beaten everybody, directly or over others."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    count, _ = connected_components(csr_array(wins > 0), directed=True, connection="strong")
    return bool(count == 1)


def intervals(votes: Sequence[Sequence[Duel]], players: int, rounds: int = ROUNDS, seed: int = 0) -> Matrix:
    """Lower and upper bound of each rating: votes drawn anew, with replacement, `rounds` times (Efron, 1979)."""
    drawn, rng = _Votes(votes, players), np.random.default_rng(seed)
    start = fit(drawn.wins(np.ones(len(votes)))).strengths
    ratings = np.empty((rounds, players))
    for place in range(rounds):
        times = rng.multinomial(len(votes), np.full(len(votes), 1 / len(votes)))
        ratings[place] = fit(drawn.wins(times.astype(float)), start).ratings
    return np.percentile(ratings, INTERVAL, axis=0)


def chance(rating: float, other: float) -> float:
    """The probability that the first one's answer is preferred."""
    return float(1.0 / (1.0 + BASE ** ((other - rating) / SCALE)))


class _Votes:
    """Votes as columns, so that drawing them anew costs one sum."""

    def __init__(self, votes: Sequence[Sequence[Duel]], players: int) -> None:
        duels = [(vote, *duel) for vote, found in enumerate(votes) for duel in found]
        columns = np.array(duels, dtype=float).reshape(-1, 4)
        self._players = players
        self._vote = columns[:, 0].astype(int)
        first, second = columns[:, 1].astype(int), columns[:, 2].astype(int)
        self._cells = np.concatenate([first * players + second, second * players + first])
        self._points = np.concatenate([columns[:, 3], 1.0 - columns[:, 3]])

    def wins(self, times: Matrix) -> Matrix:
        """The win matrix when each vote was cast so many times."""
        weights = np.tile(times[self._vote], 2) * self._points
        found: Matrix = np.bincount(self._cells, weights, self._players**2).astype(float)
        return found.reshape(self._players, self._players)


def _loss(strengths: Matrix, wins: Matrix, prior: float) -> tuple[float, Matrix]:
    """The negative log-likelihood and its gradient."""
    ahead = strengths[:, None] - strengths[None, :]
    lost = wins / (1.0 + np.exp(ahead))
    value = float((wins * np.logaddexp(0.0, -ahead)).sum())
    gradient = lost.sum(axis=0) - lost.sum(axis=1)
    if prior:
        value += prior * float((np.logaddexp(0.0, -strengths) + np.logaddexp(0.0, strengths)).sum())
        gradient += prior * np.tanh(strengths / 2.0)
    return value, gradient
