"""Feedback on answers: kept, changed, taken back, and no business of Health's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest, NotFound
from conductor_core.feedback import NOTE_CHARACTERS
from conductor_core.secret import Secret
from conductor_core.transfer.reading import read
from conductor_core.turns import LaneSetup, Turn
from tests.installation import installation
from tests.upstream import Upstream


@pytest.fixture
async def conductor(tmp_path: Path, database_url: Secret | None) -> AsyncIterator[Conductor]:
    more = {"CONDUCTOR_DATABASE_URL": database_url.reveal()} if database_url else {}
    async with Upstream() as upstream, installation(tmp_path, upstream, **more) as opened:
        yield opened


async def asked(conductor: Conductor) -> Turn:
    turn = await conductor.conversations.start_turn("Hello", [LaneSetup(provider="openai", model="any")])
    await turn.wait()
    return turn


def given(conductor: Conductor, turn: Turn) -> tuple[bool, str] | None:
    feedback = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers[0].feedback
    return (feedback.good, feedback.note) if feedback else None


async def test_feedback_is_kept_changed_and_taken_back(conductor: Conductor) -> None:
    """One per answer; what a database refuses in a note is taken out of it."""
    turn = await asked(conductor)
    rate = conductor.conversations.rate
    assert given(conductor, turn) is None
    await rate(turn.conversation_id, turn.lanes[0].id, True)
    assert given(conductor, turn) == (True, "")
    await rate(turn.conversation_id, turn.lanes[0].id, False, " Too\0 short\ud800 ")
    assert given(conductor, turn) == (False, "Too short\ufffd")
    await rate(turn.conversation_id, turn.lanes[0].id, None)
    await rate(turn.conversation_id, turn.lanes[0].id, None)
    assert given(conductor, turn) is None


async def test_feedback_goes_with_its_answer(conductor: Conductor) -> None:
    """Out with the export, in with the import, away with the conversation."""
    turn = await asked(conductor)
    await conductor.conversations.rate(turn.conversation_id, turn.lanes[0].id, False, "Wrong")
    exported = conductor.transfer.whole(turn.conversation_id)
    [told] = read(exported).wholes[0].feedback.values()
    assert (told.id, told.good, told.note) == (turn.lanes[0].id, False, "Wrong")
    await conductor.conversations.delete(turn.conversation_id)
    assert conductor.store.feedback_of(turn.conversation_id) == {}
    await conductor.transfer.bring(exported)
    assert given(conductor, turn) == (False, "Wrong")
    assert conductor.transfer.whole(turn.conversation_id).partition(b"\n")[2] == exported.partition(b"\n")[2]


async def test_what_is_no_answer_gets_none(conductor: Conductor) -> None:
    """A prompt, an answer that runs, one that is not there; a note beyond its bound, which the sentence names."""
    turn = await asked(conductor)
    rate = conductor.conversations.rate
    with pytest.raises(InvalidRequest, match="an answer that has ended"):
        await rate(turn.conversation_id, turn.prompt_id, True)
    with pytest.raises(NotFound):
        await rate(turn.conversation_id, "0" * 32, True)
    with pytest.raises(InvalidRequest, match=r"The note has 2,001 characters; the limit is 2,000\."):
        await rate(turn.conversation_id, turn.lanes[0].id, True, "x" * (NOTE_CHARACTERS + 1))
