"""The same providers against a stranger's idea of the vendors' APIs: llmock, on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from llmock.testing import BASE_PATHS

from conductor_core.errors import ProviderError
from conductor_core.kinds import FinishReason, Outcome
from conductor_core.models import MessageRole
from conductor_core.prompt import Message, Prompt
from conductor_core.providers import VENDORS, BaseProvider, Chunk, Registry, Vendor
from conductor_core.providers.wire import Wire
from conductor_core.redaction import Redactor
from conductor_core.settings import Environment, Origin, Settings

ROWS = [vendor for vendor in VENDORS if vendor.name in BASE_PATHS and vendor.dialect in ("openai", "anthropic")]
PROMPT = Prompt((Message.of(MessageRole.SYSTEM, "Be brief."), Message.of(MessageRole.USER, "Hello")), temperature=0.5)


@pytest.fixture(params=ROWS, ids=lambda vendor: str(vendor.name))
async def provider(request: pytest.FixtureRequest, llmock: Any) -> AsyncIterator[BaseProvider]:
    vendor: Vendor = request.param
    variables = {vendor.key_variables[0]: "any-key", vendor.base_url_variable: llmock.base_url(vendor.name)}
    layers = {origin: variables if origin is Origin.ENVIRONMENT else {} for origin in Origin}
    settings = Settings(first_byte_timeout=2, silence_timeout=0.2)
    wire = Wire(settings, Redactor())
    yield Registry(settings, Environment(layers), wire).get(vendor.name)
    await wire.close()


async def stream(provider: BaseProvider) -> list[Chunk]:
    return [chunk async for chunk in provider.stream_completion(PROMPT)]


async def fault(provider: BaseProvider, *, streamed: bool = False) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await (stream(provider) if streamed else provider.chat_completion(PROMPT))
    return caught.value


async def test_answers(provider: BaseProvider, llmock: Any) -> None:
    """Whole and streamed answers are the same text, counted and ended as they should be."""
    llmock.reply("Paris, of course. 👋", times=None)
    answer = await provider.chat_completion(PROMPT)
    chunks = await stream(provider)
    assert answer.text == "".join(chunk.text for chunk in chunks) == "Paris, of course. 👋"
    assert answer.finish_reason is FinishReason.STOP
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == [FinishReason.STOP]
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


async def test_lists_models(provider: BaseProvider) -> None:
    """There are models to choose from."""
    assert await provider.get_available_models()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Outcome.BAD_REQUEST),
        (401, Outcome.AUTH),
        (403, Outcome.FORBIDDEN),
        (404, Outcome.NOT_FOUND),
        (500, Outcome.SERVER_ERROR),
        (503, Outcome.UNAVAILABLE),
        (529, Outcome.OVERLOADED),
    ],
)
async def test_statuses(provider: BaseProvider, llmock: Any, status: int, kind: Outcome) -> None:
    """Each status, in the vendor's own error body, becomes its kind."""
    llmock.fail(status, times=None)
    assert (await fault(provider)).kind is kind
    assert (await fault(provider, streamed=True)).kind is kind


async def test_rate_limit(provider: BaseProvider, llmock: Any) -> None:
    """A rate limit says how long to wait."""
    llmock.rate_limit(times=1, retry_after=3)
    error = await fault(provider)
    assert (error.kind, error.retry_after) == (Outcome.RATE_LIMITED, 3)


@pytest.mark.parametrize(
    ("misbehaviour", "kind"),
    [
        ("disconnect", Outcome.STREAM_CUT),
        ("truncate", Outcome.STREAM_CUT),
        ("stall", Outcome.TIMEOUT),
    ],
)
async def test_broken_streams(provider: BaseProvider, llmock: Any, misbehaviour: str, kind: Outcome) -> None:
    """A stream that breaks, ends early or falls silent is never taken for a whole answer."""
    llmock.reply("one two three four five six seven eight", times=None)
    getattr(llmock, misbehaviour)(after_chunks=2, times=1)
    assert (await fault(provider, streamed=True)).kind is kind
