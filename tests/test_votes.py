"""Votes on answers: what may be voted, what counts, and that blind is blind until then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_core.answers import Answer, Exchange
from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest, NotFound
from conductor_core.export import as_markdown
from conductor_core.kinds import LaneState, Verdict
from conductor_core.store.records import Side
from conductor_core.turns import LaneSetup, Turn
from conductor_core.votes import checked_tags, leak, vote_of
from tests.installation import installation
from tests.upstream import Upstream

SIDES = (Side(0, "openai", "gpt-4.1-mini", 1), Side(1, "custom:my-box", "acme/falcon-9b", 2))


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
async def conductor(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Conductor]:
    async with installation(tmp_path, upstream) as opened:
        yield opened


async def compared(conductor: Conductor, *models: str, blind: bool = True) -> Turn:
    """A comparison of OpenAI's and Anthropic's models that has ended."""
    providers = ("openai", "anthropic", "openai")
    lanes = [LaneSetup(provider=who, model=model) for who, model in zip(providers, models, strict=False)]
    turn = await conductor.conversations.start_turn("Hello", lanes, kind="compare", blind=blind)
    await turn.wait()
    return turn


def exchange(conductor: Conductor, turn: Turn) -> Exchange:
    return conductor.conversations.transcript(turn.conversation_id).exchanges[0]


async def test_a_blind_comparison_is_hidden_until_the_vote(conductor: Conductor) -> None:
    """Its lanes are shuffled the same way each time it is read; the vote is stored, and counts."""
    turn = await compared(conductor, "any", "any")
    before = exchange(conductor, turn)
    assert before.hidden
    assert sorted(before.order) == [0, 1]
    assert [answer.lane for answer in before.sides] == list(before.order)
    assert [before.side(answer.lane) for answer in before.sides] == ["A", "B"]
    vote = await conductor.vote(turn.conversation_id, 0, Verdict.BETTER, best=1, tags=["Code "])
    after = exchange(conductor, turn)
    assert after.vote == vote
    assert not after.hidden
    assert after.order == before.order
    assert [(side.key, side.rank) for side in vote.sides] == [(("openai", "any"), 2), (("anthropic", "any"), 1)]
    assert (vote.blind, vote.objection, vote.tags) == (True, "", ("code",))
    assert conductor.ratings.board().votes == 1


async def test_the_same_vote_twice_is_one(conductor: Conductor) -> None:
    """A double click, or another opinion afterwards: the first holds."""
    turn = await compared(conductor, "any", "any")
    first = await conductor.vote(turn.conversation_id, 0, Verdict.TIE)
    assert await conductor.vote(turn.conversation_id, 0, Verdict.BAD) == first
    assert conductor.store.votes() == [first]


async def test_without_blind_a_vote_is_marked(conductor: Conductor) -> None:
    """It is kept and counts only where that is asked for; a chat of one answer can't be voted on."""
    turn = await compared(conductor, "any", "any", blind=False)
    assert not exchange(conductor, turn).hidden
    vote = await conductor.vote(turn.conversation_id, 0, Verdict.BAD)
    assert not vote.blind
    assert conductor.ratings.board().votes == 0
    assert conductor.ratings.board(blind_only=False).votes == 1
    alone = await compared(conductor, "any", blind=True)
    assert not exchange(conductor, alone).blind
    with pytest.raises(InvalidRequest):
        await conductor.vote(alone.conversation_id, 0, Verdict.TIE)


async def test_a_failed_or_stopped_lane_does_not_count(conductor: Conductor) -> None:
    """The vote is kept, with the reason."""
    turn = await compared(conductor, "any-status-500", "any")
    vote = await conductor.vote(turn.conversation_id, 0, Verdict.BETTER, best=1)
    assert vote.objection == "An answer failed or was stopped."
    stopped = await conductor.conversations.start_turn(
        "Hello",
        [LaneSetup(provider="openai", model="any-silent"), LaneSetup(provider="anthropic", model="any")],
        kind="compare",
        blind=True,
    )
    with pytest.raises(InvalidRequest, match="Wait"):
        await conductor.vote(stopped.conversation_id, 0, Verdict.TIE)
    stopped.stop()
    await stopped.wait()
    assert (await conductor.vote(stopped.conversation_id, 0, Verdict.TIE)).objection
    assert conductor.ratings.board().objections == {"An answer failed or was stopped": 2}


async def test_what_tells_who_wrote_it_does_not_count(conductor: Conductor, upstream: Upstream) -> None:
    """In a blind comparison; in an open one there was nothing to tell."""
    upstream.says = ("I", "am", "Claude,", "made", "by", "Anthropic.")
    blind, seen = await compared(conductor, "any", "any"), await compared(conductor, "any", "any", blind=False)
    vote = await conductor.vote(blind.conversation_id, 0, Verdict.TIE)
    assert vote.objection == "An answer told who wrote it: it says “Claude”."
    assert (await conductor.vote(seen.conversation_id, 0, Verdict.TIE)).objection == ""


async def test_names_can_be_shown_without_a_vote(conductor: Conductor) -> None:
    """That is final, and counts nowhere; neither does the same model against itself."""
    turn = await compared(conductor, "any", "any")
    assert (await conductor.vote(turn.conversation_id, 0, Verdict.NONE)).objection
    assert not exchange(conductor, turn).hidden
    alike = await conductor.conversations.start_turn(
        "Hello", [LaneSetup(provider="openai", model="any")] * 2, kind="compare", blind=True
    )
    await alike.wait()
    vote = await conductor.vote(alike.conversation_id, 0, Verdict.TIE)
    assert vote.objection == "All answers are of the same model."


async def test_an_export_before_the_vote_names_nobody(conductor: Conductor) -> None:
    """Side A and side B; afterwards who they were."""
    turn = await compared(conductor, "any", "any-status-500")
    hidden = as_markdown(conductor.conversations.transcript(turn.conversation_id))
    assert "## A" in hidden
    assert "openai" not in hidden.lower()
    assert "anthropic" not in hidden.lower()
    await conductor.vote(turn.conversation_id, 0, Verdict.TIE)
    assert "## openai" in as_markdown(conductor.conversations.transcript(turn.conversation_id))


async def test_auto_goes_by_votes_only_when_told_to(conductor: Conductor, tmp_path: Path) -> None:
    """Off there is no quality in a receipt; on there is a term, made when a vote is cast and not when AUTO chooses."""
    gateway = conductor.gateway
    for number in range(12):
        turn = await compared(conductor, "gpt-4.1-mini", "claude-haiku-4-5")
        await conductor.vote(turn.conversation_id, 0, Verdict.BETTER, best=int(number > 9))
    assert gateway.router.quality == {}
    await conductor.configuration.set_auto_quality(True)
    await conductor.go_by_votes()
    assert (
        gateway.router.quality[("openai", "gpt-4.1-mini")] > gateway.router.quality[("anthropic", "claude-haiku-4-5")]
    )
    turn = await conductor.conversations.start_turn("Hello", [LaneSetup(provider="auto")])
    await turn.wait()
    receipt = turn.lanes[0].receipt
    assert receipt
    terms = {found["provider"]: found["terms"]["quality"] for found in receipt["candidates"]}
    assert terms["openai"] == 0.0
    assert terms["anthropic"] > 1_000
    await conductor.configuration.set_auto_quality(False)
    await conductor.go_by_votes()
    assert gateway.router.quality == {}


async def test_a_vote_on_nothing_is_refused(conductor: Conductor) -> None:
    """No such conversation, no such turn, no such lane."""
    turn = await compared(conductor, "any", "any")
    with pytest.raises(NotFound):
        await conductor.vote("0" * 32, 0, Verdict.TIE)
    for number, verdict, best in ((7, Verdict.TIE, None), (0, Verdict.BETTER, 5), (0, Verdict.BETTER, None)):
        with pytest.raises(InvalidRequest):
            await conductor.vote(turn.conversation_id, number, verdict, best)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I'm GPT-4o.", "GPT"),
        ("as a large language model by OpenAI", "OpenAI"),
        ("Falcon-9B at your service", "Falcon-9B"),
        ("my-box", "my-box"),
        ("Llama2", "Llama"),
        ("Claudette sings, and egpt is no word", ""),
        ("The Gaul sang.", ""),
    ],
)
def test_a_leak_is_a_word_of_its_own(text: str, found: str) -> None:
    """Vendors' words and the names of those who were compared, in any case; not as a part of another word."""
    assert leak(["Hello.", text], SIDES) == found


def test_tags_are_short_and_few() -> None:
    """In lower case, without doubles and blanks."""
    assert checked_tags([" Code", "code", "\u200b", "x" * 99]) == ("code", "x" * 24)
    with pytest.raises(InvalidRequest):
        checked_tags("abcdef")


def test_a_simulated_provider_does_not_count() -> None:
    """What a drill answers says nothing of any model."""
    answers = tuple(Answer(f"a{lane}", lane, "alba", f"m{lane}", LaneState.DONE, "Hi") for lane in (0, 1))
    drilled = Exchange(0, "q", "p", 0, answers, (1, 0))
    assert vote_of(drilled, "c", {}, Verdict.TIE, simulated=frozenset({"alba"})).objection
