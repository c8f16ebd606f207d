"""The Conductor as programs use it: whole answers, streams, status; one row per call, whatever its end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest, NotConfigured, ProviderError, UnknownProvider
from conductor_core.kinds import CostKind, FinishReason, Outcome, ProviderState
from conductor_core.models import ChatMessage, ChatRequest, ChatResponse, MessageRole
from conductor_core.providers import Chunk
from tests.installation import installation
from tests.upstream import Plan, Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
async def conductor(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Conductor]:
    """Without retries: what one attempt leaves behind is looked at here."""
    async with installation(tmp_path, upstream, CONDUCTOR_ATTEMPTS="1") as opened:
        yield opened


def request(model: str | None = "gpt-4.1-mini", provider: str = "openai") -> ChatRequest:
    messages = [ChatMessage(role=MessageRole.USER, content="Hello")]
    return ChatRequest(provider=provider, model=model, messages=messages)


async def test_chat_is_acknowledged_once_its_row_is_committed(conductor: Conductor) -> None:
    """The response and the committed row carry the same facts."""
    response = await conductor.chat(request())
    call = conductor.store.recent_calls(1)[0]
    assert response.content == Plan.of("").text
    assert (response.request_id, response.latency_ms) == (call.request_id, call.latency_ms)
    assert (response.prompt_tokens, response.completion_tokens) == (call.prompt_tokens, call.completion_tokens)
    assert (response.cost_usd, response.cost_kind) == (call.cost_usd, CostKind.REPORTED)
    assert (call.outcome, response.finish_reason) == (Outcome.OK, FinishReason.STOP)


async def test_a_stream_ends_with_the_response(conductor: Conductor) -> None:
    """Chunks, then one `ChatResponse` with the same text and the time to the first token."""
    *chunks, response = [item async for item in conductor.stream(request())]
    assert isinstance(response, ChatResponse)
    assert all(isinstance(chunk, Chunk) for chunk in chunks)
    assert "".join(chunk.text for chunk in chunks if isinstance(chunk, Chunk)) == response.content == Plan.of("").text
    assert response.ttft_ms is not None
    assert response.ttft_ms <= response.latency_ms


async def test_a_stream_closed_early_is_a_cancelled_call_with_its_cost(
    conductor: Conductor, upstream: Upstream
) -> None:
    """The upstream call ends, and what had arrived is charged as an estimate."""
    async with aclosing(conductor.stream(request("gpt-4.1-mini-stall-3"))) as items:
        arrived = ""
        async for item in items:
            assert isinstance(item, Chunk)
            arrived += item.text
            if arrived == Plan.of("words-3").text:
                break
    await asyncio.wait_for(upstream.last.hung_up.wait(), 1)
    await conductor.store.rename("none", "none")
    call = conductor.store.recent_calls(1)[0]
    assert call.outcome is Outcome.CANCELLED
    assert call.completion_tokens == -(-len(arrived) // 4)


@pytest.mark.parametrize(
    ("words", "outcome", "status"),
    [
        ("any status 401", Outcome.AUTH, 401),
        ("any status 429", Outcome.RATE_LIMITED, 429),
        ("any status 503", Outcome.UNAVAILABLE, 503),
        ("any html", Outcome.BAD_RESPONSE, None),
    ],
)
async def test_a_failed_call_is_a_row_and_a_count(
    conductor: Conductor, words: str, outcome: Outcome, status: int | None
) -> None:
    """The error is raised; the row, the provider's counters and the live figures all know of it."""
    with pytest.raises(ProviderError):
        await conductor.chat(request(words.replace(" ", "-")))
    await conductor.store.rename("none", "none")
    call = conductor.store.recent_calls(1)[0]
    assert call.outcome is outcome
    assert status is None or call.http_status == status
    provider = conductor.providers.get("openai")
    assert (provider.total_requests, provider.failed_requests, provider.is_healthy) == (1, 1, False)
    assert provider.total_latency == call.latency_ms
    assert provider.last_error == call.error
    assert conductor.live.figures("openai").failures == 1


async def test_last_error_goes_with_the_next_success(conductor: Conductor) -> None:
    """A success clears it, a failure keeps it."""
    with pytest.raises(ProviderError):
        await conductor.chat(request("any-status-500"))
    assert conductor.providers.get("openai").last_error
    await conductor.chat(request())
    assert conductor.providers.get("openai").last_error is None


async def test_unknown_and_unconfigured_providers_are_told_apart(conductor: Conductor) -> None:
    """One lists the known names, the other names the variable; neither is a call."""
    with pytest.raises(UnknownProvider, match="Known: gemini, openai"):
        await conductor.chat(request(provider="nobody"))
    with pytest.raises(NotConfigured, match="GEMINI_API_KEY"):
        await conductor.chat(request(provider="gemini"))
    with pytest.raises(InvalidRequest, match="AUTO chooses the model"):
        await conductor.chat(request(provider="auto"))
    assert conductor.store.recent_calls(5) == []


async def test_status_adds_up(conductor: Conductor) -> None:
    """Totals are the sums over providers; calls of unknown price are counted beside the cost, never as nothing."""
    await conductor.chat(request())
    with pytest.raises(ProviderError):
        await conductor.chat(request("claude-haiku-4-5-status-529", "anthropic"))
    status = conductor.status()
    assert (status.total_requests, status.successful_requests, status.failed_requests) == (2, 1, 1)
    by_name = {provider.name: provider for provider in status.providers}
    assert by_name["gemini"].state is ProviderState.NOT_CONFIGURED
    assert status.total_cost_usd == by_name["openai"].total_cost_usd
    await conductor.chat(request("nobody-prices-this"))
    assert conductor.status().total_cost_usd == status.total_cost_usd
    assert conductor.status().unpriced_requests == 1


async def test_a_restart_remembers_who_failed(tmp_path: Path, upstream: Upstream) -> None:
    """States are seeded from stored calls; counts start anew."""
    failing = {"CONDUCTOR_DEFAULT_MODELS__OPENAI": "any-status-500"}
    async with installation(tmp_path, upstream, **failing) as conductor:
        with pytest.raises(ProviderError):
            await conductor.chat(request(model=None))
        assert len(upstream.requests) == 3
    async with installation(tmp_path, upstream, **failing) as conductor:
        status = next(p for p in conductor.status().providers if p.name == "openai")
        assert status.state in (ProviderState.OPEN, ProviderState.RECOVERING)
        assert status.total_requests == 0
        assert (await conductor.chat(request(model=None, provider="auto"))).provider == "anthropic"


async def test_prepare_loads_the_price_table_before_the_first_call(conductor: Conductor) -> None:
    """The first priced call does not wait for an import on the loop."""
    await conductor.prepare()
    assert "genai_prices" in sys.modules
