"""Votes in the database: kept once, read as they were, and without a way back when their conversation is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conductor_core.errors import NotFound
from conductor_core.kinds import Verdict
from conductor_core.store.database import Store
from tests.ratings.votes import vote
from tests.store.rows import conversation, fresh_id


def test_a_vote_comes_back(store: Store) -> None:
    """With its sides, tags and reason."""
    chat = conversation(kind="compare")
    store.save_conversation(chat)
    cast = vote("a", "b", conversation_id=chat.id, turn=2, tags=("code", "日本語"), objection="An answer failed.")
    store.save_vote(cast).result(5)
    assert store.votes() == [cast]
    assert store.votes_of(chat.id) == {2: cast}
    assert store.count_votes() == 1


def test_the_first_of_two_holds(store: Store) -> None:
    """The same vote twice is one vote, as it was first."""
    cast = vote("a", "b")
    store.save_vote(cast)
    store.save_vote(replace(cast, verdict=Verdict.TIE)).result(5)
    assert store.votes() == [cast]


def test_deleting_a_conversation_keeps_the_numbers(store: Store) -> None:
    """What was voted stays; conversation and turn do not, in that conversation's votes alone."""
    chat, other = conversation(kind="compare"), conversation(kind="compare")
    store.save_conversation(chat)
    store.save_conversation(other)
    gone = vote("a", "b", conversation_id=chat.id, turn=0, created_at=1)
    stays = vote("a", "b", conversation_id=other.id, turn=0, created_at=2)
    store.save_vote(gone)
    store.save_vote(stays)
    store.delete(chat.id).result(5)
    assert store.votes() == [replace(gone, conversation_id=None, turn=None), stays]
    assert store.votes_of(chat.id) == {}


def test_a_vote_on_nothing_is_refused(store: Store) -> None:
    """A vote that comes after its conversation was deleted leads back to nothing: it is not kept."""
    with pytest.raises(NotFound):
        store.save_vote(vote("a", "b", conversation_id=fresh_id(), turn=0)).result(5)
