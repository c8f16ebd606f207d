"""One suite over every row of the registry whose dialect the tests' upstream speaks.

A new vendor is tested by its row alone. A new dialect adds its line to `BASE_PATHS`, and its class to `tests.upstream`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest

from conductor_core.errors import NotConfigured, ProviderError
from conductor_core.kinds import FinishReason, Need, Outcome, ToolUse
from conductor_core.models import MessageRole
from conductor_core.prompt import AnswerFormat, Message, Prompt, TextPart, Tool, ToolCall, ToolResult
from conductor_core.providers import VENDORS, BaseProvider, Chunk, Registry, Vendor
from conductor_core.providers.wire import Wire
from conductor_core.redaction import Redactor
from conductor_core.settings import Environment, Origin, Settings
from tests.upstream import CALLED, Plan, Upstream

BASE_PATHS = {"gemini": "", "openai": "/v1", "anthropic": ""}
"""Where each dialect's base URL points on the tests' upstream."""

KEY = "sk-contract-0123456789abcdef"
ROWS = [vendor for vendor in VENDORS if vendor.dialect in BASE_PATHS]
MESSAGES = (Message.of(MessageRole.SYSTEM, "Be brief."), Message.of(MessageRole.USER, "Say something."))
IMPATIENT = Settings(connect_timeout=1.0, first_byte_timeout=0.4, silence_timeout=0.15, total_timeout=0.6)
"""Deadlines for calls that are meant to run into them."""


@dataclass
class Case:
    """One row of the registry, reached at the tests' upstream."""

    provider: BaseProvider
    vendor: Vendor
    upstream: Upstream

    def prompt(self, words: str) -> Prompt:
        return Prompt(MESSAGES, model=f"any {words}".replace(" ", "-"), temperature=0.5, max_tokens=64)

    async def stream(self, words: str) -> list[Chunk]:
        async with aclosing(_generator(self.provider.stream_completion(self.prompt(words)))) as chunks:
            return [chunk async for chunk in chunks]

    async def fault(self, words: str, *, streamed: bool) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            await (self.stream(words) if streamed else self.provider.chat_completion(self.prompt(words)))
        assert caught.value.provider == self.vendor.name
        assert KEY not in f"{caught.value}{caught.value.detail}"
        return caught.value


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture(params=ROWS, ids=lambda vendor: str(vendor.name))
async def case(request: pytest.FixtureRequest, upstream: Upstream) -> AsyncIterator[Case]:
    vendor: Vendor = request.param
    variables = dict.fromkeys(vendor.key_variables[:1], KEY)
    variables[vendor.base_url_variable] = upstream.url + BASE_PATHS[vendor.dialect]
    settings = IMPATIENT if "impatient" in request.fixturenames else Settings()
    wire = Wire(settings, Redactor())
    registry = Registry(settings, Environment(_layers(variables)), wire)
    yield Case(registry.get(vendor.name), vendor, upstream)
    await registry.close()
    await wire.close()


@pytest.fixture
def impatient() -> None:
    """Marks a test whose calls run into their deadlines, so that these are short."""


both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


async def test_answers_whole(case: Case) -> None:
    """A whole answer carries its text, its thinking, its model, its reason and its tokens."""
    plan = Plan.of("words-5 thinking")
    answer = await case.provider.chat_completion(case.prompt("words-5 thinking"))
    assert (answer.text, answer.thinking) == (plan.text, plan.thoughts)
    assert answer.model == "any-words-5-thinking"
    assert answer.finish_reason is FinishReason.STOP
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.estimated) == (7, 8, False)


async def test_streams(case: Case) -> None:
    """A streamed answer is the same text piece by piece, then its reason and its tokens, once each."""
    chunks = await case.stream("words-5 thinking")
    plan = Plan.of("words-5 thinking")
    assert [chunk.text for chunk in chunks if chunk.text] == plan.pieces
    assert "".join(chunk.thinking for chunk in chunks) == plan.thoughts
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == [FinishReason.STOP]
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    assert [(usage.prompt_tokens, usage.completion_tokens) for usage in usages] == [(7, 8)]
    assert {chunk.model for chunk in chunks} == {"any-words-5-thinking"}


@pytest.mark.parametrize("words", ["bytes", "crlf bytes", "halves", "halves bytes"])
async def test_keeps_every_character(case: Case, words: str) -> None:
    """However the network or the server cuts the text, every code point arrives."""
    chunks = await case.stream(f"words-5 {words}")
    assert "".join(chunk.text for chunk in chunks) == Plan.of("words-5").text


async def test_shows_the_first_piece_at_once(case: Case) -> None:
    """A piece is handed on when it is there, not when the next one comes."""
    async with aclosing(_generator(case.provider.stream_completion(case.prompt("stall-1")))) as chunks:
        assert (await anext(chunks)).text == Plan.of("").pieces[0]


@both_ways
@pytest.mark.parametrize(("word", "reason"), [("length", FinishReason.LENGTH), ("filter", FinishReason.SAFETY)])
async def test_says_why_it_ended(case: Case, word: str, reason: FinishReason, streamed: bool) -> None:
    """The reason an answer ended is the provider's own."""
    if streamed:
        assert [c.finish_reason for c in await case.stream(word) if c.finish_reason] == [reason]
    else:
        assert (await case.provider.chat_completion(case.prompt(word))).finish_reason is reason


@both_ways
async def test_owns_up_to_unknown_usage(case: Case, streamed: bool) -> None:
    """Tokens the server did not count are unknown, not zero."""
    if streamed:
        assert not [chunk.usage for chunk in await case.stream("uncounted") if chunk.usage]
    else:
        assert (await case.provider.chat_completion(case.prompt("uncounted"))).usage is None


@both_ways
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Outcome.BAD_REQUEST),
        (401, Outcome.AUTH),
        (402, Outcome.QUOTA),
        (403, Outcome.FORBIDDEN),
        (404, Outcome.NOT_FOUND),
        (413, Outcome.TOO_LARGE),
        (429, Outcome.RATE_LIMITED),
        (500, Outcome.SERVER_ERROR),
        (503, Outcome.UNAVAILABLE),
        (529, Outcome.OVERLOADED),
    ],
)
async def test_maps_statuses(case: Case, status: int, kind: Outcome, streamed: bool) -> None:
    """Each HTTP status becomes its kind, in a sentence that names the provider and keeps upstream's words apart."""
    error = await case.fault(f"status-{status}", streamed=streamed)
    assert (error.kind, error.status) == (kind, status)
    assert case.vendor.label in str(error)
    assert f"synthetic {status}" in error.detail
    assert "synthetic" not in str(error)


@both_ways
async def test_names_what_to_mend(case: Case, streamed: bool) -> None:
    """A refused key names its variable, a missing model itself."""
    auth = await case.fault("status-401", streamed=streamed)
    assert next(iter(case.vendor.key_variables), "Settings") in str(auth)
    assert "any-status-404" in str(await case.fault("status-404", streamed=streamed))


@both_ways
async def test_passes_on_how_long_to_wait(case: Case, streamed: bool) -> None:
    """`Retry-After` reaches the caller in seconds."""
    assert (await case.fault("status-429 wait-7", streamed=streamed)).retry_after == 7


@both_ways
@pytest.mark.parametrize(
    ("words", "kind", "phrase"),
    [
        ("html", Outcome.BAD_RESPONSE, "web page"),
        ("redirect", Outcome.BAD_RESPONSE, "elsewhere.example"),
        ("cut-1", Outcome.STREAM_CUT, "broke off"),
    ],
)
async def test_maps_transport_faults(case: Case, words: str, kind: Outcome, phrase: str, streamed: bool) -> None:
    """A page, a redirect and a broken connection each become their kind and sentence."""
    error = await case.fault(words, streamed=streamed)
    assert error.kind is kind
    assert phrase in str(error)


@both_ways
@pytest.mark.parametrize("words", ["silent", "stall-1"])
async def test_gives_up_on_silence(case: Case, impatient: None, words: str, streamed: bool) -> None:
    """A server that falls silent, before its answer or inside it, is a timeout, and is hung up on."""
    assert (await case.fault(words, streamed=streamed)).kind is Outcome.TIMEOUT
    await asyncio.wait_for(case.upstream.last.hung_up.wait(), 0.3)


async def test_refuses_an_unreadable_answer(case: Case) -> None:
    """A whole answer that is not JSON is a bad response."""
    assert (await case.fault("garbage", streamed=False)).kind is Outcome.BAD_RESPONSE


@pytest.mark.parametrize("words", ["end-2", "cut-2", "badend unfinished", "bad-4"])
async def test_notices_a_cut_stream(case: Case, words: str) -> None:
    """A stream that ends before its answer does, in whatever way, is cut; what came before has been handed on."""
    texts: list[str] = []
    with pytest.raises(ProviderError) as caught:
        await _collect(case.provider.stream_completion(case.prompt(words)), texts)
    assert caught.value.kind is Outcome.STREAM_CUT
    assert Plan.of(words).text.startswith("".join(texts))
    assert texts or words == "bad-4"


async def test_skips_a_malformed_event(case: Case) -> None:
    """Up to three events that are not JSON cost nothing but themselves."""
    assert "".join(chunk.text for chunk in await case.stream("bad-3")) == Plan.of("").text


async def test_finds_the_error_inside_a_stream(case: Case) -> None:
    """An error object inside a stream of status 200 is the real cause."""
    error = await case.fault("error-2", streamed=True)
    assert error.kind in (Outcome.OVERLOADED, Outcome.SERVER_ERROR)
    assert "synthetic 529" in error.detail


@pytest.mark.parametrize("words", ["silent", "stall-1"])
async def test_stops_at_once(case: Case, words: str) -> None:
    """Cancelling reaches the upstream within 300 ms, also while it is silent."""
    settled = asyncio.Event()
    task = asyncio.create_task(_consume(case, words, settled))
    await asyncio.wait_for(settled.wait(), 2)
    await asyncio.sleep(0)
    began = time.monotonic()
    task.cancel()
    await asyncio.wait_for(case.upstream.last.hung_up.wait(), 0.3)
    assert time.monotonic() - began < 0.3
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_closing_the_stream_hangs_up(case: Case) -> None:
    """Leaving a stream half read closes the upstream's connection."""
    async with aclosing(_generator(case.provider.stream_completion(case.prompt("stall-2")))) as chunks:
        await anext(chunks)
    await asyncio.wait_for(case.upstream.last.hung_up.wait(), 0.3)


async def test_keeps_the_connection(case: Case) -> None:
    """Calls one after the other share a connection, streamed or not."""
    for _ in range(2):
        await case.provider.chat_completion(case.prompt("words-2"))
        await case.stream("words-2")
    assert case.upstream.connections == 1


async def test_lists_models(case: Case) -> None:
    """The models are asked of the server, by a request that is not billed."""
    assert await case.provider.get_available_models() == ["first-model", "second-model"]
    assert case.upstream.last.method == "GET"
    assert await case.provider.health_check()


async def test_reports_a_failed_check(case: Case) -> None:
    """A check that fails says why."""
    case.upstream.behaviour = "status-503"
    assert not await case.provider.health_check()
    assert case.vendor.label in str(case.provider.last_error)


async def test_carries_the_key_in_a_header(case: Case) -> None:
    """The key goes out in its header, never in the URL or the body."""
    await case.provider.chat_completion(case.prompt(""))
    received = case.upstream.last
    assert not case.vendor.key_variables or any(KEY in value for value in received.headers.values())
    assert KEY not in f"{received.path}{received.body}"


@pytest.mark.parametrize("vendor", ROWS, ids=lambda vendor: str(vendor.name))
async def test_names_its_missing_key(vendor: Vendor) -> None:
    """Without its key or address a provider is built all the same, and each call names the variable."""
    settings = Settings()
    provider = Registry(settings, Environment(_layers({})), Wire(settings, Redactor())).get(vendor.name)
    variable = vendor.key_variables[0] if vendor.base_url else vendor.base_url_variable
    assert not provider.configured
    for call in (provider.chat_completion(Prompt(MESSAGES)), provider.get_available_models()):
        with pytest.raises(NotConfigured, match=variable):
            await call
    with pytest.raises(NotConfigured, match=variable):
        await anext(_generator(provider.stream_completion(Prompt(MESSAGES))))


WEATHER = Tool(CALLED, "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
ASKED_BACK = (
    *MESSAGES,
    Message(MessageRole.ASSISTANT, (TextPart("Let me look."), ToolCall("call_0", CALLED, '{"city": "Köln"}'))),
    Message(MessageRole.USER, (ToolResult("call_0", (TextPart("rain"),)),)),
)


def taking(need: Need) -> pytest.MarkDecorator:
    """The case of every vendor that takes what a prompt may hold."""
    rows = [vendor for vendor in ROWS if need not in vendor.lacks]
    return pytest.mark.parametrize("case", rows, ids=lambda vendor: str(vendor.name), indirect=True)


@taking(Need.TOOLS)
@both_ways
async def test_calls_tools(case: Case, streamed: bool) -> None:
    """Tools reach the model, and its calls come back: ids, names and arguments, of several at once."""
    prompt = replace(case.prompt("words-2 calls-2"), tools=(WEATHER,), tool_use=ToolUse.REQUIRED)
    if streamed:
        chunks = await _all(case.provider.stream_completion(prompt))
        text, reason = "".join(chunk.text for chunk in chunks), [c.finish_reason for c in chunks if c.finish_reason]
        assert reason == [FinishReason.TOOL_CALLS]
        calls = _joined(chunks)
    else:
        answer = await case.provider.chat_completion(prompt)
        text, calls = answer.text, list(answer.calls)
        assert answer.finish_reason is FinishReason.TOOL_CALLS
    plan = Plan.of("words-2 calls-2")
    assert text == plan.text
    assert [(call.id, orjson.loads(call.arguments)) for call in calls] == plan.calls
    assert {call.name for call in calls} == {CALLED}
    assert CALLED in str(case.upstream.last.body["tools"])
    assert case.upstream.last.body["tool_choice"] in ("required", {"type": "any"})


@taking(Need.TOOLS)
@both_ways
async def test_tells_what_tools_gave_back(case: Case, streamed: bool) -> None:
    """A call and its result go out as the dialect says them, and the model answers."""
    prompt = replace(case.prompt("words-2 calls-1"), messages=ASKED_BACK, tools=(WEATHER,))
    if streamed:
        text = "".join(chunk.text for chunk in await _all(case.provider.stream_completion(prompt)))
    else:
        text = (await case.provider.chat_completion(prompt)).text
    assert text == Plan.of("words-2").text
    said = str(case.upstream.last.body["messages"])
    assert all(word in said for word in ("Let me look.", "call_0", "Köln", "rain"))


@taking(Need.JSON_SCHEMA)
async def test_asks_for_a_schema(case: Case) -> None:
    """A schema reaches the vendor whole."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    await case.provider.chat_completion(replace(case.prompt("words-1"), answer_format=AnswerFormat(schema, "place")))
    body = case.upstream.last.body
    assert schema in (
        body.get("response_format", {}).get("json_schema", {}).get("schema"),
        body.get("output_config", {}).get("format", {}).get("schema"),
    )


@taking(Need.JSON_OBJECT)
async def test_asks_for_json(case: Case) -> None:
    """So does the wish for any JSON object."""
    await case.provider.chat_completion(replace(case.prompt("words-1"), answer_format=AnswerFormat()))
    body = case.upstream.last.body
    asked = body.get("response_format") or body["generationConfig"]["responseMimeType"]
    assert asked in ({"type": "json_object"}, "application/json")


@taking(Need.PENALTIES)
async def test_passes_penalties_on(case: Case) -> None:
    """Penalties keep their names and values."""
    prompt = replace(case.prompt("words-1"), presence_penalty=0.5, frequency_penalty=-1.5)
    await case.provider.chat_completion(prompt)
    assert (case.upstream.last.body["presence_penalty"], case.upstream.last.body["frequency_penalty"]) == (0.5, -1.5)


def _joined(chunks: list[Chunk]) -> list[ToolCall]:
    """The calls that pieces in a stream make up."""
    calls: dict[int, ToolCall] = {}
    for piece in (piece for chunk in chunks for piece in chunk.calls):
        begun = calls.get(piece.number, ToolCall(piece.id, piece.name, ""))
        calls[piece.number] = replace(begun, arguments=begun.arguments + piece.arguments)
    return list(calls.values())


async def _all(chunks: AsyncIterator[Chunk]) -> list[Chunk]:
    async with aclosing(_generator(chunks)) as closing:
        return [chunk async for chunk in closing]


async def _collect(chunks: AsyncIterator[Chunk], texts: list[str]) -> None:
    async for chunk in chunks:
        texts.append(chunk.text)  # noqa: PERF401  # what came before a fault must be kept


async def _consume(case: Case, words: str, settled: asyncio.Event) -> None:
    """Reads until the upstream has gone silent."""
    chunks = case.provider.stream_completion(case.prompt(words))
    if words == "silent":
        waiting = asyncio.ensure_future(_generator(chunks).__anext__())
        while not case.upstream.requests:
            await asyncio.sleep(0.001)
        settled.set()
        await waiting
    async for _ in chunks:
        settled.set()


def _generator(chunks: AsyncIterator[Chunk]) -> Any:
    """A provider's stream as the generator it is, which can be closed."""
    return chunks


def _layers(variables: dict[str, str]) -> dict[Origin, dict[str, str]]:
    return {origin: variables if origin is Origin.ENVIRONMENT else {} for origin in Origin}
