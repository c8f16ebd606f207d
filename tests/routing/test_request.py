"""The one loop: who is asked, how often, in which order, and what is told of it. On real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import ProviderError
from conductor_core.kinds import LaneState, Outcome, ProviderState
from conductor_core.metrics.call import Call
from conductor_core.models import ChatMessage, ChatRequest, ChatResponse, MessageRole
from conductor_core.providers import Chunk
from conductor_core.turns import LaneSetup, Turn
from tests.installation import installation
from tests.upstream import Plan, Upstream

TEXT = Plan.of("").text


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@asynccontextmanager
async def chain(
    home: Path, upstream: Upstream, openai: str, anthropic: str = "fine", **settings: str
) -> AsyncIterator[Conductor]:
    """AUTO with two providers whose default models misbehave as said; OpenAI is asked first."""
    models = {"OPENAI": openai, "ANTHROPIC": anthropic}
    defaults = {f"CONDUCTOR_DEFAULT_MODELS__{name}": words.replace(" ", "-") for name, words in models.items()}
    named = {f"CONDUCTOR_{name.upper()}": value for name, value in settings.items()}
    async with installation(home, upstream, **defaults, **named) as conductor:
        conductor.gateway.router.apply("openai,anthropic")
        yield conductor


def request(provider: str = "auto", model: str | None = None) -> ChatRequest:
    return ChatRequest(provider=provider, model=model, messages=[ChatMessage(role=MessageRole.USER, content="Hello")])


async def calls(conductor: Conductor) -> list[Call]:
    """Every row, oldest first, once all are committed."""
    await conductor.store.rename("none", "none")
    return sorted(conductor.store.recent_calls(50), key=lambda call: (call.started_at, call.attempt))


async def lane_of(conductor: Conductor, provider: str = "auto") -> Turn:
    return await conductor.conversations.start_turn("Hello", [LaneSetup(provider=provider)])


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


async def test_a_failed_provider_is_asked_again_and_then_another(tmp_path: Path, upstream: Upstream) -> None:
    """Three attempts, three rows of one request; the last is the other provider's and says from whom it took over."""
    async with chain(tmp_path, upstream, "any status 500") as conductor:
        response = await conductor.chat(request())
        assert (response.content, response.provider) == (TEXT, "anthropic")
        rows = await calls(conductor)
    assert [(row.provider, row.attempt, row.outcome, row.fallback_from) for row in rows] == [
        ("openai", 0, Outcome.SERVER_ERROR, None),
        ("openai", 1, Outcome.SERVER_ERROR, None),
        ("anthropic", 2, Outcome.OK, "openai"),
    ]
    assert {row.request_id for row in rows} == {response.request_id}
    assert [row.superseded for row in rows] == [True, True, False]
    assert len(upstream.requests) == 3


async def test_a_named_provider_is_never_left_for_another(tmp_path: Path, upstream: Upstream) -> None:
    """It is asked three times, and its fault is the answer."""
    async with chain(tmp_path, upstream, "any status 500") as conductor:
        with pytest.raises(ProviderError, match="OpenAI had an internal error"):
            await conductor.chat(request("openai"))
        assert {row.provider for row in await calls(conductor)} == {"openai"}
    assert len(upstream.requests) == 3


async def test_the_thread_is_told_who_failed_and_who_answered(tmp_path: Path, upstream: Upstream) -> None:
    """One sentence, on the running lane and read back; the receipt has every attempt."""
    async with chain(tmp_path, upstream, "any status 429 wait 12") as conductor:
        turn = await lane_of(conductor)
        await turn.wait()
        answer = conductor.conversations.transcript(turn.conversation_id).exchanges[0].answers[0]
    assert answer.notices == ("OpenAI is rate-limited for 12 s; answered by Anthropic.",)
    assert turn.lanes[0].answer().notices == answer.notices
    assert (answer.state, answer.provider, answer.text) == (LaneState.DONE, "anthropic", TEXT)
    assert answer.receipt is not None
    assert answer.receipt["answered_by"] == "anthropic"
    assert [(a["provider"], a["outcome"]) for a in answer.receipt["attempts"]] == [
        ("openai", "rate_limited"),
        ("anthropic", "ok"),
    ]


async def test_a_rate_limited_provider_is_passed_over_until_its_time(tmp_path: Path, upstream: Upstream) -> None:
    """The next question goes to the other one at once; the card says why and for how long."""
    async with chain(tmp_path, upstream, "any status 429 wait 12") as conductor:
        for _ in range(2):
            assert (await conductor.chat(request())).provider == "anthropic"
        status = next(each for each in conductor.status().providers if each.name == "openai")
        assert status.state is ProviderState.OPEN
        assert status.reason == "OpenAI is rate-limited for 12 s. Passed over for 12 s."
    assert [received.model for received in upstream.requests].count("any-status-429-wait-12") == 1


async def test_a_short_wait_is_waited_at_the_same_provider(tmp_path: Path, upstream: Upstream) -> None:
    """What the provider asks for is waited, visibly, and then it is asked again."""
    async with chain(tmp_path, upstream, "any status 429 wait 1") as conductor:
        turn = await lane_of(conductor)
        await until(lambda: turn.lanes[0].answer().waiting_until)
        waiting = turn.lanes[0].answer()
        assert (waiting.attempt, waiting.attempts, waiting.state) == (2, 3, LaneState.WAITING)
        await turn.wait()
        rows = await calls(conductor)
    assert [row.provider for row in rows] == ["openai", "openai", "anthropic"]
    assert rows[1].started_at - rows[0].started_at >= 1000


async def test_stop_ends_a_wait_at_once(tmp_path: Path, upstream: Upstream) -> None:
    """No further attempt is made."""
    async with chain(tmp_path, upstream, "any status 429 wait 9") as conductor:
        turn = await lane_of(conductor, "openai")
        await until(lambda: turn.lanes[0].answer().waiting_until)
        turn.stop()
        async with asyncio.timeout(0.5):
            await turn.wait()
        assert turn.lanes[0].state is LaneState.STOPPED
        assert turn.lanes[0].answer().waiting_until is None
    assert len(upstream.requests) == 1


async def test_nothing_is_switched_after_the_first_word(tmp_path: Path, upstream: Upstream) -> None:
    """What had come is kept, the lane is incomplete, and nobody else is asked."""
    async with chain(tmp_path, upstream, "any cut 3") as conductor:
        turn = await lane_of(conductor)
        await turn.wait()
        answer = turn.lanes[0].answer()
    assert (answer.state, answer.text) == (LaneState.INCOMPLETE, Plan.of("words-3").text)
    assert answer.notices == ()
    assert len(upstream.requests) == 1


async def test_before_the_first_word_a_broken_stream_is_asked_for_again(tmp_path: Path, upstream: Upstream) -> None:
    """Nobody has seen anything yet."""
    async with chain(tmp_path, upstream, "any cut 0") as conductor:
        turn = await lane_of(conductor)
        await turn.wait()
        assert turn.lanes[0].answer().text == TEXT
        assert [row.outcome for row in await calls(conductor)] == [Outcome.STREAM_CUT, Outcome.STREAM_CUT, Outcome.OK]


async def test_a_safety_block_is_not_dodged(tmp_path: Path, upstream: Upstream) -> None:
    """No retry and no other provider."""
    async with chain(tmp_path, upstream, "any filter words 0") as conductor:
        turn = await lane_of(conductor)
        await turn.wait()
        failure = turn.lanes[0].answer().failure
    assert failure is not None
    assert failure.kind is Outcome.BLOCKED
    assert len(upstream.requests) == 1


async def test_an_empty_answer_gets_one_more_try_and_is_then_shown(tmp_path: Path, upstream: Upstream) -> None:
    """At the same provider only."""
    async with chain(tmp_path, upstream, "any words 0") as conductor:
        response = await conductor.chat(request())
        streamed = [item async for item in conductor.stream(request())]
        assert (response.content, response.provider) == ("", "openai")
        assert [row.outcome for row in await calls(conductor)] == [Outcome.EMPTY] * 4
    assert isinstance(streamed[-1], ChatResponse)
    assert streamed[-1].content == ""


async def test_retries_end_with_the_retry_budget(tmp_path: Path, upstream: Upstream) -> None:
    """With the bucket empty the other provider is asked at once."""
    async with chain(tmp_path, upstream, "any status 500") as conductor:
        while conductor.gateway.retries.take("openai"):
            pass
        await conductor.chat(request())
        assert [row.provider for row in await calls(conductor)] == ["openai", "anthropic"]


async def test_an_open_breaker_spends_no_call(tmp_path: Path, upstream: Upstream) -> None:
    """After three failures AUTO asks the other one only."""
    async with chain(tmp_path, upstream, "any status 500") as conductor:
        for _ in range(6):
            await conductor.chat(request())
        rows = await calls(conductor)
    assert [row.provider for row in rows[:4]] == ["openai", "openai", "anthropic", "openai"]
    assert {row.provider for row in rows[4:]} == {"anthropic"}


async def test_the_only_provider_is_throttled_not_refused(tmp_path: Path, upstream: Upstream) -> None:
    """With its breaker open some calls go out and some are turned away with a sentence; none of these is a row."""
    async with chain(tmp_path, upstream, "any status 500", attempts="1") as conductor:
        told = []
        for _ in range(40):
            with pytest.raises(ProviderError) as caught:
                await conductor.chat(request("openai"))
            told.append(str(caught.value))
        turned_away = [sentence for sentence in told if sentence.startswith("OpenAI was not asked.")]
        assert "The last 3 calls failed, lately: server error (500)." in turned_away[0]
        assert turned_away[0].endswith("Try again in a moment.")
        assert 4 <= len(upstream.requests) < 30
        assert len(await calls(conductor)) == len(upstream.requests) == 40 - len(turned_away)


async def test_what_lasts_is_not_called_a_moment(tmp_path: Path, upstream: Upstream) -> None:
    """A key that was refused is not taken in a while either: the sentence says what to do."""
    async with chain(tmp_path, upstream, "any status 401", attempts="1") as conductor:
        told = set[str]()
        for _ in range(20):
            with pytest.raises(ProviderError) as caught:
                await conductor.chat(request("openai"))
            told.add(str(caught.value))
    [turned_away] = [sentence for sentence in told if sentence.startswith("OpenAI was not asked.")]
    assert turned_away.endswith("Correct that in Settings, or recover it on Health.")


async def test_one_deadline_bounds_all_attempts(tmp_path: Path, upstream: Upstream) -> None:
    """The second attempt gets what the first one left; the row says time-out, not stopped."""
    async with chain(
        tmp_path, upstream, "any silent", "any silent", total_timeout="0.3", first_byte_timeout="0.2"
    ) as conductor:
        began = asyncio.get_running_loop().time()
        turn = await lane_of(conductor)
        await turn.wait()
        assert asyncio.get_running_loop().time() - began < 0.6
        rows = await calls(conductor)
    assert [(row.provider, row.outcome) for row in rows] == [
        ("openai", Outcome.TIMEOUT),
        ("anthropic", Outcome.TIMEOUT),
    ]
    assert rows[1].error == "Anthropic did not finish in time. Retry or use another provider."
    assert turn.lanes[0].state is LaneState.FAILED
    assert turn.lanes[0].answer().notices == ("OpenAI sent nothing in time; Anthropic was asked.",)


async def test_the_deadline_never_hits_the_reader(tmp_path: Path, upstream: Upstream) -> None:
    """A reader busy with a chunk when time runs out is left alone; the stream ends when it comes back for more."""
    async with chain(tmp_path, upstream, "any gap 50 words 40", total_timeout="0.2") as conductor:

        async def read_slowly() -> None:
            async for item in conductor.stream(request("openai")):
                assert isinstance(item, Chunk)
                await asyncio.sleep(0.25 if item.text else 0)

        with pytest.raises(ProviderError, match="did not finish in time"):
            await read_slowly()
        assert (await calls(conductor))[0].outcome is Outcome.TIMEOUT


async def test_a_refused_key_is_tried_once_until_it_changes(tmp_path: Path, upstream: Upstream) -> None:
    """AUTO goes elsewhere, also the next time."""
    async with chain(tmp_path, upstream, "any status 401") as conductor:
        for _ in range(3):
            assert (await conductor.chat(request())).provider == "anthropic"
        assert [row.provider for row in await calls(conductor)].count("openai") == 1
        conductor.gateway.breakers.recover_now("openai")
        await conductor.chat(request())
        assert [row.provider for row in await calls(conductor)].count("openai") == 2


async def test_a_queue_that_is_full_sends_auto_elsewhere(tmp_path: Path, upstream: Upstream) -> None:
    """The row says that nothing was sent, and the provider is not blamed."""
    crowded = {"provider_concurrency": "1", "provider_queue": "0"}
    async with chain(tmp_path, upstream, "any stall 2", **crowded) as conductor:
        first = await lane_of(conductor)
        await until(lambda: first.lanes[0].text)
        second = await lane_of(conductor)
        await second.wait()
        first.stop()
        await first.wait()
        rows = [row for row in await calls(conductor) if row.conversation_id == second.conversation_id]
        assert conductor.live.figures("openai").failures == 0
    assert [(row.provider, row.outcome) for row in rows] == [("openai", Outcome.REFUSED), ("anthropic", Outcome.OK)]
    assert second.lanes[0].answer().notices == ("OpenAI has too many calls waiting; answered by Anthropic.",)


async def test_a_queued_call_goes_out_when_a_place_is_free(tmp_path: Path, upstream: Upstream) -> None:
    """First come, first served; nobody hangs."""
    async with chain(tmp_path, upstream, "any delay 20", provider_concurrency="2") as conductor:
        answers = await asyncio.gather(*(conductor.chat(request("openai")) for _ in range(9)))
        assert [answer.content for answer in answers] == [TEXT] * 9
        assert conductor.gateway.bulkheads.in_flight("openai") == 0


async def test_too_many_requests_are_refused_in_words(tmp_path: Path, upstream: Upstream) -> None:
    """The process takes so many and no more; every place is given back."""
    async with chain(tmp_path, upstream, "any silent", max_requests="2") as conductor, AsyncExitStack() as stack:
        turns = [await lane_of(conductor, "openai") for _ in range(2)]
        for turn in turns:
            stack.callback(turn.stop)
        with pytest.raises(ProviderError, match="Conductor is busy: 2 requests are running"):
            await conductor.chat(request("anthropic"))
        third = await lane_of(conductor)
        assert third.lanes[0].state is LaneState.FAILED
        for turn in turns:
            turn.stop()
            await turn.wait()
        assert (await conductor.chat(request("anthropic"))).content == TEXT
        assert conductor.gateway.bulkheads.requests == 0
