"""Turns in conversations: saved before sent, alive without a page, stopped at once, never mixed up."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from conductor_core.branches import GO_ON
from conductor_core.conductor import Conductor
from conductor_core.conversations import title_of
from conductor_core.errors import ConversationBusy, InvalidRequest, NotFound, StoreError
from conductor_core.kinds import CostKind, LaneState, Outcome, Source
from conductor_core.models import MAX_CHARACTERS
from conductor_core.secret import Secret
from conductor_core.turns import LaneSetup, Turn
from tests.installation import installation
from tests.store.rows import conversation, message
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


async def until(condition: object, turn: Turn) -> None:
    """Gives the loop its turns until `condition()` holds."""
    assert callable(condition)
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_an_answer_is_read_back_whole_with_its_facts(conductor: Conductor) -> None:
    """What was streamed, stored and measured is one and the same answer."""
    turn = await conductor.conversations.start_turn("Hello there", [lane("any words 5")])
    await turn.wait()
    transcript = conductor.conversations.transcript(turn.conversation_id)
    answer = transcript.exchanges[0].answers[0]
    assert answer.text == Plan.of("words-5").text == turn.lanes[0].text
    assert (answer.state, answer.provider) == (LaneState.DONE, "openai")
    call = conductor.store.calls_of(turn.conversation_id)[0]
    assert (call.outcome, call.source, call.lane_id) == (Outcome.OK, Source.CHAT, answer.id)
    assert (answer.latency_ms, answer.ttft_ms, answer.prompt_tokens) == (
        call.latency_ms,
        call.ttft_ms,
        call.prompt_tokens,
    )
    assert transcript.conversation.title == "Hello there"


async def test_nothing_leaves_before_prompt_and_call_are_stored(conductor: Conductor, upstream: Upstream) -> None:
    """When `start_turn` returns, both are committed, and no byte has gone out yet."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any silent")])
    assert upstream.requests == []
    messages = conductor.store.messages(turn.conversation_id)
    assert [(m.role, m.content, m.state) for m in messages] == [("user", "Hello", "done"), ("assistant", "", "waiting")]
    assert [call.outcome for call in conductor.store.calls_of(turn.conversation_id)] == [Outcome.RUNNING]
    turn.stop()
    await turn.wait()


@pytest.mark.parametrize("words", ["any silent", "any stall 2"])
async def test_stop_reaches_a_silent_upstream_within_300_ms(
    conductor: Conductor, upstream: Upstream, words: str
) -> None:
    """The upstream sees the connection close although it sends nothing; what had arrived is kept."""
    arrived = "" if "silent" in words else Plan.of("words-2").text
    turn = await conductor.conversations.start_turn("Hello", [lane(words)])
    answer = turn.lanes[0]
    await until(lambda: upstream.requests and answer.text == arrived, turn)
    started = time.monotonic()
    turn.stop()
    await asyncio.wait_for(upstream.last.hung_up.wait(), 0.3)
    assert time.monotonic() - started < 0.3
    await turn.wait()
    stored = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers[0]
    assert stored.state is LaneState.STOPPED
    assert stored.text == arrived
    assert conductor.store.calls_of(turn.conversation_id)[0].outcome is Outcome.CANCELLED


async def test_stopping_twice_is_stopping_once(conductor: Conductor, upstream: Upstream) -> None:
    """A second Stop while the first is being saved changes nothing."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any silent")])
    await until(lambda: upstream.requests, turn)
    turn.stop()
    turn.stop()
    await turn.wait()
    turn.stop()
    assert turn.lanes[0].state is LaneState.STOPPED


async def test_a_failing_lane_never_disturbs_the_others(conductor: Conductor) -> None:
    """Four lanes: two answer, one fails at once, one is cut; each keeps its own end."""
    setups = [lane("any"), lane("any status 500"), lane("any cut 3"), lane("any", "anthropic")]
    turn = await conductor.conversations.start_turn("Hello", setups, kind="compare")
    await turn.wait()
    answers = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers
    ends = [LaneState.DONE, LaneState.FAILED, LaneState.INCOMPLETE, LaneState.DONE]
    assert [answer.state for answer in answers] == ends
    assert answers[2].text == Plan.of("words-3").text
    assert answers[1].failure is not None
    assert answers[1].failure.kind is Outcome.SERVER_ERROR
    assert {call.source for call in conductor.store.calls_of(turn.conversation_id)} == {Source.COMPARE}


async def test_stop_of_one_lane_leaves_the_others_running(conductor: Conductor, upstream: Upstream) -> None:
    """Lane 0 is stopped; lane 1 answers to its end."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any silent"), lane("any gap 20")], kind="compare")
    await until(lambda: len(upstream.requests) == 2, turn)
    turn.stop(0)
    await turn.wait()
    assert [each.state for each in turn.lanes] == [LaneState.STOPPED, LaneState.DONE]


async def test_each_lane_continues_its_own_history(conductor: Conductor, upstream: Upstream) -> None:
    """The second prompt goes to each lane with that lane's first answer, not with another's."""
    setups = [lane("any words 2", system="Be brief."), lane("any words 3")]
    turn = await conductor.conversations.start_turn("First", setups, kind="compare")
    await turn.wait()
    turn = await conductor.conversations.start_turn("Second", setups, conversation_id=turn.conversation_id)
    await turn.wait()
    sent = {request.model: request.body["messages"] for request in upstream.requests[2:]}
    first = {"role": "user", "content": "First"}
    second = {"role": "user", "content": "Second"}
    briefly = {"role": "system", "content": "Be brief."}
    answers = {n: {"role": "assistant", "content": Plan.of(f"words-{n}").text} for n in (2, 3)}
    assert sent == {"any-words-2": [briefly, first, answers[2], second], "any-words-3": [first, answers[3], second]}


async def test_one_turn_at_a_time_in_a_conversation(conductor: Conductor, upstream: Upstream) -> None:
    """A second prompt into a running conversation is refused and stores nothing."""
    turn = await conductor.conversations.start_turn("First", [lane("any silent")])
    with pytest.raises(ConversationBusy):
        await conductor.conversations.start_turn("Second", [lane()], conversation_id=turn.conversation_id)
    turn.stop()
    await turn.wait()
    assert [m.content for m in conductor.store.messages(turn.conversation_id) if m.role == "user"] == ["First"]


async def test_answering_again_shows_the_newest_and_keeps_the_paid_one(conductor: Conductor) -> None:
    """Regenerate replaces what is shown; the earlier answer stays stored."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any words 2")])
    await turn.wait()
    again = await conductor.conversations.answer_again(turn.conversation_id, {0: lane("any words 4")})
    await again.wait()
    transcript = conductor.conversations.transcript(turn.conversation_id)
    assert [answer.text for answer in transcript.exchanges[0].answers] == [Plan.of("words-4").text]
    assert [m.content for m in conductor.store.messages(turn.conversation_id)][1] == Plan.of("words-2").text


async def test_a_running_answer_is_seen_by_whoever_opens_the_conversation(conductor: Conductor) -> None:
    """A second reader gets the text so far, without the store having it."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any stall 2")])
    await until(lambda: turn.lanes[0].text == Plan.of("words-2").text, turn)
    answer = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers[0]
    assert (answer.state, answer.text) == (LaneState.STREAMING, Plan.of("words-2").text)
    assert conductor.conversations.turn(turn.conversation_id) is turn
    turn.stop()
    await turn.wait()
    assert conductor.conversations.turn(turn.conversation_id) is None


async def test_a_turn_that_ends_while_it_is_read_is_read_as_ended(
    conductor: Conductor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a page would show an ended answer, call it running, and wait for ever for its end."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any words 5")])
    loop, read = asyncio.get_running_loop(), conductor.store.calls_of

    def read_late(conversation_id: str) -> object:
        rows = read(conversation_id)
        asyncio.run_coroutine_threadsafe(turn.wait(), loop).result(5)
        return rows

    monkeypatch.setattr(conductor.store, "calls_of", read_late)
    transcript = await asyncio.to_thread(conductor.conversations.transcript, turn.conversation_id)
    assert transcript.exchanges[0].answers[0].state is LaneState.DONE
    assert (transcript.turn, transcript.elsewhere, transcript.total.answers) == (None, None, 1)


async def test_a_missing_key_is_a_failed_lane_that_names_the_variable(conductor: Conductor) -> None:
    """The prompt is kept, nothing was sent, no call row is written."""
    turn = await conductor.conversations.start_turn("Hello", [LaneSetup(provider="groq")])
    answer = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers[0]
    assert answer.failure is not None
    assert "GROQ_API_KEY" in answer.failure.sentence
    assert (answer.state, answer.provider) == (LaneState.FAILED, "groq")
    assert conductor.store.calls_of(turn.conversation_id) == []


async def test_closing_interrupts_and_saves(tmp_path: Path, upstream: Upstream) -> None:
    """What had arrived when the process ended is there after the next start, marked interrupted."""
    async with installation(tmp_path, upstream) as conductor:
        turn = await conductor.conversations.start_turn("Hello", [lane("any stall 2")])
        await until(lambda: turn.lanes[0].text == Plan.of("words-2").text, turn)
    async with installation(tmp_path) as conductor:
        answer = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers[0]
        assert (answer.state, answer.text) == (LaneState.INTERRUPTED, Plan.of("words-2").text)
        assert conductor.store.calls_of(turn.conversation_id)[0].outcome is Outcome.INTERRUPTED


async def test_a_blocked_answer_says_so_and_is_no_fault(conductor: Conductor) -> None:
    """A safety block is shown as one; the provider stays healthy."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any filter words 0")])
    await turn.wait()
    answer = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers[0]
    assert answer.failure is not None
    assert "blocked" in answer.failure.sentence
    assert conductor.store.calls_of(turn.conversation_id)[0].outcome is Outcome.BLOCKED
    assert conductor.live.figures("openai").failures == 0


async def test_tokens_are_estimated_and_said_to_be_when_nobody_counts(conductor: Conductor) -> None:
    """Without reported usage the cost is `estimated`, from a quarter of the characters."""
    turn = await conductor.conversations.start_turn("Hello", [lane("gpt-4.1-mini uncounted words 4")])
    await turn.wait()
    call = conductor.store.calls_of(turn.conversation_id)[0]
    assert call.completion_tokens == -(-len(Plan.of("words-4").text) // 4)
    assert call.cost_kind in (CostKind.ESTIMATED, CostKind.UNKNOWN)


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\u2060"])
async def test_nothing_visible_is_not_sent(conductor: Conductor, text: str) -> None:
    """Empty, white and zero-width prompts are refused and store nothing."""
    with pytest.raises(InvalidRequest, match="Nothing to send"):
        await conductor.conversations.start_turn(text, [lane()])
    assert conductor.store.conversations("chat") == []


async def test_a_prompt_over_the_limit_names_both_numbers(conductor: Conductor) -> None:
    """The sentence says how long it is and how long it may be."""
    with pytest.raises(InvalidRequest, match="1,000,001 characters; the limit is 1,000,000"):
        await conductor.conversations.start_turn("x" * (MAX_CHARACTERS + 1), [lane()])


async def test_deleting_stops_what_runs_and_removes_it(conductor: Conductor, upstream: Upstream) -> None:
    """After delete the conversation is unknown, the upstream call is over, its call row has numbers only."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any silent")])
    await until(lambda: upstream.requests, turn)
    await conductor.conversations.delete(turn.conversation_id)
    await asyncio.wait_for(upstream.last.hung_up.wait(), 1)
    with pytest.raises(NotFound):
        conductor.conversations.transcript(turn.conversation_id)
    assert [call.conversation_id for call in conductor.store.recent_calls(5)] == [None]


async def test_auto_keeps_its_receipt_with_the_answer(conductor: Conductor) -> None:
    """The stored answer says who was considered and why this one."""
    turn = await conductor.conversations.start_turn("Hello", [LaneSetup()])
    await turn.wait()
    answer = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers[0]
    assert answer.receipt is not None
    assert answer.receipt["winner"] == answer.provider == "openai"
    assert [c["provider"] for c in answer.receipt["candidates"]][:2] == ["openai", "anthropic"]
    assert conductor.store.calls_of(turn.conversation_id)[0].strategy == "balanced"


async def test_a_title_is_the_first_words(conductor: Conductor) -> None:
    """One line, cut at a word; renaming to nothing is refused."""
    assert title_of("Sorting\n  in Python") == "Sorting in Python"
    assert title_of("word " * 40) == "word " * 11 + "word …"
    turn = await conductor.conversations.start_turn("Hello", [lane()])
    await turn.wait()
    await conductor.conversations.rename(turn.conversation_id, "Greetings")
    assert conductor.store.conversation(turn.conversation_id).title == "Greetings"
    with pytest.raises(InvalidRequest):
        await conductor.conversations.rename(turn.conversation_id, " ")


async def test_turns_left_out_are_not_sent(conductor: Conductor, upstream: Upstream) -> None:
    """From `first_turn` on the history goes along; what came before stays stored."""
    turn = await conductor.conversations.start_turn("First", [lane("any words 2")])
    await turn.wait()
    again = lane("any words 2", first_turn=1)
    turn = await conductor.conversations.start_turn("Second", [again], conversation_id=turn.conversation_id)
    await turn.wait()
    assert upstream.last.body["messages"] == [{"role": "user", "content": "Second"}]
    assert len(conductor.conversations.transcript(turn.conversation_id).exchanges) == 2


async def test_a_key_in_the_first_words_is_not_a_title(conductor: Conductor) -> None:
    """The title stands in the sidebar, in exports and in file names: no key gets there."""
    turn = await conductor.conversations.start_turn("My key is sk-proj-0123456789abcdefghij please", [lane()])
    await turn.wait()
    assert conductor.store.conversation(turn.conversation_id).title == "My key is [key] please"


async def test_a_retry_keeps_what_a_cut_answer_had_written(conductor: Conductor) -> None:
    """While the new one runs and read back; a complete earlier answer is not shown beside it."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any same cut 3")])
    await turn.wait()
    again = await conductor.conversations.answer_again(turn.conversation_id, {0: lane("any words 4")})
    assert again.lanes[0].answer().kept == ("ha ha ha ",)
    await again.wait()
    third = await conductor.conversations.answer_again(turn.conversation_id, {0: lane("any words 5")})
    await third.wait()
    answer = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers[0]
    assert (answer.text, answer.kept) == (Plan.of("words-5").text, ("ha ha ha ",))


async def test_a_cut_answer_is_gone_on_with(conductor: Conductor, upstream: Upstream) -> None:
    """Another provider gets the beginning and is asked for the rest; both are one answer that says who wrote what."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any cut 3")])
    await turn.wait()
    conversation_id = turn.conversation_id
    rest = lane("any words 2", "anthropic")
    turn = await conductor.conversations.answer_again(conversation_id, {0: rest}, going_on=True)
    await turn.wait()
    answer = conductor.conversations.transcript(conversation_id).exchanges[0].answers[0]
    beginning = Plan.of("words-3").text
    assert (answer.state, answer.text) == (LaneState.DONE, beginning + Plan.of("words-2").text)
    assert (answer.kept, answer.notices) == ((), ("Begun by OpenAI, continued by Anthropic.",))
    assert [message["content"] for message in upstream.last.body["messages"]] == ["Hello", beginning, GO_ON]
    await (await conductor.conversations.start_turn("And?", [rest], conversation_id=conversation_id)).wait()
    assert [message["role"] for message in upstream.last.body["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize("words", ["any status 400", "any cut 0", "any cut 1"])
async def test_going_on_may_fail_and_loses_nothing(conductor: Conductor, words: str) -> None:
    """What there was is still there, incomplete, to be gone on with once more."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any cut 3")])
    await turn.wait()
    turn = await conductor.conversations.answer_again(turn.conversation_id, {0: lane(words)}, going_on=True)
    await turn.wait()
    answer = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers[0]
    added = Plan.of("words-1").text if words == "any cut 1" else ""
    assert (answer.state, answer.text) == (LaneState.INCOMPLETE, Plan.of("words-3").text + added)
    assert answer.failure
    assert answer.broke_off


async def test_a_prompt_whose_answer_never_began_can_be_answered(conductor: Conductor) -> None:
    """A kill may come between the commit of the prompt and that of its answer's row."""
    prompt = message(conversation().id)
    saved = replace(conversation(), id=prompt.conversation_id, settings={"lanes": []})
    await conductor.store.save_conversation(saved)
    await conductor.store.save_message(prompt)
    answer = conductor.conversations.transcript(saved.id).exchanges[0].answers[0]
    assert (answer.state, answer.text) == (LaneState.INTERRUPTED, "")
    again = await conductor.conversations.answer_again(saved.id, {answer.lane: lane()})
    await again.wait()
    assert conductor.conversations.transcript(saved.id).exchanges[0].answers[0].text == Plan.of("").text


async def test_a_message_that_was_refused_unsaved_is_no_running_answer(
    tmp_path: Path, conductor: Conductor, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows may still come to be written once the disk is free: then it stands there as not sent, to be retried."""
    monkeypatch.setattr("conductor_core.conversations.SAVE_SECONDS", 0.1)
    with closing(sqlite3.connect(tmp_path / "conductor.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="was not sent"):
            await conductor.conversations.start_turn("Hello", [lane()])
        other.execute("ROLLBACK")
    await conductor.store.rename("none", "none")
    [saved] = conductor.store.conversations("chat")
    answer = conductor.conversations.transcript(saved.id).exchanges[0].answers[0]
    assert answer.state is LaneState.FAILED
    assert answer.failure
    assert "was not sent" in answer.failure.sentence
    assert upstream.requests == []
    again = await conductor.conversations.answer_again(saved.id, {0: lane()})
    await again.wait()
    assert len(upstream.requests) == 1


async def said(conductor: Conductor, text: str, conversation_id: str | None = None, **place: str) -> Turn:
    """A prompt that was answered."""
    turn = await conductor.conversations.start_turn(text, [lane()], conversation_id=conversation_id, **place)  # type: ignore[arg-type]  # where it goes
    await turn.wait()
    return turn


def shown(conductor: Conductor, conversation_id: str) -> list[str]:
    return [exchange.prompt for exchange in conductor.conversations.transcript(conversation_id).exchanges]


def sent(upstream: Upstream) -> list[str]:
    """What the last request said on the person's side."""
    return [m["content"] for m in upstream.last.body["messages"] if m["role"] == "user"]


async def test_an_edit_is_sent_with_what_was_before_it_alone(
    tmp_path: Path, upstream: Upstream, database_url: Secret | None
) -> None:
    """The old branch stays, and which of them is shown outlasts a restart; later messages follow the shown one."""
    where = {"CONDUCTOR_DATABASE_URL": database_url.reveal()} if database_url else {}
    async with installation(tmp_path, upstream, **where) as conductor:
        first = await said(conductor, "First")
        id = first.conversation_id
        second = await said(conductor, "Second", id)
        await said(conductor, "Third", id)
        await said(conductor, "Second, otherwise", id, instead_of=second.prompt_id)
        assert sent(upstream) == ["First", "Second, otherwise"]
        assert shown(conductor, id) == ["First", "Second, otherwise"]
        exchange = conductor.conversations.transcript(id).exchanges[1]
        assert exchange.edits == (second.prompt_id, exchange.prompt_id)
        await conductor.conversations.show(id, second.prompt_id)
    async with installation(tmp_path, upstream, **where) as conductor:
        assert shown(conductor, id) == ["First", "Second", "Third"]
        await said(conductor, "Fourth", id)
        assert sent(upstream) == ["First", "Second", "Third", "Fourth"]
        edit = await said(conductor, "First, otherwise", id, instead_of=first.prompt_id)
        assert sent(upstream) == shown(conductor, id) == ["First, otherwise"]
        assert conductor.conversations.transcript(id).branches == 3
        assert conductor.conversations.transcript(id).end == edit.lanes[0].id


async def test_an_answer_in_mid_conversation_is_given_again(conductor: Conductor, upstream: Upstream) -> None:
    """By another provider, from what was before it; what followed the first answer stays with that."""
    first = await said(conductor, "First")
    id, answer = first.conversation_id, first.lanes[0].id
    await said(conductor, "Second", id)
    again = await conductor.conversations.answer_again(id, {0: lane("any words 3", "anthropic")}, of=answer)
    await again.wait()
    assert sent(upstream) == ["First"]
    [exchange] = conductor.conversations.transcript(id).exchanges
    assert exchange.answers[0].versions == (answer, again.lanes[0].id)
    assert exchange.answers[0].text == Plan.of("words-3").text
    await said(conductor, "Second, after the other", id)
    assert upstream.last.body["messages"][1]["content"] == Plan.of("words-3").text
    await conductor.conversations.show(id, answer)
    assert shown(conductor, id) == ["First", "Second"]


async def test_a_message_follows_what_its_writer_saw(conductor: Conductor, upstream: Upstream) -> None:
    """Another tab has gone on or elsewhere meanwhile: it is sent with what stood above it, and that is shown then."""
    first = await said(conductor, "First")
    id, answer = first.conversation_id, first.lanes[0].id
    await said(conductor, "Second", id)
    await said(conductor, "First, otherwise", id, instead_of=first.prompt_id)
    await said(conductor, "Second, from the first tab", id, after=answer)
    assert sent(upstream) == shown(conductor, id) == ["First", "Second, from the first tab"]
    with pytest.raises(NotFound):
        await said(conductor, "Third", id, after="nobody")


async def test_an_answer_runs_on_while_another_branch_is_looked_at(conductor: Conductor) -> None:
    """It is told that it runs elsewhere, the choice made meanwhile holds, and its end is saved in its own branch."""
    first = await said(conductor, "First")
    id = first.conversation_id
    running = await conductor.conversations.start_turn(
        "First, otherwise", [lane("any stall 2")], conversation_id=id, instead_of=first.prompt_id
    )
    assert conductor.conversations.transcript(id).turn is running
    await until(lambda: running.lanes[0].text, running)
    await conductor.conversations.show(id, first.prompt_id)
    transcript = conductor.conversations.transcript(id)
    assert (transcript.turn, transcript.elsewhere) == (None, running)
    running.stop()
    await running.wait()
    assert shown(conductor, id) == ["First"]
    await conductor.conversations.show(id, running.prompt_id)
    [exchange] = conductor.conversations.transcript(id).exchanges
    assert (exchange.prompt, exchange.answers[0].state) == ("First, otherwise", LaneState.STOPPED)


async def test_what_was_continued_is_one_answer(conductor: Conductor) -> None:
    """Continue is no branch; another answer is."""
    turn = await conductor.conversations.start_turn("Hello", [lane("any cut 3")])
    await turn.wait()
    id = turn.conversation_id
    whole = await conductor.conversations.answer_again(id, {0: lane("any words 2")}, going_on=True)
    await whole.wait()
    assert conductor.conversations.transcript(id).exchanges[0].answers[0].versions == (whole.lanes[0].id,)
    assert conductor.conversations.transcript(id).branches == 1
    again = await conductor.conversations.answer_again(id, {0: lane()})
    await again.wait()
    assert len(conductor.conversations.transcript(id).exchanges[0].answers[0].versions) == 2


async def test_a_message_after_one_that_was_never_answered_leaves_it_answerable(conductor: Conductor) -> None:
    """What is answered later begins a branch of its own; the message stays where it was written."""
    saved = replace(conversation(), settings={"lanes": []})
    prompt = message(saved.id)
    await conductor.store.save_conversation(saved)
    await conductor.store.save_message(prompt)
    await said(conductor, "And?", saved.id, after=prompt.id)
    assert shown(conductor, saved.id) == [prompt.content, "And?"]
    again = await conductor.conversations.answer_again(saved.id, {0: lane()}, of=prompt.id)
    await again.wait()
    [exchange] = conductor.conversations.transcript(saved.id).exchanges
    assert len(exchange.answers[0].versions) == 2
    await conductor.conversations.show(saved.id, exchange.answers[0].versions[0])
    assert shown(conductor, saved.id) == [prompt.content, "And?"]
