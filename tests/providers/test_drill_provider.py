"""A simulated provider keeps the contract of a real one, and does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from random import Random

import pytest

from conductor_core.errors import NotConfigured, ProviderError
from conductor_core.kinds import FinishReason, Outcome
from conductor_core.models import MessageRole
from conductor_core.pricing import Usage
from conductor_core.prompt import Message, Prompt
from conductor_core.providers import DRILLS, Chunk, Vendor
from conductor_core.providers.base import Endpoint
from conductor_core.providers.drill import MODEL, OFF, SWITCH, Behaviour, Mishap
from conductor_core.providers.drill_provider import DrillProvider
from conductor_core.settings import Settings

PROMPT = Prompt((Message.of(MessageRole.SYSTEM, "Be brief."), Message.of(MessageRole.USER, "Why is the sky blue?")))
IMPATIENT = Settings(first_byte_timeout=0.02, silence_timeout=0.02)

both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@pytest.fixture(params=DRILLS, ids=lambda vendor: str(vendor.name))
def provider(request: pytest.FixtureRequest) -> DrillProvider:
    return of(request.param)


@pytest.fixture
def swift() -> DrillProvider:
    return of(DRILLS[0])


def of(vendor: Vendor, *planned: Mishap | None) -> DrillProvider:
    """One that waits for nothing; its next calls as planned, a good one if nothing is."""
    made = DrillProvider(vendor, Endpoint(""), IMPATIENT)
    made.pace = 0.0
    made.enqueue(*(planned or (None,)))
    return made


async def stream(provider: DrillProvider, prompt: Prompt = PROMPT) -> list[Chunk]:
    async with aclosing(provider.stream_completion(prompt)) as chunks:
        return [chunk async for chunk in chunks]


async def fault(provider: DrillProvider, *, streamed: bool) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await (stream(provider) if streamed else provider.chat_completion(PROMPT))
    assert caught.value.provider == provider.name
    assert caught.value.kind is Outcome.STREAM_CUT or provider.vendor.label in str(caught.value)
    return caught.value


async def test_answers_whole(provider: DrillProvider) -> None:
    """Text, model, reason and tokens; it says who simulated it and what was asked."""
    answer = await provider.chat_completion(PROMPT)
    assert answer.text.startswith(f"This answer is simulated by {provider.vendor.label}; no model read your prompt")
    assert "Why is the sky blue?" in answer.text
    assert (answer.model, answer.finish_reason) == (MODEL, FinishReason.STOP)
    assert answer.usage is not None
    assert not answer.usage.estimated
    assert answer.usage.completion_tokens == len(answer.text.split())


async def test_streams(provider: DrillProvider) -> None:
    """Word by word, then the reason and the tokens once."""
    chunks = await stream(provider)
    words = [chunk.text for chunk in chunks if chunk.text]
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == [FinishReason.STOP]
    assert [chunk.usage.completion_tokens for chunk in chunks if chunk.usage] == [len(words)]
    assert {chunk.model for chunk in chunks} == {MODEL}


async def test_ends_at_the_limit(swift: DrillProvider) -> None:
    """An answer that is longer than `max_tokens` is cut there and says so."""
    chunks = await stream(swift, Prompt(PROMPT.messages, max_tokens=5))
    assert len([chunk for chunk in chunks if chunk.text]) == 5
    assert chunks[-1].finish_reason is FinishReason.LENGTH


@both_ways
@pytest.mark.parametrize(
    ("mishap", "kind", "phrase"),
    [
        (Mishap(429, retry_after=7), Outcome.RATE_LIMITED, "Wait 7 s"),
        (Mishap(500), Outcome.SERVER_ERROR, "internal error (500)"),
        (Mishap(503), Outcome.UNAVAILABLE, "not available right now (503)"),
        (Mishap(529), Outcome.OVERLOADED, "overloaded"),
        (Mishap(402), Outcome.QUOTA, "no credit left"),
        (Mishap(), Outcome.CONNECTION, "Nothing listens"),
        (Mishap(after=3), Outcome.STREAM_CUT, "broke off"),
        (Mishap(stalls=True), Outcome.TIMEOUT, "sent nothing in time"),
        (Mishap(after=2, stalls=True), Outcome.TIMEOUT, "stopped answering"),
    ],
    ids=str,
)
async def test_fails_as_planned(
    provider: DrillProvider, mishap: Mishap, kind: Outcome, phrase: str, streamed: bool
) -> None:
    """Each mishap is the fault a real provider's would be, in the same words, both ways."""
    error = await fault(of(provider.vendor, mishap), streamed=streamed)
    assert (error.kind, error.status, error.retry_after) == (kind, mishap.status, mishap.retry_after)
    assert phrase in str(error)


async def test_hands_on_what_came_before_a_cut(swift: DrillProvider) -> None:
    """As many words as planned, then the fault."""
    chunks = of(swift.vendor, Mishap(after=3)).stream_completion(PROMPT)
    assert "".join([(await anext(chunks)).text for _ in range(3)]) == "This answer is "
    with pytest.raises(ProviderError):
        await anext(chunks)


async def test_has_one_model_only(swift: DrillProvider) -> None:
    """Another one does not exist, as at any provider."""
    assert await swift.get_available_models() == [MODEL]
    with pytest.raises(ProviderError, match="gpt-9") as caught:
        await swift.chat_completion(Prompt(PROMPT.messages, model="gpt-9"))
    assert caught.value.kind is Outcome.NOT_FOUND


@pytest.mark.parametrize("behaviour", [Behaviour.USUAL, Behaviour.SLOW])
async def test_stops_at_once(swift: DrillProvider, behaviour: Behaviour) -> None:
    """A call that waits is cancelled without waiting on."""
    swift.pace, swift.behaviour = 1000.0, behaviour
    call = asyncio.create_task(swift.chat_completion(PROMPT))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(call, 0.3)


async def test_off_it_is_not_configured(provider: DrillProvider) -> None:
    """Each call says that the drill is off, and none is answered."""
    off = DrillProvider(provider.vendor, Endpoint("", missing=SWITCH), IMPATIENT)
    assert not off.configured
    for call in (off.chat_completion(PROMPT), off.get_available_models(), stream(off)):
        with pytest.raises(NotConfigured, match="The drill is off") as refused:
            await call
        assert str(refused.value) == OFF


@pytest.mark.parametrize(
    ("behaviour", "kind", "wait"),
    [(Behaviour.FAILING, Outcome.UNAVAILABLE, None), (Behaviour.RATE_LIMITED, Outcome.RATE_LIMITED, 20.0)],
)
async def test_does_as_told_until_told_otherwise(behaviour: Behaviour, kind: Outcome, wait: float | None) -> None:
    """An outage holds for every call, the check too, and ends when it is switched off."""
    told = of(DRILLS[1])
    await told.chat_completion(PROMPT)
    told.behaviour = behaviour
    for _ in range(3):
        error = await fault(told, streamed=True)
        assert (error.kind, error.retry_after) == (kind, wait)
    assert not await told.health_check()
    told.behaviour = Behaviour.USUAL
    assert await told.health_check()
    assert (await told.chat_completion(PROMPT)).text


async def test_an_outage_reaches_the_answer_that_is_running(swift: DrillProvider) -> None:
    """Told to fail while it writes, it breaks off."""
    chunks: AsyncIterator[Chunk] = swift.stream_completion(PROMPT)
    await anext(chunks)
    swift.behaviour = Behaviour.FAILING
    with pytest.raises(ProviderError) as caught:
        await anext(chunks)
    assert caught.value.kind is Outcome.STREAM_CUT


def test_slow_is_slow() -> None:
    """Both the first token and every other take several times as long."""
    usual, slow = (DrillProvider(DRILLS[1], Endpoint(""), IMPATIENT) for _ in range(2))
    slow.behaviour = Behaviour.SLOW
    assert all(late > 5 * soon for soon, late in zip(usual._waits(), slow._waits(), strict=True))


async def fates(provider: DrillProvider, seed: int, calls: int = 40) -> list[Outcome]:
    provider.reseed(seed)
    found = []
    for _ in range(calls):
        try:
            await provider.chat_completion(PROMPT)
            found.append(Outcome.OK)
        except ProviderError as error:
            found.append(error.kind)
    return found


async def test_the_same_seed_is_the_same_drill() -> None:
    """By nature flaky refuses and fails now and then, in the order its seed says."""
    flaky = of(next(row for row in DRILLS if row.name == "drill_flaky"))
    await flaky.chat_completion(PROMPT)
    seed = Random(4).randrange(1000)
    first = await fates(flaky, seed)
    assert first == await fates(flaky, seed)
    assert first != await fates(flaky, seed + 1)
    assert set(first) == {Outcome.OK, Outcome.RATE_LIMITED, Outcome.SERVER_ERROR}


def test_prices_are_made_up_or_unknown() -> None:
    """Swift is dearer than steady, and nobody knows what cuts costs."""
    by_name = {row.name: DrillProvider(row, Endpoint(""), IMPATIENT) for row in DRILLS}
    usage = Usage(1_000, 1_000)
    swift, steady = by_name["drill_swift"].estimate_cost(usage), by_name["drill_steady"].estimate_cost(usage)
    assert swift == pytest.approx(0.018)
    assert steady == pytest.approx(0.0005)
    assert by_name["drill_swift"].estimate_cost(1_000) == pytest.approx(0.015)
    assert by_name["drill_cuts"].estimate_cost(usage) is None
    assert by_name["drill_cuts"].token_prices(10) is None
