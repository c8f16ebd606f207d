"""What is particular to the Messages API: turns, sampling, headers, stop reasons, usage."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from conductor_core.errors import ProviderError
from conductor_core.kinds import FinishReason, Outcome, ToolUse
from conductor_core.models import MessageRole
from conductor_core.pricing import Usage
from conductor_core.prompt import ImagePart, Message, Prompt, TextPart, Tool, ToolCall, ToolResult
from conductor_core.providers import VENDORS
from conductor_core.providers.anthropic_provider import AnthropicProvider
from conductor_core.providers.base import CallPiece, Chunk, Endpoint
from conductor_core.providers.wire import Wire
from conductor_core.redaction import Redactor
from conductor_core.secret import Secret
from conductor_core.settings import Settings
from tests.upstream import AnthropicDialect, Plan, Upstream

VENDOR = next(vendor for vendor in VENDORS if vendor.name == "anthropic")
KEY = "sk-ant-0123456789abcdef"


class Scripted(AnthropicDialect):
    """Answers with the events or the whole answer a test names."""

    answer: Any = None
    script: tuple[Any, ...] = ()

    def events(self, plan: Plan, model: str) -> tuple[list[Any], list[Any], list[Any]]:
        return [], list(self.script), []

    def whole(self, plan: Plan, model: str) -> Any:
        return self.answer or super().whole(plan, model)


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
async def upstream(scripted: Scripted) -> AsyncIterator[Upstream]:
    async with Upstream(dialects=[scripted]) as server:
        yield server


@pytest.fixture
async def provider(upstream: Upstream) -> AsyncIterator[AnthropicProvider]:
    wire = Wire(Settings(), Redactor())
    yield AnthropicProvider(VENDOR, Endpoint(upstream.url + "/prefix/", Secret(KEY)), wire)
    await wire.close()


def says(*lines: str) -> tuple[Message, ...]:
    """Messages from lines like `user: Hello`."""
    return tuple(Message.of(MessageRole(role), text) for role, _, text in (line.partition(": ") for line in lines))


HELLO = says("user: Hello")


@pytest.mark.parametrize(
    ("lines", "system", "turns"),
    [
        (["user: a"], None, ["user: a"]),
        (["system: s", "user: a", "system: t"], "s\n\nt", ["user: a"]),
        (["user: a", "user: b", "assistant: c", "assistant: d"], None, ["user: a\n\nb", "assistant: c\n\nd"]),
        (["user: a", "system: s", "user: b"], "s", ["user: a\n\nb"]),
        (["assistant: a", "user: b"], None, ["user: Continue.", "assistant: a", "user: b"]),
        (["system: s"], None, ["user: s"]),
        (["user: a", "assistant: b \n"], None, ["user: a", "assistant: b"]),
    ],
)
async def test_turns(
    upstream: Upstream, provider: AnthropicProvider, lines: list[str], system: str | None, turns: list[str]
) -> None:
    """System messages go to the top, turns alternate and the user's comes first, whatever the conversation was."""
    await provider.chat_completion(Prompt(says(*lines)))
    body = upstream.last.body
    assert body.get("system") == system
    assert [f"{turn['role']}: {turn['content']}" for turn in body["messages"]] == turns


async def test_address_and_headers(upstream: Upstream, provider: AnthropicProvider) -> None:
    """The base URL carries no version, a prefix stays; key and version go in the API's own headers."""
    await provider.chat_completion(Prompt(HELLO))
    assert upstream.last.path == "/prefix/v1/messages"
    assert upstream.last.headers["x-api-key"] == KEY
    assert upstream.last.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in upstream.last.headers


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("claude-haiku-4-5", {"temperature": 0.7, "top_p": 0.9, "top_k": 5}, {"temperature": 0.7, "top_k": 5}),
        ("claude-haiku-4-5", {"temperature": 1.6}, {"temperature": 1.0}),
        ("claude-haiku-4-5", {"top_p": 0.9}, {"top_p": 0.9}),
        ("claude-3-5-sonnet-20241022", {"temperature": 0.7}, {"temperature": 0.7}),
        ("claude-sonnet-4-20250514", {"temperature": 0.7}, {"temperature": 0.7}),
        ("claude-sonnet-4-5-20250929", {"temperature": 0.7}, {"temperature": 0.7}),
        ("claude-opus-4-6", {"temperature": 0.7}, {"temperature": 0.7}),
        ("claude-opus-4-7", {"temperature": 0.7, "top_p": 0.9, "top_k": 5}, {}),
        ("claude-sonnet-5-5", {"temperature": 0.7}, {}),
        ("claude-haiku-5-5-20261001", {"temperature": 0.7}, {}),
        ("someone-elses", {"temperature": 0.7}, {"temperature": 0.7}),
    ],
)
async def test_sampling(
    upstream: Upstream, provider: AnthropicProvider, model: str, asked: dict[str, Any], sent: dict[str, Any]
) -> None:
    """Only what a model takes of temperature, `top_p` and `top_k` is sent, and within the API's bounds."""
    await provider.chat_completion(Prompt(HELLO, model=model, **asked))
    body = upstream.last.body
    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == sent


@pytest.mark.parametrize(("asked", "sent"), [(None, 8192), (100, 100)])
async def test_always_sends_max_tokens(
    upstream: Upstream, provider: AnthropicProvider, asked: int | None, sent: int
) -> None:
    """The API wants a limit, so there is always one; stop sequences go along, a seed the API does not know."""
    await provider.chat_completion(Prompt(HELLO, max_tokens=asked, stop=("END",), seed=4))
    body = upstream.last.body
    assert (body["max_tokens"], body["stop_sequences"], body["model"]) == (sent, ["END"], VENDOR.default_model)
    assert "seed" not in body


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("refusal", FinishReason.SAFETY),
        ("pause_turn", FinishReason.OTHER),
    ],
)
async def test_stop_reasons(provider: AnthropicProvider, scripted: Scripted, said: str, reason: FinishReason) -> None:
    """Each stop reason reaches the user as what it is."""
    scripted.answer = {"content": [{"type": "text", "text": "x"}], "stop_reason": said}
    answer = await provider.chat_completion(Prompt(HELLO))
    assert (answer.finish_reason, answer.usage) == (reason, None)


async def stream(
    provider: AnthropicProvider, scripted: Scripted, *script: Any, prompt: Prompt | None = None
) -> list[Chunk]:
    scripted.script = script
    return [chunk async for chunk in provider.stream_completion(prompt or Prompt(HELLO))]


START = {
    "type": "message_start",
    "message": {
        "model": "claude-x",
        "usage": {
            "input_tokens": 3,
            "cache_read_input_tokens": 4,
            "cache_creation_input_tokens": 5,
            "output_tokens": 1,
        },
    },
}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}


async def test_adds_up_usage(provider: AnthropicProvider, scripted: Scripted) -> None:
    """Tokens read from and written to the cache are prompt tokens; the last count of the answer holds."""
    chunks = await stream(provider, scripted, START, END, {"type": "message_stop"})
    assert [(chunk.usage, chunk.model) for chunk in chunks] == [(Usage(12, 9), "claude-x")]


async def test_ignores_what_it_does_not_know(provider: AnthropicProvider, scripted: Scripted) -> None:
    """New event and delta types pass by; text that a block starts with counts."""
    chunks = await stream(
        provider,
        scripted,
        START,
        {"type": "vendor_news"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "He"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "llo"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}},
        {"type": "content_block_stop", "index": 0},
        END,
    )
    assert "".join(chunk.text for chunk in chunks) == "Hello"


async def test_message_stop_ends_the_stream(
    upstream: Upstream, provider: AnthropicProvider, scripted: Scripted
) -> None:
    """After `message_stop` nothing more is waited for, though the connection stays open."""
    upstream.behaviour = "hang"
    began = time.monotonic()
    assert await stream(provider, scripted, START, END, {"type": "message_stop"})
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("event", [{"no": "type"}, [1], 7, {"type": "message_start"}, {"type": "message_delta"}])
async def test_unknown_events(provider: AnthropicProvider, scripted: Scripted, event: Any) -> None:
    """An event of an unknown shape is a bad response."""
    with pytest.raises(ProviderError) as caught:
        await stream(provider, scripted, event)
    assert caught.value.kind is Outcome.BAD_RESPONSE


@pytest.mark.parametrize("answer", [{"a": 1}, {"content": None}, {"content": [{}]}, {"content": ["x"]}])
async def test_unknown_shapes(provider: AnthropicProvider, scripted: Scripted, answer: Any) -> None:
    """So is a whole answer without content."""
    scripted.answer = answer
    with pytest.raises(ProviderError) as caught:
        await provider.chat_completion(Prompt(HELLO))
    assert caught.value.kind is Outcome.BAD_RESPONSE


async def test_an_error_in_a_whole_answer(provider: AnthropicProvider, scripted: Scripted) -> None:
    """An error object with status 200 is an error."""
    scripted.answer = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    with pytest.raises(ProviderError) as caught:
        await provider.chat_completion(Prompt(HELLO))
    assert (caught.value.kind, caught.value.detail) == (Outcome.OVERLOADED, "busy")


async def test_a_call_without_arguments(provider: AnthropicProvider, scripted: Scripted) -> None:
    """It has none of the pieces that arguments come in; told in the way of others it is an empty object."""
    block = {"type": "tool_use", "id": "t1", "name": "now", "input": {}}
    chunks = await stream(
        provider,
        scripted,
        START,
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": ""}},
        {"type": "content_block_stop", "index": 0},
        END,
    )
    pieces = [piece for chunk in chunks for piece in chunk.calls]
    assert pieces == [CallPiece(0, "t1", "now"), CallPiece(0, arguments="{}")]


@pytest.mark.parametrize(
    ("more", "choice"),
    [
        ({}, None),
        ({"tool_use": ToolUse.AUTO}, {"type": "auto"}),
        ({"tool_use": ToolUse.NONE, "parallel_tools": False}, {"type": "none"}),
        ({"must_call": "now"}, {"type": "tool", "name": "now"}),
        ({"parallel_tools": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_use": ToolUse.REQUIRED, "parallel_tools": False}, {"type": "any", "disable_parallel_tool_use": True}),
    ],
)
async def test_how_tools_may_be_used(
    upstream: Upstream, provider: AnthropicProvider, scripted: Scripted, more: dict[str, Any], choice: Any
) -> None:
    """In the dialect's own words; a tool without arguments is an object without properties."""
    await stream(provider, scripted, START, END, prompt=replace(Prompt(HELLO), tools=(Tool("now"),), **more))
    assert upstream.last.body["tools"] == [{"name": "now", "input_schema": {"type": "object", "properties": {}}}]
    assert upstream.last.body.get("tool_choice") == choice


async def test_results_of_tools(upstream: Upstream, provider: AnthropicProvider, scripted: Scripted) -> None:
    """They come first in their turn, with pictures and a mark where it failed; what is no object is shown as it was."""
    messages = (
        Message.of(MessageRole.USER, "Look"),
        Message(MessageRole.ASSISTANT, (ToolCall("t1", "look", '{"at": "sky"}'), ToolCall("t2", "look", "[1"))),
        Message(
            MessageRole.USER,
            (
                TextPart("Well?"),
                ToolResult("t1", (TextPart("blue"), ImagePart("image/png", b"x"))),
                ToolResult("t2", (TextPart("no"),), failed=True),
            ),
        ),
    )
    await stream(provider, scripted, START, END, prompt=Prompt(messages, tools=(Tool("look"),)))
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "eA=="}}
    assert upstream.last.body["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "sky"}},
                {"type": "tool_use", "id": "t2", "name": "look", "input": {"arguments": "[1"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "blue"}, image]},
                {"type": "tool_result", "tool_use_id": "t2", "content": "no", "is_error": True},
                {"type": "text", "text": "Well?"},
            ],
        },
    ]
