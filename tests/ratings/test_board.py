"""The leaderboard: which votes it is made from, who has a rating, and what is said of the rest."""

from __future__ import annotations

import pytest

from conductor_core.kinds import Verdict
from conductor_core.ratings.board import Ratings, board, duels
from conductor_core.store.database import Store
from tests.ratings.votes import round_robin, table, vote


def test_wins_ties_and_losses_add_up() -> None:
    """A tie and "both bad" are half a win for each; the better one is first, with an interval around its rating."""
    votes = [
        *table(("a", "b", 8), ("b", "a", 4)),
        vote("a", "b", verdict=Verdict.TIE),
        vote("a", "b", verdict=Verdict.BAD),
    ]
    found = board(votes)
    first, second = found.places
    assert (first.model, first.votes, first.wins, first.ties, first.losses) == ("a", 14, 8, 2, 4)
    assert (second.model, second.votes, second.wins, second.ties, second.losses) == ("b", 14, 4, 2, 8)
    assert (first.low or 0) < (first.rating or 0) < (first.high or 0)
    assert found.wins.tolist() == [[0, 9], [5, 0]]
    assert not found.regularised


def test_too_few_votes_are_no_rating() -> None:
    """Below ten a model waits; and its votes with it, so that it moves nobody."""
    votes = [*table(("a", "b", 8), ("b", "a", 4)), *table(("c", "a", 9))]
    found = board(votes)
    assert [(place.model, place.rank) for place in found.places] == [("a", 1), ("b", 1), ("c", None)]
    assert found.places[2].votes == 9
    alone = board(votes[:12])
    assert [place.rating for place in found.rated] == [place.rating for place in alone.rated]


def test_a_vote_against_one_who_waits_is_no_vote_yet() -> None:
    """Ten votes in all, but too few among those who have enough: nobody is rated."""
    found = board([*table(("a", "b", 5), ("a", "c", 5))])
    assert [place.rating for place in found.places] == [None, None, None]
    assert found.places[0].votes == 10


def test_only_what_counts_counts() -> None:
    """Votes with an objection and votes not cast blind are left out, and said."""
    votes = [
        *table(("a", "b", 10)),
        vote("b", "a", objection="An answer failed or was stopped."),
        vote("b", "a", objection="An answer told who wrote it: it says “Claude”."),
        vote("b", "a", objection="An answer told who wrote it: it says “GPT”."),
        vote("b", "a", blind=False),
    ]
    found = board(votes)
    assert found.votes == 10
    assert found.seen == 1
    assert found.objections == {"An answer failed or was stopped": 1, "An answer told who wrote it": 2}
    assert found.regularised
    assert board(votes, blind_only=False).votes == 11


def test_a_tag_has_a_board_of_its_own() -> None:
    """Only its votes; every tag is listed."""
    votes = [
        *(vote("a", "b", tags=("code",)) for _ in range(10)),
        *(vote("b", "a", tags=("poems", "code")) for _ in range(10)),
    ]
    assert [place.wins for place in board(votes, "poems").places] == [10, 0]
    assert board(votes, "poems").places[0].model == "b"
    assert board(votes).tags == ("code", "poems")
    assert board(votes, "code").votes == 20


def test_the_best_of_many_beats_each_of_the_others() -> None:
    """Of those that were not picked nothing is said; all bad is a tie of all; the same model never meets itself."""
    index = {("openai", name): place for place, name in enumerate("abc")}
    assert duels(vote("a", "b", "c", best=1), index) == [(0, 1, 0.0), (1, 2, 1.0)]
    assert len(duels(vote("a", "b", "c", verdict=Verdict.BAD), index)) == 3
    assert duels(vote("a", "a", "b", best=2), index) == [(0, 1, 0.0), (0, 1, 0.0)]


def test_ranks_are_shared_where_intervals_overlap() -> None:
    """Equals are first together; one that everybody beats is third."""
    votes = [*round_robin("ab", 20), *table(("a", "c", 40), ("b", "c", 40), ("c", "a", 2), ("c", "b", 2))]
    assert [place.rank for place in board(votes).places] == [1, 1, 3]


def test_a_new_vote_makes_a_new_board(store: Store) -> None:
    """The board is made once, and again when there is another vote; quality is the rating by model."""
    for cast in table(("a", "b", 8), ("b", "a", 4)):
        store.save_vote(cast)
    store.save_vote(vote("a", "b")).result(5)
    ratings = Ratings(store)
    first = ratings.board()
    assert ratings.board() is first
    assert set(ratings.quality()) == {("openai", "a"), ("openai", "b")}
    assert sum(ratings.quality().values()) == pytest.approx(2000)
    store.save_vote(vote("b", "a")).result(5)
    assert ratings.board().votes == first.votes + 1
