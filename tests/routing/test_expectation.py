"""What a page may say before a prompt is sent: the range of its cost, and what stands against it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.kinds import Outcome
from conductor_core.pricing import Usage
from conductor_core.routing.expectation import Expectation, Outlook
from conductor_core.turns import LaneSetup
from tests.installation import installation
from tests.store.rows import finished
from tests.upstream import Upstream

PROMPT = "x" * 400  # 100 tokens, as we count


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


async def expected(conductor: Conductor, *lanes: LaneSetup, text: str = PROMPT) -> list[Expectation]:
    return await conductor.conversations.expected_cost(text, lanes)


def price(conductor: Conductor, provider: str, prompt: int, completion: int) -> float:
    usd = conductor.providers.get(provider).estimate_cost(Usage(prompt, completion))
    assert usd
    return usd


async def test_the_range_goes_from_a_usual_answer_to_the_longest(tmp_path: Path, upstream: Upstream) -> None:
    """Below: the median of that model's answers, or a short one before the first; above: all that is allowed."""
    async with installation(tmp_path, upstream) as conductor:
        for tokens in (200, 300, 900):
            saved = conductor.store.save_call(
                finished(provider="openai", model="gpt-4.1-mini", completion_tokens=tokens)
            )
        await saved
        openai, short, anthropic = await expected(
            conductor,
            LaneSetup(provider="openai"),
            LaneSetup(provider="openai", max_tokens=50),
            LaneSetup(provider="anthropic", max_tokens=500),
        )
        assert (openai.low, openai.high) == (
            price(conductor, "openai", 100, 300),
            price(conductor, "openai", 100, 1000),
        )
        assert short.low == short.high == price(conductor, "openai", 100, 50)
        assert anthropic.low == price(conductor, "anthropic", 100, 100)
        assert anthropic.high == price(conductor, "anthropic", 100, 500)
        assert not any(one.closed or one.over_budget or one.free or one.unknown for one in (openai, short, anthropic))
        assert upstream.requests == []


async def test_free_and_unknown_prices_are_not_mixed_up(tmp_path: Path, upstream: Upstream) -> None:
    """Free is nothing, unknown is not."""
    ours = {"OLLAMA_BASE_URL": f"{upstream.url}/v1", "VLLM_BASE_URL": f"{upstream.url}/v1"}
    async with installation(tmp_path, upstream, **ours) as conductor:
        free, unknown = await expected(conductor, LaneSetup(provider="ollama"), LaneSetup(provider="vllm", model="m"))
        assert (free.low, free.high, free.free, free.unknown) == (0.0, 0.0, True, False)
        assert (unknown.low, unknown.high, unknown.free, unknown.unknown) == (None, None, False, True)


async def test_auto_may_be_answered_by_any_of_its_providers(tmp_path: Path, upstream: Upstream) -> None:
    """Its range goes from the cheapest usual answer to the dearest longest one."""
    async with installation(tmp_path, upstream) as conductor:
        conductor.gateway.router.apply("openai,anthropic", frozenset({"openai", "anthropic"}))
        [auto] = await expected(conductor, LaneSetup())
        assert auto.low == min(price(conductor, name, 100, 100) for name in ("openai", "anthropic"))
        assert auto.high == max(price(conductor, name, 100, 1000) for name in ("openai", "anthropic"))


async def test_what_stands_against_a_lane_is_said(tmp_path: Path, upstream: Upstream) -> None:
    """An open breaker, a missing key, a budget without room; and nothing of it is noted as having happened."""
    async with installation(tmp_path, upstream, CONDUCTOR_BUDGETS__ANTHROPIC__DAY="0") as conductor:
        conductor.gateway.breakers.cool("openai", None, 30, "OpenAI is rate-limited")
        opened, unset, poor = await expected(
            conductor, LaneSetup(provider="openai"), LaneSetup(provider="groq"), LaneSetup(provider="anthropic")
        )
        assert opened.closed == "OpenAI is rate-limited. Passed over for 30 s."
        assert "GROQ_API_KEY" in unset.closed
        assert poor.over_budget.startswith("Today's budget for Anthropic of $0.00 is used up")
        assert poor.high == price(conductor, "anthropic", 100, 1000)
        conductor.gateway.router.apply("balanced", frozenset({"anthropic"}))
        [auto] = await expected(conductor, LaneSetup())
        assert "Today's budget for Anthropic" in auto.over_budget + auto.closed
        await conductor.store.rename("none", "none")
        kinds = [incident.kind for incident in conductor.store.incidents(0, 10**15)]
        assert kinds == ["breaker"]


async def test_what_was_said_before_is_paid_for_again(tmp_path: Path, upstream: Upstream) -> None:
    """The conversation so far is part of the prompt."""
    async with installation(tmp_path, upstream) as conductor:
        turn = await conductor.conversations.start_turn(PROMPT, [LaneSetup(provider="openai")])
        await turn.wait()
        assert turn.exchange().answers[0].failure is None
        setups = [LaneSetup(provider="openai")]
        [alone] = await conductor.conversations.expected_cost("", setups)
        [after] = await conductor.conversations.expected_cost("", setups, conversation_id=turn.conversation_id)
        assert alone.high
        assert after.high
        assert after.high > alone.high + price(conductor, "openai", 100, 0)
        assert Outcome.OK in {call.outcome for call in conductor.store.recent_calls(5)}


@pytest.mark.parametrize("characters", [0, 1, 403])
@pytest.mark.parametrize("first_turn", [0, 1])
async def test_an_outlook_is_what_would_be_sent_counted_by_hand(
    tmp_path: Path, upstream: Upstream, characters: int, first_turn: int
) -> None:
    """Every character of the path that goes along, a quarter of them tokens; the answer as long as they usually are."""
    setup = LaneSetup(provider="openai", system="Be brief.", first_turn=first_turn)
    async with installation(tmp_path, upstream) as conductor:
        turn = await conductor.conversations.start_turn("First", [setup])
        await turn.wait()
        id = turn.conversation_id
        edited = await conductor.conversations.start_turn("Not sent along", [setup], conversation_id=id)
        await edited.wait()
        turn = await conductor.conversations.start_turn(
            "Second", [setup], conversation_id=id, instead_of=edited.prompt_id
        )
        await turn.wait()
        transcript = conductor.conversations.transcript(id)
        found = await conductor.conversations.outlook(setup, transcript.path, characters)
        texts = ["Be brief.", *(m.content for m in conductor.store.messages(id) if m.turn >= first_turn)]
        sent = sum(len(text) for text in texts) - len("Not sent along" + edited.lanes[0].text) + characters
        lengths = sorted(lane.answer().completion_tokens or 0 for lane in (*turn.lanes, *edited.lanes))
        assert found == Outlook(
            provider="openai",
            model="gpt-4.1-mini",
            tokens=-(-sent // 4),
            answer=lengths[-1],
            window=conductor.providers.get("openai").context_window(),
            cost=price(conductor, "openai", -(-sent // 4), lengths[-1]),
        )
        await turn.wait()
        request = upstream.last.body["messages"]
        if first_turn == 0:
            assert [m["content"] for m in request] == ["Be brief.", "First", turn.lanes[0].text, "Second"]


async def test_an_outlook_says_what_is_not_known_and_what_does_not_fit(tmp_path: Path, upstream: Upstream) -> None:
    """To the token; unknown windows fit; while nobody may be asked there is none."""
    ours = {"VLLM_BASE_URL": f"{upstream.url}/v1", "CONDUCTOR_BUDGETS__ANTHROPIC__DAY": "0"}
    async with installation(tmp_path, upstream, **ours) as conductor:
        outlook = conductor.conversations.outlook
        unknown = await outlook(LaneSetup(provider="vllm", model="m"), [], 10**6)
        assert unknown
        assert (unknown.window, unknown.cost, unknown.fits) == (None, None, True)
        local = LaneSetup(provider="local", max_tokens=48)
        just, over = await outlook(local, [], 2000 * 4), await outlook(local, [], 2000 * 4 + 1)
        assert just
        assert over
        assert (just.tokens, just.answer, just.window, just.cost, just.fits) == (2000, 48, 2048, 0.0, True)
        assert (over.tokens, over.fits) == (2001, False)
        conductor.gateway.router.apply("openai,anthropic", frozenset({"openai", "anthropic"}))
        auto = await outlook(LaneSetup(), [], 400)
        assert auto
        assert (auto.provider, auto.model) == ("openai", "gpt-4.1-mini")
        conductor.gateway.router.apply("balanced", frozenset({"anthropic"}))
        assert await outlook(LaneSetup(), [], 400) is None
