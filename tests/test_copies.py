"""Two copies of the app on one PostgreSQL: each shows what the other does, and neither disturbs it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from conductor_core.conductor import Conductor
from conductor_core.kinds import LaneState, Outcome, Source
from conductor_core.models import ChatMessage, ChatRequest, MessageRole
from conductor_core.secret import Secret
from conductor_core.turns import LaneSetup, Turn
from tests.installation import installation
from tests.postgres import PASSWORD
from tests.upstream import Upstream


async def test_a_chat_in_one_is_in_the_other(tmp_path: Path, postgres_url: Secret) -> None:
    """Before its answer is whole, and after; a copy that starts meanwhile leaves the running answer alone."""
    database = {"CONDUCTOR_DATABASE_URL": postgres_url.reveal()}
    async with Upstream() as upstream, installation(tmp_path / "one", upstream, **database) as one:
        setup = LaneSetup(provider="openai", model="any-gap-20-words-60")
        turn = await one.conversations.start_turn("Tell me a story.", [setup])
        async with installation(tmp_path / "two", upstream, **database) as two:
            assert [one.store.copy, two.store.copy] == [0, 1]
            assert two.store.calls_of(turn.conversation_id)[0].outcome is Outcome.RUNNING
            await turn.wait()
            assert _told(two, turn) == _told(one, turn) == (LaneState.DONE, turn.lanes[0].text)
            assert two.store.calls_of(turn.conversation_id)[0].outcome is Outcome.OK


async def test_calls_of_both_are_in_both(tmp_path: Path, postgres_url: Secret) -> None:
    """Both copies answer calls of the HTTP door; each finds all of them."""
    database = {"CONDUCTOR_DATABASE_URL": postgres_url.reveal()}
    async with (
        Upstream() as upstream,
        installation(tmp_path / "one", upstream, **database) as one,
        installation(tmp_path / "two", upstream, **database) as two,
    ):
        messages = [ChatMessage(role=MessageRole.USER, content="Hello")]
        asked = ChatRequest(provider="openai", model="words-3", messages=messages)
        await asyncio.gather(*(copy.chat(asked, Source.API) for copy in (one, two) for _ in range(5)))
        assert one.store.recent_calls(20) == two.store.recent_calls(20)
        assert {call.outcome for call in one.store.recent_calls(20)} == {Outcome.OK}
        assert len(one.store.recent_calls(20)) == 10


async def test_the_password_is_shown_nowhere(tmp_path: Path, postgres_url: Secret) -> None:
    """Neither in the settings nor in what is known of the database; logs and errors have it taken out."""
    async with installation(tmp_path, CONDUCTOR_DATABASE_URL=postgres_url.reveal()) as conductor:
        assert PASSWORD not in f"{conductor.settings!r} {conductor.settings} {conductor.store.facts}"
        assert PASSWORD.encode() not in repr(conductor.store.__dict__).encode()
        cleaned = conductor.redactor.clean(f"could not connect with {PASSWORD} to {postgres_url.reveal()}")
    assert "pa55" not in cleaned
    assert conductor.store.facts["Database"].startswith("PostgreSQL at 127.0.0.1:")


def _told(conductor: Conductor, turn: Turn) -> tuple[LaneState, str]:
    answer = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers[0]
    return answer.state, answer.text
