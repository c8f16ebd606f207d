"""Which events go on as they came, which are told as chunks, and that the facts are the same either way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from conductor_core.errors import ProviderError
from conductor_core.kinds import FinishReason, Outcome
from conductor_core.models import MessageRole
from conductor_core.pricing import Usage
from conductor_core.prompt import Message, Prompt
from conductor_core.providers.base import CallPiece, Chunk, Endpoint, Vendor
from conductor_core.providers.openai_provider import OpenAIProvider
from conductor_core.providers.wire import Wire
from conductor_core.redaction import Redactor
from conductor_core.settings import Settings
from tests.upstream import OpenAIDialect, Plan, Upstream

PROMPT = Prompt((Message.of(MessageRole.USER, "Hello"),))
MARK = b'"id": "chatcmpl-9"'
"""As Python's own writer spaces it."""


class Scripted(OpenAIDialect):
    """Answers with the events a test names."""

    script: tuple[Any, ...] = ()

    def events(self, plan: Plan, model: str) -> tuple[list[Any], list[Any], list[Any]]:
        return [], list(self.script), []


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
async def provider(scripted: Scripted) -> AsyncIterator[OpenAIProvider]:
    wire = Wire(Settings(), Redactor())
    async with Upstream(dialects=[scripted]) as upstream:
        yield OpenAIProvider(Vendor("acme", "Acme", "openai"), Endpoint(upstream.url + "/v1"), wire, "any")
        await wire.close()


def event(reason: str | None = None, *, id: str = "chatcmpl-9", choices: int = 1, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
    return {"id": id, "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] * choices}


async def relayed(provider: OpenAIProvider, scripted: Scripted, *script: Any) -> list[Chunk]:
    scripted.script = script
    async with aclosing(provider.relayed_completion(PROMPT)) as chunks:
        return [chunk async for chunk in chunks]


def gone_on(chunks: list[Chunk]) -> list[Any]:
    """The events in what went on as it was."""
    raw = b"".join(chunk.raw.events for chunk in chunks if chunk.raw)
    return [orjson.loads(block.removeprefix(b"data: ")) for block in raw.split(b"\n\n") if block]


def facts(chunks: list[Chunk]) -> tuple[list[FinishReason], list[Usage], set[str | None]]:
    reasons = [chunk.finish_reason for chunk in chunks if chunk.finish_reason]
    return reasons, [chunk.usage for chunk in chunks if chunk.usage], {chunk.model for chunk in chunks}


async def collect(provider: OpenAIProvider, chunks: list[Chunk]) -> None:
    async with aclosing(provider.relayed_completion(PROMPT)) as coming:
        async for chunk in coming:
            chunks.append(chunk)  # noqa: PERF401 # what came before a fault must be kept


@pytest.mark.parametrize(
    "said",
    [
        event(content="Grüße"),
        event(reasoning_content="hm"),
        event(content="with its probabilities") | {"system_fingerprint": "fp", "service_tier": "default"},
    ],
    ids=["text", "thinking", "further fields"],
)
async def test_what_openai_sends_goes_on_as_it_is(
    provider: OpenAIProvider, scripted: Scripted, said: dict[str, Any]
) -> None:
    """Field by field, with how its id is written; the facts are read all the same."""
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    tokens = event(choices=0) | {"usage": usage}
    chunks = await relayed(
        provider, scripted, event(role="assistant", content=""), said, event("stop"), tokens, "[DONE]"
    )
    assert gone_on(chunks) == [said, event("stop")]
    marks = {(chunk.raw.mark, chunk.raw.created) for chunk in chunks if chunk.raw}
    assert marks == {(MARK, b'"created": 1')}
    assert facts(chunks) == ([FinishReason.STOP], [Usage(7, 2)], {"m"})
    assert sum(chunk.raw.characters for chunk in chunks if chunk.raw) > 0
    assert not any(chunk.text or chunk.thinking or chunk.calls for chunk in chunks)


@pytest.mark.parametrize(
    ("said", "text", "thinking"),
    [
        (event(reasoning="hm"), "", "hm"),
        (event(content=[{"type": "text", "text": "parts"}]), "parts", ""),
        (event(content="no kind") | {"object": "chunk"}, "no kind", ""),
        (event(content="another id", id="chatcmpl-10"), "another id", ""),
        (event("eos", content="another reason"), "another reason", ""),
        (event(content="two choices", choices=2), "two choices", ""),
        ('{"id": "chatcmpl-9",\ndata: "choices": [{"delta": {"content": "two lines"}}]}', "two lines", ""),
    ],
    ids=str,
)
async def test_what_others_send_instead_is_told_as_chunks(
    provider: OpenAIProvider, scripted: Scripted, said: Any, text: str, thinking: str
) -> None:
    """In its place among what goes on as it is."""
    chunks = await relayed(provider, scripted, event(content="before"), said, event(content="after"), event("stop"))
    told = [place for place, chunk in enumerate(chunks) if chunk.text or chunk.thinking]
    assert [(chunks[place].text, chunks[place].thinking) for place in told] == [(text, thinking)]
    assert [one["choices"][0]["delta"].get("content") for one in gone_on(chunks[: told[0]])] == ["before"]
    assert gone_on(chunks[told[0] :]) == [event(content="after"), event("stop")]


async def test_calls_and_what_follows_them_are_told(provider: OpenAIProvider, scripted: Scripted) -> None:
    """Mended, as some imitators need it: an index, arguments as a text; their end is then ours to name."""
    odd = {"id": "t", "function": {"name": "look", "arguments": {"at": "sea"}}}
    script = (event(content="before"), event(tool_calls=[odd]), event(content="after"), event("stop"))
    chunks = await relayed(provider, scripted, *script)
    assert gone_on(chunks) == [event(content="before")]
    assert [chunk.calls for chunk in chunks if chunk.calls] == [(CallPiece(0, "t", "look", '{"at":"sea"}'),)]
    assert [chunk.text for chunk in chunks if chunk.text] == ["after"]
    assert facts(chunks)[0] == [FinishReason.STOP]


async def test_tokens_are_told_once(provider: OpenAIProvider, scripted: Scripted) -> None:
    """Also where they come with the last choice, and not after it: whoever reads the events may add them up."""
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    chunks = await relayed(provider, scripted, event(content="a"), event("stop") | {"usage": usage}, "[DONE]")
    assert gone_on(chunks) == [event(content="a")]
    assert facts(chunks) == ([FinishReason.STOP], [Usage(7, 2)], {"m"})


async def test_half_a_character_is_told_whole(provider: OpenAIProvider, scripted: Scripted) -> None:
    """Its two halves come as escapes in two events, which no strict reader takes."""
    halves = [orjson.dumps(event(content="@")).decode().replace("@", half) for half in (r"\ud83d", r"\ude00")]
    chunks = await relayed(provider, scripted, event(content="a"), *halves, event("stop"))
    assert "".join(chunk.text for chunk in chunks) == "😀"
    assert gone_on(chunks) == [event(content="a"), event("stop")]


async def test_bad_events_do_not_go_on(provider: OpenAIProvider, scripted: Scripted) -> None:
    """One that is no JSON is skipped; an error is raised, after what came before it."""
    chunks = await relayed(provider, scripted, event(content="a"), '{"choices": [{', event("stop"))
    assert gone_on(chunks) == [event(content="a"), event("stop")]
    scripted.script = (event(content="a"), {"error": {"message": "synthetic", "code": "rate_limit_exceeded"}})
    before: list[Chunk] = []
    with pytest.raises(ProviderError) as caught:
        await collect(provider, before)
    assert caught.value.kind is Outcome.RATE_LIMITED
    assert gone_on(before) == [event(content="a")]
