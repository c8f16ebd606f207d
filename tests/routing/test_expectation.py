"""What a page may say before a prompt is sent: the range of its cost, and what stands against it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.kinds import Outcome
from conductor_core.pricing import Usage
from conductor_core.routing.expectation import Expectation
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
