"""`POST /v1/chat/completions`: what OpenAI's clients send, and what they read."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import Any

import httpx
import pytest

from conductor_core.kinds import FinishReason, Outcome, Source
from conductor_core.metrics.call import Call
from tests.api.door import TOKEN, Open
from tests.api.rows import ended_call
from tests.upstream import CALLED, OpenAIDialect, Plan

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
WEATHER = {
    "type": "function",
    "function": {"name": CALLED, "description": "Tells the weather.", "parameters": {"type": "object"}},
}


def asking(model: str = "openai/any-words-3", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hello"}], **more}


async def call_of(door: Open, answer: httpx.Response) -> Call:
    """The last row of the request that was answered, as it is committed by then."""
    id = answer.headers["x-request-id"]
    calls = [call for call in door.conductor.store.recent_calls(20) if call.request_id == id]
    return max(calls, key=lambda call: call.attempt)


def events(answer: httpx.Response) -> list[Any]:
    """What the events of a stream hold; the last one is its end."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    *blocks, end, nothing = answer.text.split("\n\n")
    assert (end, nothing) == ("data: [DONE]", "")
    return [json.loads(block[6:]) for block in blocks if not block.startswith(":")]


async def test_a_whole_answer(door: Open) -> None:
    """Field by field, and the facts in its headers; its row is committed by the time it is read."""
    answer = await door.client.post(PATH, json=asking("openai/gpt-4.1-mini-words-3-thinking", max_tokens=50, seed=-1))
    id = answer.headers["x-request-id"]
    call = await call_of(door, answer)
    assert answer.json() == {
        "id": f"chatcmpl-{id}",
        "object": "chat.completion",
        "created": call.started_at // 1000,
        "model": "gpt-4.1-mini-words-3-thinking",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Grüße aus Köln ",
                    "refusal": None,
                    "reasoning_content": "let me see",
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 6,
            "total_tokens": 13,
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
    }
    assert (call.source, call.outcome, call.api_key_id, call.model) == (
        Source.API,
        Outcome.OK,
        "environment",
        "gpt-4.1-mini-words-3-thinking",
    )
    facts = {name: value for name, value in answer.headers.items() if name.startswith("x-conductor-")}
    assert float(facts.pop("x-conductor-overhead-ms")) >= 0
    assert facts.pop("x-conductor-cost-kind") in ("reported", "unknown")
    facts.pop("x-conductor-cost-usd", None)
    assert facts == {
        "x-conductor-provider": "openai",
        "x-conductor-model": "gpt-4.1-mini-words-3-thinking",
        "x-conductor-attempts": "1",
    }
    assert answer.headers["x-ratelimit-limit-requests"] == "600"
    assert door.upstream.last.body == {
        "model": "gpt-4.1-mini-words-3-thinking",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_completion_tokens": 50,
        "seed": -1,
    }


async def test_a_streamed_answer(door: Open) -> None:
    """Byte by byte, but for what differs from one to the next."""
    answer = await door.client.post(PATH, json=asking("anthropic/any-words-2-thinking", stream=True))
    id, call = answer.headers["x-request-id"], await call_of(door, answer)
    head = (
        f'data: {{"id":"chatcmpl-{id}","object":"chat.completion.chunk","created":{call.started_at // 1000},'
        f'"model":"any-words-2-thinking","choices":[{{"index":0,"delta":'
    )
    tail = ',"logprobs":null,"finish_reason":null}]}\n\n'
    text = re.sub(r'"overhead_ms":"[\d.]+"', '"overhead_ms":"0.1"', answer.text)
    assert text == (
        f'{head}{{"role":"assistant","content":""}}{tail}'
        f'{head}{{"reasoning_content":"let me see"}}{tail}'
        f'{head}{{"content":"Grüße "}}{tail}'
        f'{head}{{"content":"aus "}}{tail}'
        f'{head}{{}},"logprobs":null,"finish_reason":"stop"}}]}}\n\n'
        ': conductor {"provider":"anthropic","model":"any-words-2-thinking","attempts":"1","overhead_ms":"0.1",'
        '"cost_kind":"unknown"}\n\n'
        "data: [DONE]\n\n"
    )
    assert (answer.headers["x-conductor-provider"], answer.headers["x-conductor-attempts"]) == ("anthropic", "1")
    assert (call.outcome, call.completion_tokens) == (Outcome.OK, 5)


async def test_events_of_its_own_dialect_go_on_as_they_are(door: Open) -> None:
    """Upstream's very bytes under our id and time, between who speaks and the end; the row has their facts too."""
    answer = await door.client.post(PATH, json=asking("openai/any-words-3", stream=True))
    id, call = answer.headers["x-request-id"], await call_of(door, answer)
    first, *others = events(answer)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert {event["id"] for event in (first, *others)} == {f"chatcmpl-{id}"}
    _, text, (reason, _, _) = OpenAIDialect().events(Plan.of("words-3"), "any-words-3")
    ours = {"id": f"chatcmpl-{id}", "created": first["created"]}
    assert others == [event | ours for event in (*text, reason)]
    assert abs(first["created"] - call.started_at / 1000) < 2
    assert call.ttft_ms is not None
    assert (call.outcome, call.finish_reason, call.completion_tokens) == (Outcome.OK, FinishReason.STOP, 3)


async def test_an_answer_that_was_not_counted_is_estimated(door: Open) -> None:
    """By the length of its text, also where its bytes went on as they were."""
    answer = await door.client.post(PATH, json=asking("openai/any-words-40-uncounted", stream=True))
    call = await call_of(door, answer)
    length = len(Plan.of("words-40").text)
    assert (call.completion_tokens, call.outcome) == (-(-length // 4), Outcome.OK)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_usage_where_it_is_asked_for(door: Open, provider: str) -> None:
    """Every event has the field, one more at the end has the tokens, and the facts."""
    asked = asking(f"{provider}/any-words-2", stream=True, stream_options={"include_usage": True})
    *others, last = events(await door.client.post(PATH, json=asked))
    assert all(event["usage"] is None and len(event["choices"]) == 1 for event in others)
    assert (last["choices"], last["usage"]) == (
        [],
        {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
    )
    assert last["conductor"]["provider"] == provider


@pytest.mark.parametrize(("words", "reason"), [("length", "length"), ("filter", "content_filter"), ("words-1", "stop")])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_why_it_ended(door: Open, provider: str, words: str, reason: str) -> None:
    """In this protocol's words, whole and streamed."""
    asked = asking(f"{provider}/any-{words}")
    assert (await door.client.post(PATH, json=asked)).json()["choices"][0]["finish_reason"] == reason
    told = events(await door.client.post(PATH, json=asked | {"stream": True}))
    assert [event["choices"][0]["finish_reason"] for event in told if event["choices"]][-1] == reason


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_tools_round_trip(door: Open, provider: str) -> None:
    """The model's calls, streamed and whole alike, go back with what the tools gave, and it answers."""
    asked = asking(f"{provider}/any-words-1-calls-2", tools=[WEATHER], tool_choice="required")
    message = (await door.client.post(PATH, json=asked)).json()["choices"][0]["message"]
    plan = Plan.of("words-1 calls-2")
    calls = message["tool_calls"]
    assert [(call["id"], call["type"], call["function"]["name"]) for call in calls] == [
        (id, "function", CALLED) for id, _ in plan.calls
    ]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [given for _, given in plan.calls]

    streamed = events(await door.client.post(PATH, json=asked | {"stream": True}))
    assert list(map(parsed, joined(streamed))) == list(map(parsed, calls))
    assert streamed[-1]["choices"][0]["finish_reason"] == "tool_calls"

    results = [{"role": "tool", "tool_call_id": call["id"], "content": "rain"} for call in calls]
    again = asked | {"messages": [*asked["messages"], message, *results]}
    answered = (await door.client.post(PATH, json=again)).json()["choices"][0]
    assert (answered["message"]["content"], answered["finish_reason"]) == (plan.text, "stop")
    assert "rain" in str(door.upstream.last.body["messages"][-1])


def parsed(call: dict[str, Any]) -> Any:
    """A call with its arguments as what they say."""
    function = call["function"]
    return call | {"function": function | {"arguments": json.loads(function["arguments"])}}


def joined(events: list[Any]) -> list[Any]:
    """The calls that the deltas of a stream make up, as clients put them together."""
    calls: dict[int, Any] = {}
    for event in events:
        for piece in event["choices"][0]["delta"].get("tool_calls", ()):
            call = calls.setdefault(piece.pop("index"), {"function": {"arguments": ""}})
            function = piece.pop("function")
            call["function"]["arguments"] += function.pop("arguments")
            call["function"] |= function
            call |= piece
    return list(calls.values())


async def test_images_and_formats_reach_the_model(door: Open) -> None:
    """As the dialect upstream has them; what the data URL says of its type is not believed."""
    url = f"data:image/jpeg;base64,{base64.b64encode(PNG).decode()}"
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    format = {"type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": {"type": "object"}}}
    asked = asking("openai/any") | {"messages": [{"role": "user", "content": content}], "response_format": format}
    assert (await door.client.post(PATH, json=asked)).status_code == 200
    sent = door.upstream.last.body
    assert sent["messages"][0]["content"][1]["image_url"]["url"] == url.replace("jpeg", "png")
    assert sent["response_format"] == format


async def test_stop_is_one_or_several(door: Open) -> None:
    """One alone may come without a list."""
    for stop, sent in (("END", ["END"]), (["a", "b"], ["a", "b"])):
        await door.client.post(PATH, json=asking(stop=stop))
        assert door.upstream.last.body["stop"] == sent


@pytest.mark.parametrize(
    ("model", "more", "param"),
    [
        ("local/smollm2-135m", {"tools": [WEATHER]}, "tools"),
        ("anthropic/claude-x", {"response_format": {"type": "json_object"}}, "response_format"),
        ("anthropic/claude-x", {"frequency_penalty": 1}, "presence_penalty"),
    ],
)
async def test_what_a_provider_does_not_take_is_named(door: Open, model: str, more: dict[str, Any], param: str) -> None:
    """A provider that was named refuses it; AUTO asks another one."""
    answer = await door.client.post(PATH, json=asking(model, **more))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    auto = await door.client.post(PATH, json=asking("auto", **more))
    assert (auto.status_code, auto.headers["x-conductor-provider"]) == (200, "openai")


async def test_a_strategy_for_one_request(door: Open) -> None:
    """`auto:<strategy>` chooses by it, and its row says so."""
    answer = await door.client.post(PATH, json=asking("auto:round_robin"))
    assert (await call_of(door, answer)).strategy == "round_robin"
    answer = await door.client.post(PATH, json=asking("auto"))
    assert (await call_of(door, answer)).strategy == "balanced"


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ("status-401", 502, "upstream_auth"),
        ("status-404", 404, "model_not_found"),
        ("status-400", 400, "invalid_request"),
        ("status-413", 413, "too_large"),
        ("status-429-wait-1", 429, "rate_limited"),
        ("status-500", 502, "upstream_error"),
        ("html", 502, "bad_response"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_upstreams_faults(door: Open, words: str, status: int, code: str, stream: bool) -> None:
    """Before the first word a fault has its status, streamed or not; upstream's 401 is never ours."""
    answer = await door.client.post(PATH, json=asking(f"openai/{words}-{stream}", stream=stream))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert status != 429 or 0 < int(answer.headers["retry-after"]) <= 8
    assert "synthetic" not in error["message"]
    await door.conductor.recover("openai")


@pytest.mark.parametrize("words", ["error-2", "end-2"])
async def test_a_fault_in_the_middle_is_an_event(door: Open, words: str) -> None:
    """The words that came are kept, then the error in OpenAI's shape; `[DONE]` is not said of what is not done."""
    answer = await door.client.post(PATH, json=asking(f"openai/{words}", stream=True))
    assert answer.status_code == 200
    *told, last = [json.loads(block[6:]) for block in answer.text.split("\n\n") if block]
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in told)
    assert text == "Grüße aus "
    assert set(last) == {"error"}
    assert set(last["error"]) == {"message", "type", "param", "code"}
    assert (last["error"]["type"], "[DONE]" in answer.text) == ("server_error", False)
    assert (await call_of(door, answer)).outcome in (Outcome.SERVER_ERROR, Outcome.OVERLOADED, Outcome.STREAM_CUT)
    await door.conductor.recover("openai")


async def test_who_answered_instead(door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fallback the headers name who failed, and how many attempts it took."""
    monkeypatch.setattr(door.conductor.providers.get("openai"), "default_model", "any-status-401")
    door.conductor.gateway.router.apply("openai,anthropic")
    try:
        answer = await door.client.post(PATH, json=asking("auto"))
    finally:
        door.conductor.gateway.router.apply("balanced")
        await door.conductor.recover("openai")
    assert answer.headers["x-conductor-provider"] == "anthropic"
    assert answer.headers["x-conductor-fallback-from"] == "openai"
    assert answer.headers["x-conductor-attempts"] == "2"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_goes_ends_the_call_upstream(door: Open, stream: bool) -> None:
    """Within a second; the row says cancelled."""
    reader, writer = await door.connect()
    body = json.dumps(asking("openai/any-stall-2" if stream else "openai/any-silent", stream=stream)).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    if stream:
        await reader.readuntil(b"aus ")
    else:
        while not door.upstream.requests:
            await asyncio.sleep(0.001)
    writer.close()
    async with asyncio.timeout(1):
        await door.upstream.last.hung_up.wait()
    call = await ended_call(door, "any-stall-2" if stream else "any-silent")
    assert (call.outcome, call.source) == (Outcome.CANCELLED, Source.API)


async def test_the_same_request_again_under_its_key(door: Open) -> None:
    """B64 and F49: answered once, told twice; another request under the key is refused."""
    headers = {"idempotency-key": "k-1"}
    first = await door.client.post(PATH, json=asking(), headers=headers)
    second = await door.client.post(PATH, json=asking(), headers=headers)
    assert first.json() == second.json()
    assert second.headers["x-conductor-replayed"] == "true"
    assert len(door.upstream.requests) == 1
    other = await door.client.post(PATH, json=asking(temperature=1), headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    streamed = await door.client.post(PATH, json=asking(stream=True), headers={"idempotency-key": "k-2"})
    assert (streamed.status_code, streamed.json()["error"]["param"]) == (400, "stream")
