"""Comparisons: lanes that take turns, merges, one lane that becomes a chat, the order of lanes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from conductor_core.answers import Exchange
from conductor_core.attachments import File
from conductor_core.branches import FIRST_MERGE
from conductor_core.comparisons import arranged
from conductor_core.conductor import Conductor
from conductor_core.errors import ConversationBusy, InvalidRequest, NotFound, StoreError
from conductor_core.kinds import LaneState, MergeKind, Outcome, Source, Verdict
from conductor_core.turns import LaneSetup, Turn
from tests.installation import installation
from tests.upstream import Plan, Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
async def conductor(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Conductor]:
    async with installation(tmp_path, upstream) as opened:
        yield opened


def lane(words: str = "any", provider: str = "openai", **setup: object) -> LaneSetup:
    return LaneSetup.model_validate({"provider": provider, "model": words.replace(" ", "-"), **setup})


async def until(condition: Callable[[], object]) -> None:
    """Gives the loop its turns until `condition()` holds."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def compared(conductor: Conductor, *lanes: LaneSetup, **how: bool) -> tuple[str, Exchange]:
    """A comparison that has ended: its id, and what was said in it."""
    turn = await conductor.conversations.start_turn("Hello", lanes, kind="compare", **how)  # type: ignore[arg-type]
    await turn.wait()
    return turn.conversation_id, last(conductor, turn.conversation_id)


def last(conductor: Conductor, comparison_id: str) -> Exchange:
    return conductor.conversations.transcript(comparison_id).exchanges[-1]


def states(turn: Turn) -> list[LaneState]:
    return [running.state for running in turn.lanes]


async def test_lanes_take_turns(conductor: Conductor, upstream: Upstream) -> None:
    """One upstream request at a time, in the lanes' order; each is timed by itself, and its row is there before it."""
    setups = [lane("any words 2 gap 20"), lane("any status 500"), lane("any words 3", "anthropic")]
    turn = await conductor.conversations.start_turn("Hello", setups, kind="compare", in_turn=True)
    assert states(turn) == [LaneState.WAITING] * 3
    await turn.wait()
    exchange = last(conductor, turn.conversation_id)
    assert [answer.state for answer in exchange.answers] == [LaneState.DONE, LaneState.FAILED, LaneState.DONE]
    assert exchange.in_turn
    assert conductor.store.conversation(turn.conversation_id).settings["in_turn"]
    calls = {call.lane_id: call for call in conductor.store.calls_of(turn.conversation_id)}
    first, second, third = (calls[answer.id] for answer in exchange.answers)
    assert first.started_at + (first.latency_ms or 0.0) - 1 <= second.started_at
    assert second.started_at + (second.latency_ms or 0.0) - 1 <= third.started_at
    by_time = sorted((answer.latency_ms or 0.0, answer.lane) for answer in exchange.answers if not answer.failure)
    assert exchange.places == {lane: place for place, (_, lane) in enumerate(by_time, 1)}


async def test_shuffled_lanes_take_turns_in_their_new_order(conductor: Conductor, upstream: Upstream) -> None:
    """Else the first to write would be known to be the first lane."""
    setups = [lane("any words 1"), lane("any words 2"), lane("any words 3"), lane("any words 4")]
    _, exchange = await compared(conductor, *setups, blind=True, in_turn=True)
    asked = [int(str(request.model)[-1]) - 1 for request in upstream.requests]
    assert tuple(asked) == exchange.order


async def test_stop_ends_lanes_that_wait_for_their_turn(conductor: Conductor, upstream: Upstream) -> None:
    """All of them, at once; only the first was ever sent."""
    setups = [lane("any silent"), lane("any"), lane("any")]
    turn = await conductor.conversations.start_turn("Hello", setups, kind="compare", in_turn=True)
    await until(lambda: upstream.requests)
    turn.stop()
    await turn.wait()
    assert [answer.state for answer in last(conductor, turn.conversation_id).answers] == [LaneState.STOPPED] * 3
    assert len(upstream.requests) == 1


async def test_a_lane_stopped_before_its_turn_is_left_out(conductor: Conductor, upstream: Upstream) -> None:
    """The next one has its turn all the same."""
    setups = [lane("any gap 30"), lane("any"), lane("any words 1", "anthropic")]
    turn = await conductor.conversations.start_turn("Hello", setups, kind="compare", in_turn=True)
    turn.stop(1)
    await turn.wait()
    found = [answer.state for answer in last(conductor, turn.conversation_id).answers]
    assert found == [LaneState.DONE, LaneState.STOPPED, LaneState.DONE]
    assert len(upstream.requests) == 2


async def test_the_end_of_the_process_interrupts_waiting_lanes(tmp_path: Path, upstream: Upstream) -> None:
    """They are told from lanes that somebody stopped."""
    async with installation(tmp_path, upstream) as conductor:
        setups = [lane("any silent"), lane("any")]
        turn = await conductor.conversations.start_turn("Hello", setups, kind="compare", in_turn=True)
    assert states(turn) == [LaneState.INTERRUPTED] * 2


async def test_lanes_that_were_refused_unsaved_do_not_wait_for_ever(
    tmp_path: Path, conductor: Conductor, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the disk is free their rows say that nothing was sent, also of those that had yet to have their turn."""
    monkeypatch.setattr("conductor_core.conversations.SAVE_SECONDS", 0.1)
    with closing(sqlite3.connect(tmp_path / "conductor.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="was not sent"):
            await conductor.conversations.start_turn("Hello", [lane(), lane()], kind="compare", in_turn=True)
        other.execute("ROLLBACK")
    await conductor.store.rename("none", "none")
    [saved] = conductor.store.conversations("compare")
    assert [answer.state for answer in last(conductor, saved.id).answers] == [LaneState.FAILED] * 2
    assert upstream.requests == []


async def test_who_was_done_first_has_the_first_place(conductor: Conductor) -> None:
    """By the time since the prompt; a lane that failed has no place. The same while running and when read back."""
    setups = [lane("any delay 150"), lane("any status 500"), lane("any words 1", "anthropic")]
    turn = await conductor.conversations.start_turn("Hello", setups, kind="compare")
    await turn.wait()
    assert turn.exchange().places == last(conductor, turn.conversation_id).places == {2: 1, 0: 2}


async def test_nine_answers_are_refused(conductor: Conductor, upstream: Upstream) -> None:
    """In a sentence with the bound, before anything is sent; eight are not."""
    with pytest.raises(InvalidRequest, match=r"One prompt gets 8 answers at most; these are 9\.") as found:
        await compared(conductor, *[lane()] * 9)
    assert found.value.field == "lanes"
    assert not upstream.requests
    _, exchange = await compared(conductor, *[lane("any words 1")] * 8)
    assert len(exchange.answers) == 8


async def test_parameters_reach_the_provider(conductor: Conductor, upstream: Upstream) -> None:
    """Each lane's own; what is not given is not sent."""
    await compared(conductor, lane(top_p=0.3, seed=11), lane())
    bodies = [request.body for request in upstream.requests if request.body]
    assert sorted((body.get("top_p", 0), body.get("seed", 0)) for body in bodies) == [(0, 0), (0.3, 11)]


@pytest.mark.parametrize("kind", list(MergeKind))
async def test_a_merge_is_a_call_beside_the_answers(conductor: Conductor, upstream: Upstream, kind: MergeKind) -> None:
    """By the model that was chosen, with the prompt it was asked with; answers and lanes stay as they were."""
    comparison_id, before = await compared(conductor, lane("any words 2"), lane("any words 3", "anthropic"))
    turn = await conductor.comparisons.merge(comparison_id, 0, kind, lane("any words 4", system="Be brief."))
    running = conductor.conversations.transcript(comparison_id)
    assert running.exchanges[0].answers == before.answers
    assert [merge.running for merge in running.exchanges[0].merges] == [True]
    await turn.wait()
    exchange = last(conductor, comparison_id)
    [merge] = exchange.merges
    assert exchange.answers == before.answers
    assert (merge.text, merge.state, merge.model) == (Plan.of("words-4").text, LaneState.DONE, "any-words-4")
    assert merge.merge
    assert merge.merge.kind is kind
    sent = upstream.last.body or {}
    assert [message["content"] for message in sent["messages"]] == ["Be brief.", merge.merge.prompt]
    call = conductor.store.calls_of(comparison_id)[-1]
    assert (call.lane_id, call.source, call.outcome) == (merge.id, Source.COMPARE, Outcome.OK)
    assert len(conductor.store.conversation(comparison_id).settings["lanes"]) == 2


async def test_merges_add_up_and_no_lane_knows_of_them(conductor: Conductor, upstream: Upstream) -> None:
    """Each stays; the next prompt goes to the lanes with their own answers only."""
    comparison_id, _ = await compared(conductor, lane("any words 2"), lane("any words 3"))
    for kind in (MergeKind.FUSE, MergeKind.CRITERIA):
        await (await conductor.comparisons.merge(comparison_id, 0, kind, lane("any words 4"))).wait()
    found = [merge.merge.kind for merge in last(conductor, comparison_id).merges if merge.merge]
    assert found == [MergeKind.FUSE, MergeKind.CRITERIA]
    setups = [lane("any words 2"), lane("any words 3")]
    turn = await conductor.conversations.start_turn("On", setups, conversation_id=comparison_id, kind="compare")
    await turn.wait()
    assert [len(request.body["messages"]) for request in upstream.requests[-2:] if request.body] == [3, 3]


async def test_what_cannot_be_merged_is_refused(conductor: Conductor) -> None:
    """While answers run, before a blind vote, and where there is nothing."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any silent"), lane()], kind="compare")
    with pytest.raises(ConversationBusy):
        await conductor.comparisons.merge(turn.conversation_id, 0, MergeKind.FUSE, lane())
    turn.stop()
    await turn.wait()
    comparison_id, _ = await compared(conductor, lane(), lane(), blind=True)
    with pytest.raises(InvalidRequest, match="Vote first"):
        await conductor.comparisons.merge(comparison_id, 0, MergeKind.FUSE, lane())
    with pytest.raises(InvalidRequest, match="no answers to merge"):
        await conductor.comparisons.merge(comparison_id, 7, MergeKind.FUSE, lane())
    with pytest.raises(NotFound):
        await conductor.comparisons.merge("nobody", 0, MergeKind.FUSE, lane())


async def test_a_failed_merge_says_why_and_harms_nothing(conductor: Conductor) -> None:
    """It is kept with its reason; the answers and their vote are as before."""
    comparison_id, before = await compared(conductor, lane("any words 2"), lane("any words 3", "anthropic"))
    await (await conductor.comparisons.merge(comparison_id, 0, MergeKind.FUSE, lane("any status 500"))).wait()
    exchange = last(conductor, comparison_id)
    assert exchange.answers == before.answers
    assert exchange.merges[0].failure
    vote = await conductor.vote(comparison_id, 0, Verdict.BETTER, 0)
    assert len(vote.sides) == 2


async def test_a_lane_becomes_a_chat(conductor: Conductor, upstream: Upstream) -> None:
    """With its history and settings; the comparison stays, nothing is counted twice, and the chat goes on."""
    setups = [lane("any words 2"), lane("any words 3", "anthropic", temperature=0.1, system="Be brief.")]
    comparison_id, _ = await compared(conductor, *setups)
    turn = await conductor.conversations.start_turn("More", setups, conversation_id=comparison_id, kind="compare")
    await turn.wait()
    await (await conductor.comparisons.merge(comparison_id, 1, MergeKind.FUSE, lane())).wait()
    last_of_lane = last(conductor, comparison_id).answers[1]
    chat_id = await conductor.conversations.fork(comparison_id, last_of_lane.id)
    chat = conductor.conversations.transcript(chat_id)
    said = Plan.of("words-3").text
    assert (chat.conversation.kind, chat.conversation.title) == ("chat", "Fork of Hello")
    assert [(e.prompt, e.answers[0].text, e.answers[0].provider) for e in chat.exchanges] == [
        ("Hello", said, "anthropic"),
        ("More", said, "anthropic"),
    ]
    assert [LaneSetup.model_validate(found) for found in chat.conversation.settings["lanes"]] == [setups[1]]
    assert conductor.store.calls_of(chat_id) == []
    assert len(conductor.conversations.transcript(comparison_id).exchanges) == 2
    turn = await conductor.conversations.start_turn("Hm", [setups[1]], conversation_id=chat_id)
    await turn.wait()
    sent = upstream.last.body or {}
    assert sent["system"] == "Be brief."
    assert [message["content"] for message in sent["messages"]] == ["Hello", said, "More", said, "Hm"]


async def test_a_merge_is_no_answer(conductor: Conductor, upstream: Upstream) -> None:
    """Nothing follows it, no lane hears of it, it is no branch, and no chat is made of it."""
    setups = [lane("any words 2"), lane("any words 3", "anthropic")]
    comparison_id, before = await compared(conductor, *setups)
    merge = await conductor.comparisons.merge(comparison_id, 0, MergeKind.FUSE, lane("any words 5"))
    await merge.wait()
    assert merge.lanes[0].index >= FIRST_MERGE
    transcript = conductor.conversations.transcript(comparison_id)
    assert (transcript.branches, transcript.end) == (1, before.answers[0].id)
    assert transcript.exchanges[0].answers == before.answers
    with pytest.raises(InvalidRequest, match="this is none"):
        await conductor.conversations.fork(comparison_id, merge.lanes[0].id)
    turn = await conductor.conversations.start_turn(
        "On", setups, conversation_id=comparison_id, kind="compare", after=merge.lanes[0].id
    )
    await turn.wait()
    sent = upstream.last.body or {}
    assert [message["content"] for message in sent["messages"]][:3:2] == ["Hello", "On"]
    first, second = conductor.conversations.transcript(comparison_id).exchanges
    assert (len(first.merges), len(second.merges), len(second.answers)) == (1, 0, 2)
    assert conductor.store.messages(comparison_id)[-1].parent == second.prompt_id


async def test_a_merge_knows_what_was_attached(conductor: Conductor, upstream: Upstream) -> None:
    """It would judge the answers to a question that it only half has."""
    turn = await conductor.conversations.start_turn(
        "Sum it up", [lane(), lane()], kind="compare", files=[File("list.txt", b"seven swans")]
    )
    await turn.wait()
    await (await conductor.comparisons.merge(turn.conversation_id, 0, MergeKind.FUSE, lane())).wait()
    assert "seven swans" in str(upstream.last.body)


async def test_what_is_attached_reaches_lanes_that_take_turns(conductor: Conductor, upstream: Upstream) -> None:
    """The last as well as the first."""
    turn = await conductor.conversations.start_turn(
        "Sum it up", [lane(), lane()], kind="compare", in_turn=True, files=[File("list.txt", b"seven swans")]
    )
    await turn.wait()
    assert [answer.state for answer in turn.exchange().answers] == [LaneState.DONE] * 2
    assert "seven swans" in str(upstream.last.body)


async def test_the_order_of_lanes_is_kept(conductor: Conductor) -> None:
    """For whoever opens the comparison next, also after another prompt; what is no order is refused."""
    setups = [lane("any words 1")] * 3
    comparison_id, _ = await compared(conductor, *setups)
    assert arranged(conductor.store.conversation(comparison_id)) == [0, 1, 2]
    await conductor.comparisons.arrange(comparison_id, [2, 0, 1])
    turn = await conductor.conversations.start_turn("On", setups, conversation_id=comparison_id, kind="compare")
    await turn.wait()
    assert arranged(conductor.store.conversation(comparison_id)) == [2, 0, 1]
    for wrong in ([0, 1], [0, 0, 1], [0, 1, 2, 3]):
        with pytest.raises(InvalidRequest, match="names each lane once"):
            await conductor.comparisons.arrange(comparison_id, wrong)
