"""What is particular to the OpenAI dialect: request fields per vendor and model, and the shapes of its imitators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from conductor_core.errors import ProviderError
from conductor_core.kinds import FinishReason, Outcome, ToolUse
from conductor_core.models import MessageRole
from conductor_core.pricing import Usage
from conductor_core.prompt import ImagePart, Message, Prompt, TextPart, Tool, ToolCall, ToolResult
from conductor_core.providers import VENDORS
from conductor_core.providers.base import CallPiece, Chunk, Endpoint, Vendor
from conductor_core.providers.openai_provider import OpenAIProvider
from conductor_core.providers.wire import Wire
from conductor_core.redaction import Redactor
from conductor_core.settings import Settings
from tests.upstream import OpenAIDialect, Plan, Upstream

MESSAGES = (Message.of(MessageRole.SYSTEM, "Be brief."), Message.of(MessageRole.USER, "Hello"))
FULL = {"temperature": 0.4, "max_tokens": 50, "top_p": 0.9, "top_k": 7, "seed": 3, "stop": ("END",)}
ROWS = {vendor.name: vendor for vendor in VENDORS}


class Scripted(OpenAIDialect):
    """Answers with the events, the whole answer or the list of models a test names."""

    answer: Any = None
    script: tuple[Any, ...] = ()
    listed: Any = None

    def events(self, plan: Plan, model: str) -> tuple[list[Any], list[Any], list[Any]]:
        return [], list(self.script), []

    def whole(self, plan: Plan, model: str) -> Any:
        return self.answer

    def models(self) -> Any:
        return self.listed


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
async def upstream(scripted: Scripted) -> AsyncIterator[Upstream]:
    async with Upstream(dialects=[scripted]) as server:
        yield server


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire(Settings(), Redactor())
    yield wire
    await wire.close()


@pytest.fixture
def provider(upstream: Upstream, wire: Wire) -> OpenAIProvider:
    return OpenAIProvider(Vendor("acme", "Acme", "openai"), Endpoint(upstream.url + "/v1"), wire, "any")


async def sent(upstream: Upstream, wire: Wire, scripted: Scripted, name: str, prompt: Prompt) -> dict[str, Any]:
    """The body a vendor's provider sends for a prompt, without its messages."""
    scripted.answer = {"choices": [{"message": {"content": "x"}}]}
    await OpenAIProvider(ROWS[name], Endpoint(upstream.url + "/v1"), wire).chat_completion(prompt)
    body: dict[str, Any] = upstream.last.body
    assert body.pop("messages") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    return body


async def test_leaves_out_what_was_not_asked(upstream: Upstream, wire: Wire, scripted: Scripted) -> None:
    """A parameter that is None is the provider's own default."""
    assert await sent(upstream, wire, scripted, "groq", Prompt(MESSAGES, model="m")) == {"model": "m"}


async def test_vendors_fields(upstream: Upstream, wire: Wire, scripted: Scripted) -> None:
    """The limit, the seed and `top_k` go by the vendor's own names, or not at all."""
    prompt = Prompt(MESSAGES, model="m", **FULL)  # type: ignore[arg-type]  # a dict for fields of several types
    common = {"model": "m", "temperature": 0.4, "top_p": 0.9, "stop": ["END"]}
    bodies = {name: await sent(upstream, wire, scripted, name, prompt) for name in ("openai", "mistral", "vllm")}
    assert bodies["openai"] == {**common, "max_completion_tokens": 50, "seed": 3}
    assert bodies["mistral"] == {**common, "max_tokens": 50, "random_seed": 3}
    assert bodies["vllm"] == {**common, "max_tokens": 50, "seed": 3, "top_k": 7}


@pytest.mark.parametrize(
    ("name", "model", "takes"),
    [
        ("openai", "gpt-4.1-mini", True),
        ("openai", "gpt-4o", True),
        ("openai", "gpt-5-chat-latest", True),
        ("openai", "o3-mini", False),
        ("openai", "gpt-5.1", False),
        ("openai", "gpt-6.1-mini", False),
        ("groq", "o3-mini", True),
    ],
)
async def test_reasoning_models_keep_their_sampling(
    upstream: Upstream, wire: Wire, scripted: Scripted, name: str, model: str, takes: bool
) -> None:
    """OpenAI's reasoning models refuse a temperature, so it is not sent to them; other vendors' names say nothing."""
    body = await sent(upstream, wire, scripted, name, Prompt(MESSAGES, model=model, temperature=0.7, top_p=0.9))
    assert ("temperature" in body, "top_p" in body) == (takes, takes)


@pytest.mark.parametrize(("name", "asks"), [("openai", True), ("mistral", False)])
async def test_asks_for_usage(upstream: Upstream, wire: Wire, scripted: Scripted, name: str, asks: bool) -> None:
    """Usage in a stream is asked for where the vendor knows the option."""
    scripted.script = ({"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]},)
    provider = OpenAIProvider(ROWS[name], Endpoint(upstream.url + "/v1"), wire)
    assert [chunk async for chunk in provider.stream_completion(Prompt(MESSAGES))]
    assert upstream.last.body["stream"] is True
    assert upstream.last.body.get("stream_options") == ({"include_usage": True} if asks else None)


async def stream(provider: OpenAIProvider, scripted: Scripted, *script: Any) -> list[Chunk]:
    scripted.script = script
    return [chunk async for chunk in provider.stream_completion(Prompt(MESSAGES))]


def delta(reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"delta": fields, "finish_reason": reason}]}


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thinking(provider: OpenAIProvider, scripted: Scripted, field: str) -> None:
    """Thinking is told apart from the answer under both names it goes by."""
    chunks = await stream(provider, scripted, delta(**{field: "hm"}), delta(content="yes"), delta("stop"))
    assert [(chunk.thinking, chunk.text) for chunk in chunks] == [("hm", ""), ("", "yes"), ("", "")]


async def test_typed_parts(provider: OpenAIProvider, scripted: Scripted) -> None:
    """Content given as typed parts is text and thinking, streamed or whole."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "yes"},
    ]
    chunks = await stream(provider, scripted, delta(content=parts), delta("stop"))
    assert (chunks[0].thinking, chunks[0].text) == ("hm", "yes")
    scripted.answer = {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]}
    answer = await provider.chat_completion(Prompt(MESSAGES))
    assert (answer.thinking, answer.text) == ("hm", "yes")


async def test_done_stands_for_a_reason(provider: OpenAIProvider, scripted: Scripted) -> None:
    """Where text came and `[DONE]` followed, a missing reason is taken for a stop; without text the stream was cut."""
    chunks = await stream(provider, scripted, delta(content="yes"), "[DONE]")
    assert [chunk.finish_reason for chunk in chunks] == [None, FinishReason.STOP]
    with pytest.raises(ProviderError) as caught:
        await stream(provider, scripted, delta(role="assistant"), "[DONE]")
    assert caught.value.kind is Outcome.STREAM_CUT


@pytest.mark.parametrize("reason", ["function_call", "new_reason"])
async def test_other_reasons(provider: OpenAIProvider, scripted: Scripted, reason: str) -> None:
    """A reason this dialect does not name is `other`."""
    chunks = await stream(provider, scripted, delta(reason, content="x"))
    assert chunks[0].finish_reason is FinishReason.OTHER


async def test_a_break_after_the_end_is_no_fault(provider: OpenAIProvider, scripted: Scripted) -> None:
    """Once the reason is there the answer is complete, whatever the connection does next."""
    chunks = await stream(provider, scripted, delta("stop", content="yes"), '{"usage": {"prompt')
    assert [(chunk.text, chunk.finish_reason) for chunk in chunks] == [("yes", FinishReason.STOP)]


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}, Usage(5, 9)),
        (
            {"prompt_tokens": 5, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}},
            Usage(5, 9, 4),
        ),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 9,
                "total_tokens": 18,
                "completion_tokens_details": {"reasoning_tokens": 4},
            },
            Usage(5, 13, 4),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 9, "completion_tokens_details": None}, Usage(5, 9)),
        ({"prompt_tokens": None, "completion_tokens": 9}, None),
        ({"prompt_tokens": -1, "completion_tokens": 9}, None),
        ({"prompt_tokens": 5, "completion_tokens": True}, None),
        ({"prompt_tokens": 5, "completion_tokens": 2**63}, None),
        ({}, None),
        (None, None),
    ],
)
async def test_usage(
    provider: OpenAIProvider, scripted: Scripted, usage: dict[str, Any] | None, counted: Usage | None
) -> None:
    """Usage is read in all its shapes; thinking left out of the completion, as the total shows, is added."""
    scripted.answer = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": usage}
    assert (await provider.chat_completion(Prompt(MESSAGES))).usage == counted


@pytest.mark.parametrize(
    "answer",
    [{}, {"choices": []}, {"choices": [{}]}, {"choices": [None]}, {"choices": "x"}, [], "text", None],
)
async def test_unknown_shapes(provider: OpenAIProvider, scripted: Scripted, answer: Any) -> None:
    """JSON that is not an answer of this dialect is a bad response."""
    scripted.answer = answer
    with pytest.raises(ProviderError) as caught:
        await provider.chat_completion(Prompt(MESSAGES))
    assert caught.value.kind is Outcome.BAD_RESPONSE


@pytest.mark.parametrize("event", [{"choices": [None]}, {"choices": {"a": 1}}, [1], 7, {"choices": [{"delta": 5}]}])
async def test_unknown_events(provider: OpenAIProvider, scripted: Scripted, event: Any) -> None:
    """So is an event of an unknown shape."""
    with pytest.raises(ProviderError) as caught:
        await stream(provider, scripted, event)
    assert caught.value.kind is Outcome.BAD_RESPONSE


async def test_an_error_in_a_whole_answer(provider: OpenAIProvider, scripted: Scripted) -> None:
    """An error object with status 200 is an error."""
    scripted.answer = {"error": {"code": 429, "message": "slow down"}}
    with pytest.raises(ProviderError) as caught:
        await provider.chat_completion(Prompt(MESSAGES))
    assert (caught.value.kind, caught.value.status) == (Outcome.RATE_LIMITED, 429)


async def test_first_model_of_the_server(upstream: Upstream, wire: Wire, scripted: Scripted) -> None:
    """Without a default the server's first model is used, asked for once."""
    scripted.listed = {"data": [{"id": "only-one"}]}
    scripted.answer = {"choices": [{"message": {"content": "x"}}]}
    provider = OpenAIProvider(ROWS["ollama"], Endpoint(upstream.url + "/v1"), wire)
    for _ in range(2):
        assert (await provider.chat_completion(Prompt(MESSAGES))).model == "only-one"
    assert [received.method for received in upstream.requests] == ["GET", "POST", "POST"]


async def test_a_server_without_models(upstream: Upstream, wire: Wire, scripted: Scripted) -> None:
    """A server that has no model says so before anything is sent."""
    scripted.listed = {"data": []}
    with pytest.raises(ProviderError, match="Ollama offers no model yet") as caught:
        await OpenAIProvider(ROWS["ollama"], Endpoint(upstream.url + "/v1"), wire).chat_completion(Prompt(MESSAGES))
    assert caught.value.kind is Outcome.NOT_FOUND


@pytest.mark.parametrize(
    ("name", "listed", "models"),
    [
        (
            "openai",
            {
                "data": [
                    {"id": "gpt-4.1"},
                    {"id": "whisper-1"},
                    {"id": "text-embedding-3-large"},
                    {"id": "gpt-4o-audio"},
                ]
            },
            ["gpt-4.1"],
        ),
        (
            "mistral",
            {"data": [{"id": "a", "capabilities": {"completion_chat": False}}, {"id": "b", "capabilities": {}}]},
            ["b"],
        ),
        ("together", [{"id": "a", "type": "chat"}, {"id": "b", "type": "image"}, {"id": "c"}], ["a", "c"]),
        ("vllm", {"data": None}, []),
        ("vllm", {"data": ["x", {"id": 5}, {"id": "a"}]}, ["a"]),
    ],
)
async def test_lists_what_chats(
    upstream: Upstream, wire: Wire, scripted: Scripted, name: str, listed: Any, models: list[str]
) -> None:
    """Models that do not chat are left out, where the vendor's list or names tell them."""
    scripted.listed = listed
    assert await OpenAIProvider(ROWS[name], Endpoint(upstream.url + "/v1"), wire).get_available_models() == models


async def test_declared_models_come_first(upstream: Upstream, wire: Wire, scripted: Scripted) -> None:
    """Models declared for an endpoint come before the server's own, and stand alone where it lists none."""
    scripted.listed = {"data": [{"id": "a"}, {"id": "mine"}]}
    provider = OpenAIProvider(ROWS["vllm"], Endpoint(upstream.url + "/v1", models=("mine", "other")), wire)
    assert provider.default_model == "mine"
    assert await provider.get_available_models() == ["mine", "other", "a"]
    upstream.behaviour = "status-404"
    assert await provider.get_available_models() == ["mine", "other"]


async def test_results_of_tools(upstream: Upstream, provider: OpenAIProvider, scripted: Scripted) -> None:
    """Each is a message of its own before what the user says; a picture that a tool gave back is shown by the user."""
    result = ToolResult("t1", (TextPart("blue"), ImagePart("image/png", b"x")))
    messages = (
        Message(MessageRole.ASSISTANT, (ToolCall("t1", "look", "{}"), ToolCall("t2", "look", "[1"))),
        Message(MessageRole.USER, (result, ToolResult("t2", (TextPart("no"),)), TextPart("Well?"))),
        Message(MessageRole.USER, (ToolResult("t3", ()),)),
    )
    scripted.answer = {"choices": [{"message": {"content": "x"}}]}
    await provider.chat_completion(Prompt(messages, tools=(Tool("look"),)))
    call = {"type": "function", "function": {"name": "look", "arguments": "{}"}}
    assert upstream.last.body["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "t1", **call},
                {"id": "t2", "type": "function", "function": {"name": "look", "arguments": "[1"}},
            ],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "blue"},
        {"role": "tool", "tool_call_id": "t2", "content": "no"},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}},
                {"type": "text", "text": "Well?"},
            ],
        },
        {"role": "tool", "tool_call_id": "t3", "content": ""},
    ]


@pytest.mark.parametrize(
    ("more", "fields"),
    [
        ({}, {}),
        ({"tool_use": ToolUse.NONE}, {"tool_choice": "none"}),
        ({"must_call": "look"}, {"tool_choice": {"type": "function", "function": {"name": "look"}}}),
        ({"parallel_tools": False}, {"parallel_tool_calls": False}),
    ],
)
async def test_how_tools_may_be_used(
    upstream: Upstream, wire: Wire, scripted: Scripted, more: dict[str, Any], fields: dict[str, Any]
) -> None:
    """In the dialect's own words, and nothing that was not asked."""
    tool = Tool("look", "Looks.", {"type": "object"}, strict=True)
    body = await sent(upstream, wire, scripted, "openai", Prompt(MESSAGES, model="m", tools=(tool,), **more))
    function = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}, "strict": True}
    assert body == {"model": "m", "tools": [{"type": "function", "function": function}], **fields}


async def test_imitators_calls(provider: OpenAIProvider, scripted: Scripted) -> None:
    """One call without its index, and arguments that are an object instead of its text."""
    call = {"id": "t1", "function": {"name": "look", "arguments": {"at": "sky"}}}
    chunks = await stream(provider, scripted, delta(tool_calls=[call]), delta("tool_calls"))
    assert [piece for chunk in chunks for piece in chunk.calls] == [CallPiece(0, "t1", "look", '{"at":"sky"}')]


async def test_a_refusal_is_an_answer(provider: OpenAIProvider, scripted: Scripted) -> None:
    """What a model says in place of the JSON it was asked for."""
    chunks = await stream(provider, scripted, delta(refusal="I'd rather not."), delta("stop"))
    assert "".join(chunk.text for chunk in chunks) == "I'd rather not."
    scripted.answer = {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}
    assert (await provider.chat_completion(Prompt(MESSAGES))).text == "No."
