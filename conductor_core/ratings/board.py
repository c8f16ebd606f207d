"""The leaderboard: models by rating, from the votes that count, overall or of one tag."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from conductor_core.kinds import Verdict
from conductor_core.ratings.bradley_terry import ROUNDS, Duel, Matrix, fit, intervals, win_matrix
from conductor_core.store.records import Side, Vote

if TYPE_CHECKING:
    from conductor_core.store.database import Store

LEAST_VOTES = 10
"""A model with fewer votes has no rating yet."""

Key = tuple[str, str]
"""Provider and model."""


@dataclass(frozen=True, slots=True)
class Place:
    """One model on the leaderboard. Rank, rating and interval are None until it has enough votes.

    Attributes:
        rank: one more than how many are better beyond doubt, their intervals lying above; ranks can be shared.
        votes: that count and in which it took part; wins, ties and losses add up to them.
    """

    provider: str
    model: str
    votes: int
    wins: int
    ties: int
    losses: int
    rank: int | None = None
    rating: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def key(self) -> Key:
        return self.provider, self.model


@dataclass(frozen=True, slots=True)
class Board:
    """The leaderboard at one moment.

    Attributes:
        places: the rated ones first, best first, then the others by votes.
        wins: points of each place (row) against each (column).
        votes: how many count.
        objections: how many do not, by reason.
        seen: how many were cast knowing who answers, and so are left out.
        regularised: the votes don't tie every rated model to every other, so their distances are a guess.
        tags: every tag there is.
    """

    places: tuple[Place, ...]
    wins: Matrix
    votes: int
    objections: Mapping[str, int]
    seen: int
    regularised: bool
    tags: tuple[str, ...]

    @property
    def rated(self) -> tuple[Place, ...]:
        return tuple(place for place in self.places if place.rating is not None)


def board(
    votes: Iterable[Vote],
    tag: str = "",
    *,
    blind_only: bool = True,
    least: int = LEAST_VOTES,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Board:
    """Adds votes up and rates whoever has enough of them.

    Args:
        tag: only votes with it; empty: all.
        rounds: of the bootstrap; 0: no intervals, and ranks by rating alone.
    """
    votes = list(votes)
    tags = tuple(sorted({found for vote in votes for found in vote.tags}))
    wanted = [vote for vote in votes if not tag or tag in vote.tags]
    counting = [vote for vote in wanted if not vote.objection]
    used = [vote for vote in counting if vote.blind or not blind_only]
    rated = _with_enough(used, least)
    places = [_place(key, used) for key in sorted({side.key for vote in used for side in vote.sides})]
    places, regularised = _rate(places, used, rated, rounds, seed)
    places.sort(key=lambda place: (-(place.rating or 0.0), -place.votes, place.key))
    index = {place.key: number for number, place in enumerate(places)}
    return Board(
        tuple(places),
        win_matrix([duels(vote, index) for vote in used], len(places)),
        len(used),
        Counter(_kind(vote.objection) for vote in wanted if vote.objection),
        len(counting) - len(used),
        regularised,
        tags,
    )


def duels(vote: Vote, index: Mapping[Key, int]) -> list[Duel]:
    """What a vote says of each two models in `index`: the picked one beat the others, of those nothing is known."""
    found = []
    for first, second in combinations(vote.sides, 2):
        if first.key == second.key or not {first.key, second.key} <= index.keys():
            continue
        if first.rank != second.rank:
            found.append(Duel(index[first.key], index[second.key], float(first.rank < second.rank)))
        elif vote.verdict is not Verdict.BETTER:
            found.append(Duel(index[first.key], index[second.key], 0.5))
    return found


class Ratings:
    """The leaderboards of one installation, made once per change of the votes. Any thread may ask."""

    def __init__(self, store: Store, least: int = LEAST_VOTES) -> None:
        self._store = store
        self._least = least
        self._count = -1
        self._votes: Sequence[Vote] = ()
        self._boards: dict[tuple[str, bool, int], Board] = {}
        self._one_at_a_time = threading.Lock()

    def board(self, tag: str = "", *, blind_only: bool = True, rounds: int = ROUNDS) -> Board:
        """The leaderboard of a tag, or of all votes."""
        with self._one_at_a_time:
            count = self._store.count_votes()
            if count != self._count:
                self._votes, self._count = self._store.votes(), count
                self._boards.clear()
            wanted = (tag, blind_only, rounds)
            if wanted not in self._boards:
                self._boards[wanted] = board(self._votes, tag, blind_only=blind_only, least=self._least, rounds=rounds)
            return self._boards[wanted]

    def quality(self) -> dict[Key, float]:
        """The rating of every model that has one, by blind votes: what AUTO may go by."""
        return {place.key: place.rating for place in self.board(rounds=0).rated if place.rating is not None}


def _with_enough(votes: Sequence[Vote], least: int) -> set[Key]:
    """The models with enough votes among themselves: whoever has too few takes their votes along when left out."""
    left = {side.key for vote in votes for side in vote.sides}
    while True:
        counts = Counter(key for vote in votes for key in _meeting(vote, left))
        staying = {key for key in left if counts[key] >= least}
        if staying == left:
            return left
        left = staying


def _meeting(vote: Vote, among: set[Key]) -> set[Key]:
    """Who of them met another of them in this vote, with a result."""
    index = {key: number for number, key in enumerate(sorted({side.key for side in vote.sides} & among))}
    keys = list(index)
    return {keys[place] for duel in duels(vote, index) for place in duel[:2]}


def _rate(
    places: list[Place], votes: Sequence[Vote], rated: set[Key], rounds: int, seed: int
) -> tuple[list[Place], bool]:
    index = {key: number for number, key in enumerate(sorted(rated))}
    told = [found for vote in votes if (found := duels(vote, index))]
    if not told:
        return places, False
    fitted = fit(win_matrix(told, len(index)))
    ratings = fitted.ratings
    low, high = intervals(told, len(index), rounds, seed) if rounds else (ratings, ratings)
    return [
        _with_rating(place, index[place.key], ratings, low, high) if place.key in index else place for place in places
    ], fitted.regularised


def _with_rating(place: Place, at: int, ratings: Matrix, low: Matrix, high: Matrix) -> Place:
    return replace(
        place,
        rank=1 + int((low > high[at]).sum()),
        rating=float(ratings[at]),
        low=float(low[at]),
        high=float(high[at]),
    )


def _place(key: Key, votes: Sequence[Vote]) -> Place:
    wins = ties = losses = 0
    for vote in votes:
        ends = {_end(side, vote) for side in vote.sides if side.key == key}
        wins += "win" in ends
        ties += ends == {"tie"}
        losses += ends == {"loss"}
    return Place(*key, wins + ties + losses, wins, ties, losses)


def _end(side: Side, vote: Vote) -> str:
    if vote.verdict is not Verdict.BETTER:
        return "tie"
    return "win" if side.rank == 1 else "loss"


def _kind(objection: str) -> str:
    """The reason without what differs from vote to vote."""
    return objection.partition(":")[0].rstrip(".")
