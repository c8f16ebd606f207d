"""Forks: a path up to an answer as a chat of its own, and an original that never notices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest, NotFound
from conductor_core.kinds import Verdict
from conductor_core.secret import Secret
from conductor_core.turns import LaneSetup, Turn
from tests.installation import installation
from tests.upstream import Plan, Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
async def conductor(tmp_path: Path, upstream: Upstream, database_url: Secret | None) -> AsyncIterator[Conductor]:
    where = {"CONDUCTOR_DATABASE_URL": database_url.reveal()} if database_url else {}
    async with installation(tmp_path, upstream, **where) as opened:
        yield opened


async def said(
    conductor: Conductor, text: str, *models: str, conversation_id: str | None = None, **given: object
) -> Turn:
    """A prompt that was answered by each of these models."""
    lanes = [LaneSetup(provider="openai", model=model) for model in models or ("any",)]
    turn = await conductor.conversations.start_turn(text, lanes, conversation_id=conversation_id, **given)  # type: ignore[arg-type]  # its own arguments
    await turn.wait()
    return turn


async def test_a_fork_holds_the_path_with_its_figures(conductor: Conductor, upstream: Upstream) -> None:
    """Up to the answer and nothing else; the original is as it was, and no call is counted twice."""
    first = await said(conductor, "First")
    id, answer = first.conversation_id, first.lanes[0].id
    await said(conductor, "Second", conversation_id=id)
    await said(conductor, "First, otherwise", conversation_id=id, instead_of=first.prompt_id)
    before = conductor.conversations.transcript(id), conductor.store.messages(id)
    made = await conductor.conversations.fork(id, answer)
    fork = conductor.conversations.transcript(made)
    assert (fork.conversation.title, fork.conversation.kind, fork.branches) == ("Fork of First", "chat", 1)
    assert [exchange.prompt for exchange in fork.exchanges] == ["First"]
    await conductor.conversations.show(id, answer)
    [copied] = fork.exchanges[0].answers
    original = conductor.conversations.transcript(id).exchanges[0].answers[0]
    assert copied == replace(original, id=copied.id, versions=(copied.id,))
    assert conductor.store.calls_of(made) == []
    await conductor.conversations.show(id, before[0].exchanges[0].prompt_id)
    after = conductor.store.messages(id)
    assert [replace(m, shown=0) for m in after] == [replace(m, shown=0) for m in before[1]]
    again = await conductor.conversations.fork(made, copied.id)
    assert conductor.store.conversation(again).title == "Fork of First"
    assert conductor.conversations.transcript(again).exchanges[0].answers[0].cost_usd == original.cost_usd
    await conductor.conversations.delete(id)
    await said(conductor, "And?", conversation_id=made)
    assert [m["content"] for m in upstream.last.body["messages"]] == ["First", Plan.of("").text, "And?"]


async def test_one_lane_of_a_comparison_goes_on_alone(conductor: Conductor, upstream: Upstream) -> None:
    """With what was said in that lane, and with its model."""
    turn = await said(conductor, "First", "any-words-2", "any-words-3", kind="compare")
    id = turn.conversation_id
    turn = await said(conductor, "Second", "any-words-2", "any-words-3", conversation_id=id)
    made = await conductor.conversations.fork(id, turn.lanes[1].id)
    fork = conductor.conversations.transcript(made)
    assert fork.conversation.kind == "chat"
    assert [lane["model"] for lane in fork.conversation.settings["lanes"]] == ["any-words-3"]
    assert [[answer.text for answer in exchange.answers] for exchange in fork.exchanges] == [
        [Plan.of("words-3").text],
        [Plan.of("words-3").text],
    ]
    await said(conductor, "Third", conversation_id=made)
    assert [m["content"] for m in upstream.last.body["messages"]][1::2] == [Plan.of("words-3").text] * 2


async def test_a_blind_comparison_is_forked_after_its_vote(conductor: Conductor) -> None:
    """Before, a fork would tell who answers."""
    turn = await said(conductor, "First", "any-words-2", "any-words-3", kind="compare", blind=True)
    with pytest.raises(InvalidRequest, match="waits for a vote"):
        await conductor.conversations.fork(turn.conversation_id, turn.lanes[0].id)
    await conductor.conversations.vote(turn.conversation_id, 0, Verdict.TIE)
    made = await conductor.conversations.fork(turn.conversation_id, turn.lanes[0].id)
    assert not conductor.conversations.transcript(made).hidden


async def test_only_an_answer_that_has_ended_is_forked(conductor: Conductor) -> None:
    """A prompt, a running answer and nothing at all are refused, and make no conversation."""
    turn = await conductor.conversations.start_turn("First", [LaneSetup(provider="openai", model="any-silent")])
    for message_id, error in ((turn.prompt_id, InvalidRequest), (turn.lanes[0].id, InvalidRequest), ("x", NotFound)):
        with pytest.raises(error):
            await conductor.conversations.fork(turn.conversation_id, message_id)
    turn.stop()
    await turn.wait()
    assert len(conductor.store.conversations("chat")) == 1
