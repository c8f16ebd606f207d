"""`POST /v1/messages`: what Anthropic's clients send, and what they read."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

from conductor_core.keys.key import Scope, Wish
from conductor_core.kinds import Outcome, Source
from tests.api.door import TOKEN, Open, events
from tests.api.rows import ended_call
from tests.upstream import CALLED, Plan

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/messages"
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()},
}
WEATHER = {"name": CALLED, "description": "Tells the weather.", "input_schema": {"type": "object"}}


def asking(model: str = "openai/any-words-3", **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}], **more}


def told(answer: httpx.Response) -> dict[str, Any]:
    """The error that was answered, in Anthropic's shape."""
    assert answer.headers["content-type"] == "application/json"
    said: dict[str, Any] = answer.json()
    assert (set(said), said["type"]) == ({"type", "error", "request_id"}, "error")
    assert said["request_id"] == answer.headers["x-request-id"]
    error: dict[str, Any] = said["error"]
    assert set(error) == {"type", "message"}
    return error


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_whole_answer(door: Open, provider: str) -> None:
    """Field by field; its row is committed by the time it is read."""
    answer = await door.client.post(PATH, json=asking(f"{provider}/any-words-3-thinking"))
    id = answer.headers["x-request-id"]
    assert answer.json() == {
        "id": f"msg_{id}",
        "type": "message",
        "role": "assistant",
        "model": "any-words-3-thinking",
        "content": [
            {"type": "thinking", "thinking": "let me see", "signature": ""},
            {"type": "text", "text": "Grüße aus Köln "},
        ],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 6},
    }
    call = door.conductor.store.recent_calls(1)[0]
    assert (call.request_id, call.source, call.outcome) == (id, Source.API, Outcome.OK)
    assert answer.headers["x-conductor-provider"] == provider


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_streamed_answer(door: Open, provider: str) -> None:
    """Block by block, in the order clients count on."""
    answer = await door.client.post(PATH, json=asking(f"{provider}/any-words-2-thinking-calls-1", stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    said = events(answer.text)
    assert all(data["type"] == name for name, data in said)
    start, delta = said[0][1]["message"], said[-2][1]
    assert (start["id"], start["content"], start["stop_reason"]) == (f"msg_{answer.headers['x-request-id']}", [], None)
    assert (start["model"], start["usage"]["output_tokens"]) == ("any-words-2-thinking-calls-1", 0)
    assert (delta["delta"], delta["usage"]) == (
        {"stop_reason": "tool_use", "stop_sequence": None},
        {"input_tokens": 7, "output_tokens": 5},
    )
    assert delta["conductor"]["provider"] == provider
    assert [name for name, _ in said] == [
        "message_start",
        "ping",
        *["content_block_start", "content_block_delta", "content_block_stop"],
        *["content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"],
        *["content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"],
        "message_delta",
        "message_stop",
    ]
    blocks = [(data["index"], data["content_block"]["type"]) for name, data in said if name == "content_block_start"]
    assert blocks == [(0, "thinking"), (1, "text"), (2, "tool_use")]
    arguments = "".join(data["delta"].get("partial_json", "") for name, data in said if name == "content_block_delta")
    assert json.loads(arguments) == {"city": "Köln", "day": 0}
    assert door.conductor.store.recent_calls(1)[0].outcome is Outcome.OK


@pytest.mark.parametrize(
    ("words", "reason"), [("length", "max_tokens"), ("filter", "refusal"), ("words-1", "end_turn")]
)
async def test_why_it_ended(door: Open, words: str, reason: str) -> None:
    """In this protocol's words, whole and streamed."""
    asked = asking(f"openai/any-{words}")
    assert (await door.client.post(PATH, json=asked)).json()["stop_reason"] == reason
    said = dict(events((await door.client.post(PATH, json=asked | {"stream": True})).text))
    assert said["message_delta"]["delta"]["stop_reason"] == reason


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_tools_round_trip(door: Open, provider: str) -> None:
    """The model's calls go back with what the tools gave, thoughts and a picture among it, and it answers."""
    asked = asking(
        f"{provider}/any-words-1-calls-2-thinking",
        tools=[WEATHER],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
    )
    answer = (await door.client.post(PATH, json=asked)).json()
    assert answer["stop_reason"] == "tool_use"
    calls = [block for block in answer["content"] if block["type"] == "tool_use"]
    plan = Plan.of("words-1 calls-2")
    assert [(call["id"], call["input"]) for call in calls] == plan.calls
    results = [
        {"type": "tool_result", "tool_use_id": calls[0]["id"], "content": [{"type": "text", "text": "rain"}, IMAGE]},
        {"type": "tool_result", "tool_use_id": calls[1]["id"], "content": "no idea", "is_error": True},
        {"type": "text", "text": "Well?"},
    ]
    messages = [
        *asked["messages"],
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": results},
    ]
    again = await door.client.post(PATH, json=asked | {"messages": messages})
    assert (again.status_code, again.json()["stop_reason"]) == (200, "end_turn"), again.text
    sent = json.dumps(door.upstream.last.body["messages"], ensure_ascii=False)
    assert all(word in sent for word in ("rain", "no idea", "Well?", "Köln", IMAGE["source"]["data"]))  # type: ignore[index]
    assert "let me see" not in sent


async def test_what_reaches_the_model(door: Open) -> None:
    """System texts, images, samplings and formats, by the names of the dialect upstream."""
    body = asking(
        "openai/any",
        system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
        temperature=0.5,
        top_p=0.9,
        stop_sequences=["END"],
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
    )
    body["messages"] = [{"role": "user", "content": [IMAGE, {"type": "text", "text": "What is this?"}]}]
    answer = await door.client.post(PATH, json=body | {"metadata": {"user_id": "u"}, "thinking": {"type": "disabled"}})
    assert answer.headers["x-conductor-ignored"] == "metadata, thinking"
    sent = door.upstream.last.body
    assert sent["messages"][0] == {"role": "system", "content": "Be brief.\n\nBe kind."}
    assert sent["messages"][1]["content"][0]["type"] == "image_url"
    assert (sent["temperature"], sent["top_p"], sent["stop"], sent["max_completion_tokens"]) == (0.5, 0.9, ["END"], 50)
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_tokens": ...}, "max_tokens: is missing"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1_048_576, "model": "openai/gpt-4.1-mini"}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role: must be one of"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "document"}]}]}, "messages[0].content[0].type"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image", "source": {"type": "url", "url": "http://169.254.169.254/"}}],
                    }
                ]
            },
            "messages[0].content[0].source.type",
        ),
        ({"temperature": 1.5}, "temperature"),
        ({"temperature": "0.5"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"stream": "yes"}, "stream"),
        ({"system": 5}, "system"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "x"}}, "tool_choice.name"),
        ({"mcp_servers": [{"url": "http://evil.example"}]}, "mcp_servers"),
        ({"base_url": "http://evil.example"}, "base_url"),
        ({"model": "a\r\nb"}, "model"),
    ],
    ids=str,
)
async def test_bad_input_is_refused_by_name(door: Open, change: dict[str, Any], words: str) -> None:
    """400 in Anthropic's shape, and nothing goes upstream."""
    body = {name: value for name, value in (asking() | change).items() if value is not ...}
    answer = await door.client.post(PATH, json=body)
    error = told(answer)
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["message"].startswith(words)
    assert door.upstream.requests == []


@pytest.mark.parametrize(
    ("words", "status", "kind"),
    [
        ("status-401", 502, "api_error"),
        ("status-404", 404, "not_found_error"),
        ("status-429-wait-1", 429, "rate_limit_error"),
        ("status-529", 503, "overloaded_error"),
    ],
)
async def test_upstreams_faults(door: Open, words: str, status: int, kind: str) -> None:
    """Each by its type, streamed or not."""
    for stream in (False, True):
        answer = await door.client.post(PATH, json=asking(f"anthropic/{words}-{stream}", stream=stream))
        assert (answer.status_code, told(answer)["type"]) == (status, kind)
        await door.conductor.recover("anthropic")


async def test_a_fault_in_the_middle_is_an_event(door: Open) -> None:
    """The last event is the error; the message is not said to have stopped."""
    answer = await door.client.post(PATH, json=asking("anthropic/error-2", stream=True))
    *_, (name, error) = events(answer.text)
    assert (answer.status_code, name, error["type"]) == (200, "error", "error")
    assert error["error"]["type"] == "overloaded_error"
    assert "message_stop" not in answer.text
    await door.conductor.recover("anthropic")


async def test_nobody_comes_in_without_a_key(door: Open) -> None:
    """In Anthropic's shape; with the key where its clients put it, and without a version, one does."""
    answer = await door.stranger.post(PATH, json=asking())
    assert (answer.status_code, told(answer)["type"]) == (401, "authentication_error")
    answer = await door.stranger.post(PATH, json=asking(), headers={"x-api-key": TOKEN})
    assert answer.status_code == 200


async def test_counts_tokens(door: Open) -> None:
    """An estimate of the whole prompt, tools and all; nobody is asked."""
    body = {"model": "auto", "system": "Be brief.", "messages": [{"role": "user", "content": "x" * 391}]}
    counted = (await door.client.post(f"{PATH}/count_tokens", json=body)).json()
    assert counted == {"input_tokens": 100}
    more = (await door.client.post(f"{PATH}/count_tokens", json=body | {"tools": [WEATHER]})).json()
    assert more["input_tokens"] > 100
    assert door.upstream.requests == []


async def test_who_may_ask_may_count(door: Open) -> None:
    """A key for chats alone; each count is a request of the minute."""
    _, token = await door.conductor.keys.create(Wish("only chats", (Scope.CHAT,), requests_per_minute=1))
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"x-api-key": token.reveal()}
    first = await door.stranger.post(f"{PATH}/count_tokens", json=body, headers=headers)
    second = await door.stranger.post(f"{PATH}/count_tokens", json=body, headers=headers)
    assert (first.status_code, first.json()["input_tokens"]) == (200, 2)
    assert (second.status_code, told(second)["type"]) == (429, "rate_limit_error")


async def test_a_client_that_goes_ends_the_call_upstream(door: Open) -> None:
    """Within a second."""
    reader, writer = await door.connect()
    body = json.dumps(asking("anthropic/any-stall-2", stream=True)).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nx-api-key: {TOKEN}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await reader.readuntil(b"aus ")
    writer.close()
    async with asyncio.timeout(1):
        await door.upstream.last.hung_up.wait()
    assert (await ended_call(door, "any-stall-2")).outcome is Outcome.CANCELLED
