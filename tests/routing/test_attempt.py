"""One attempt: one row and one count, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import ProviderError
from conductor_core.kinds import CostKind, FinishReason, Outcome, Source
from conductor_core.models import MessageRole
from conductor_core.prompt import Message, Prompt
from conductor_core.providers import Usage
from conductor_core.routing.attempt import Attempt, cost_of
from tests.installation import installation
from tests.upstream import Upstream

PRICED = "gpt-4.1-mini"


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
async def conductor(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Conductor]:
    async with installation(tmp_path, upstream) as opened:
        yield opened


def begin(conductor: Conductor) -> Attempt:
    prompt = Prompt((Message.of(MessageRole.USER, "Hello"),), model=PRICED)
    provider = conductor.providers.get("openai")
    return Attempt.begin(provider, prompt, conductor.store, conductor.live, source=Source.API)


async def streamed(attempt: Attempt) -> str:
    async with aclosing(attempt.stream()) as chunks:
        return "".join([chunk.text async for chunk in chunks])


@pytest.mark.parametrize(
    ("words", "outcome", "kind"),
    [
        ("", Outcome.OK, CostKind.REPORTED),
        ("uncounted", Outcome.OK, CostKind.ESTIMATED),
        ("length", Outcome.LENGTH, CostKind.REPORTED),
        ("filter", Outcome.BLOCKED, CostKind.REPORTED),
        ("words 0", Outcome.EMPTY, CostKind.REPORTED),
        ("status 401", Outcome.AUTH, CostKind.FREE),
        ("status 429", Outcome.RATE_LIMITED, CostKind.FREE),
        ("status 500", Outcome.SERVER_ERROR, CostKind.ESTIMATED),
        ("cut 3", Outcome.STREAM_CUT, CostKind.ESTIMATED),
    ],
)
async def test_every_end_is_an_outcome_and_a_cost(
    conductor: Conductor, upstream: Upstream, words: str, outcome: Outcome, kind: CostKind
) -> None:
    """Refused before any work is free, cut short is an estimate; the committed row says the same as the attempt."""
    upstream.behaviour = words.replace(" ", "-")
    attempt = begin(conductor)
    with suppress(ProviderError):
        await streamed(attempt)
    await attempt.saved
    stored = conductor.store.recent_calls(1)[0]
    assert (stored.outcome, stored.cost_kind) == (outcome, kind) == (attempt.call.outcome, attempt.call.cost_kind)
    assert stored.latency_ms
    assert conductor.providers.get("openai").total_requests == 1


async def test_the_running_row_is_there_before_the_first_byte(conductor: Conductor) -> None:
    """A killed process leaves it behind to be called interrupted."""
    attempt = begin(conductor)
    await attempt.saved
    assert conductor.store.recent_calls(1)[0].outcome is Outcome.RUNNING
    await streamed(attempt)


@pytest.mark.parametrize(("interrupted", "outcome"), [(False, Outcome.CANCELLED), (True, Outcome.INTERRUPTED)])
async def test_our_own_end_is_not_the_users(
    conductor: Conductor, upstream: Upstream, interrupted: bool, outcome: Outcome
) -> None:
    """Stop is a cancelled call; closing the process an interrupted one. Neither counts against the provider."""
    upstream.behaviour = "stall-2"
    attempt = begin(conductor)
    first = asyncio.Event()

    async def read() -> None:
        async with aclosing(attempt.stream()) as chunks:
            async for _ in chunks:
                first.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(first.wait(), 5)
    attempt.interrupted = interrupted
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert attempt.call.outcome is outcome
    assert conductor.live.figures("openai").failures == 0


async def test_a_fault_of_our_own_is_a_sentence_and_a_row(
    conductor: Conductor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a provider's code raises, the caller gets an error that can be quoted."""
    attempt = begin(conductor)

    def broken(_: Prompt) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(attempt.provider, "stream_completion", broken)
    with pytest.raises(ProviderError, match=attempt.call.request_id) as told:
        await streamed(attempt)
    assert isinstance(told.value.__cause__, ZeroDivisionError)
    assert (attempt.call.outcome, attempt.call.error) == (Outcome.BAD_RESPONSE, str(told.value))


async def test_whole_and_streamed_are_measured_alike(conductor: Conductor) -> None:
    """Tokens and cost are the same; only a stream has a first token."""
    whole, stream = begin(conductor), begin(conductor)
    await whole.complete()
    await streamed(stream)
    assert (whole.call.cost_usd, whole.call.completion_tokens) == (stream.call.cost_usd, stream.call.completion_tokens)
    assert (whole.call.ttft_ms, stream.call.ttft_ms is not None) == (None, True)


async def test_the_first_model_with_a_price_is_charged(conductor: Conductor) -> None:
    """The served one, else the one asked for; without either the cost is unknown, never nothing."""
    openai, local = conductor.providers.get("openai"), conductor.providers.get("local")
    usage = Usage(prompt_tokens=1000, completion_tokens=1000)
    known = cost_of(openai, (PRICED, None), usage)
    assert known[0]
    assert known[1] is CostKind.REPORTED
    assert cost_of(openai, ("nobody-prices-this", PRICED), usage) == known
    assert cost_of(openai, ("nobody-prices-this", None), usage) == (None, CostKind.UNKNOWN)
    assert cost_of(local, ("smollm2-135m",), usage) == (0.0, CostKind.FREE)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_calls_of_tools_are_an_answer(conductor: Conductor, upstream: Upstream, stream: bool) -> None:
    """Without a word of text it is not empty; it has a first token, and a length to estimate by."""
    upstream.behaviour = "words-0 calls-1 uncounted"
    attempt = begin(conductor)
    await (streamed(attempt) if stream else attempt.complete())
    call = attempt.call
    assert (call.outcome, call.finish_reason) == (Outcome.OK, FinishReason.TOOL_CALLS)
    assert (call.ttft_ms is not None) == stream
    assert (call.completion_tokens or 0) >= 10
