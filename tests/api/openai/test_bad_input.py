"""What `/v1/chat/completions` does with bad input, row by row of the list in `bad_input.py`."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.api.bad_input import KEYLESS, ROWS, Bad, changed, said
from tests.api.door import TOKEN, Open

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
HELLO: dict[str, Any] = {"model": "openai/gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
IMAGE = "messages[0].content[0].image_url.url"

MORE = [
    Bad("B01", 400, {"messages": [{"role": "assistant", "content": ""}]}, param="messages[0].content"),
    Bad("B01", 400, said([]), param="messages[0].content"),
    Bad("B01", 400, said([{"type": "text", "text": " "}]), param="messages[0].content"),
    Bad("B01", 400, said(None), param="messages[0].content"),
    Bad("B12", 400, said("Hello", "function"), param="messages[0].role"),
    Bad("B17", 400, said([{"text": "Hello"}]), param="messages[0].content[0].type"),
    Bad("B17", 400, said([{"type": "input_audio", "input_audio": {}}]), param="messages[0].content[0].type"),
    Bad("B18", 400, said([{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]), param=IMAGE),
    Bad("B18", 400, said([{"type": "image_url", "image_url": {"url": "data:text/html;base64,eA=="}}]), param=IMAGE),
    Bad("B18", 400, said([{"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}]), param=IMAGE),
    Bad("B18", 400, said([{"type": "image_url", "image_url": {"url": "data:image/png;base64,%"}}]), param=IMAGE),
    Bad("B18", 400, said([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'A' * 20_000_000}"}}])),
    Bad("B22", 400, {"n": 2}, param="n"),
    Bad("B23", 400, {"max_completion_tokens": 0}, param="max_completion_tokens"),
    Bad("B23", 400, {"max_tokens": 5, "max_completion_tokens": 6}, param="max_tokens"),
    Bad("B24", 400, {"max_tokens": 1_048_576}, param="max_tokens"),
    Bad("B26", 404, {"model": "nobody/gpt-4.1-mini"}, param="model"),
    Bad("B26", 404, {"model": "auto:luckiest"}, param="model"),
    Bad("B28", 400, {"extra_headers": {}}, param="extra_headers"),
    Bad("B04", 400, {"messages": [{"role": "user", "content": "x" * 1_000_001}]}, param="messages[0].content"),
    Bad("B61", 400, {"stream_options": {"include_usage": True}}, param="stream_options"),
    Bad("B61", 400, {"stream": True, "stream_options": {"include_usage": "yes"}}, param="stream_options.include_usage"),
    Bad("B61", 400, {"stream": True, "n": 2}, param="n"),
    Bad("stop", 400, {"stop": ["a", "b", "c", "d", "e"]}, param="stop"),
    Bad("stop", 400, {"stop": [""]}, param="stop[0]"),
    Bad("logprobs", 400, {"logprobs": True}, param="logprobs"),
    Bad("logprobs", 400, {"top_logprobs": 3}, param="top_logprobs"),
    Bad("logit_bias", 400, {"logit_bias": {"50256": -100}}, param="logit_bias"),
    Bad("audio", 400, {"modalities": ["text", "audio"], "audio": {"voice": "x"}}, param="audio"),
    Bad("functions", 400, {"functions": [{"name": "look"}]}, param="functions"),
    Bad("tools", 400, {"tools": [{"type": "custom", "custom": {}}]}, param="tools[0].type"),
    Bad("tools", 400, {"tools": [{"type": "function", "function": {"name": "a b"}}]}, param="tools[0].function.name"),
    Bad("tools", 400, {"tools": [{"type": "function"}]}, param="tools[0].function"),
    Bad("tool_choice", 400, {"tool_choice": "required"}, param="tool_choice"),
    Bad("tool_choice", 400, {"tools": [LOOK], "tool_choice": "maybe"}, param="tool_choice"),
    Bad("tool_choice", 400, {"tools": [LOOK], "tool_choice": {"type": "function", "function": {"name": "x"}}}),
    Bad("response_format", 400, {"response_format": {"type": "xml"}}, param="response_format.type"),
    Bad("response_format", 400, {"response_format": {"type": "json_schema"}}, param="response_format.json_schema"),
    Bad("tool", 400, {"messages": [{"role": "tool", "content": "x"}]}, param="messages[0].tool_call_id"),
]
"""Rows of this protocol alone, by their ids in the list or by their field."""


def told(answer: httpx.Response) -> dict[str, Any]:
    """The error that was answered, in OpenAI's shape."""
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.headers["x-request-id"]) == 32
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert len(error["message"]) < 400
    return error


@pytest.mark.parametrize("row", [row for row in ROWS if row.only != "api"] + MORE, ids=str)
async def test_bad_input_is_refused_by_name(door: Open, row: Bad) -> None:
    """Status and field as the list has them; nothing goes upstream, and no row is written."""
    content = row.raw if row.raw is not None else json.dumps(changed(HELLO, row)).encode()
    rows = len(door.conductor.store.recent_calls(1_000))
    headers = {"content-type": "application/json", **row.headers}
    kept = {name: value for name, value in headers.items() if value is not None}
    answer = await door.client.post(PATH, content=content, headers=kept)
    error = told(answer)
    assert answer.status_code == row.status, error
    assert error["type"] == "invalid_request_error"
    if row.param:
        assert error["param"] == row.param
        assert error["message"].startswith(row.param) or row.id == "B26"
    if row.id == "B26":
        assert error["code"] == "model_not_found"
    assert [request for request in door.upstream.requests if request.method == "POST"] == []
    assert len(door.conductor.store.recent_calls(1_000)) == rows


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"messages": []}, "messages: should have at least 1 of them, not 0."),
        ({"tools": [LOOK] * 513}, "tools: should have at most 512 of them."),
        ({"n": 2}, "n: should be less than or equal to 1; got integer."),
        ({"model": "-"}, "model: should match pattern '^[A-Za-z0-9][A-Za-z0-9._:/@+~-]{0,199}$'; got string."),
    ],
)
async def test_what_is_refused_is_told_in_plain_words(door: Open, change: dict[str, Any], sentence: str) -> None:
    """Field and bound, and nothing of how they are checked."""
    answer = await door.client.post(PATH, json=HELLO | change)
    assert told(answer)["message"] == sentence


@pytest.mark.parametrize("headers", KEYLESS, ids=[str(number) for number in range(len(KEYLESS))])
async def test_b38_nobody_comes_in_without_a_key(door: Open, headers: list[tuple[str, str]]) -> None:
    """The same 401 on every route, in OpenAI's shape; before the body is looked at."""
    sent = [(name, value.replace("{token}", TOKEN)) for name, value in headers]
    for method, path in (("POST", PATH), ("GET", "/v1/models"), ("GET", "/v1/models/auto")):
        answer = await door.stranger.request(method, path, headers=sent)
        error = told(answer)
        assert (answer.status_code, error["code"], error["type"]) == (401, "invalid_api_key", "authentication_error")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_b39_another_method_is_a_405(door: Open, method: str) -> None:
    """It names the methods there are."""
    answer = await door.client.request(method, PATH)
    assert (answer.status_code, answer.headers["allow"], told(answer)["code"]) == (405, "POST", "method_not_allowed")


@pytest.mark.parametrize("path", ["/v1/chat/completions/", "/v1/chat", "/v1//models", "/v1/chat/completions;x"])
async def test_b39_nothing_is_a_404(door: Open, path: str) -> None:
    """Addresses that only look like known ones, in OpenAI's shape."""
    answer = await door.client.post(path, json=HELLO)
    assert (answer.status_code, told(answer)["code"]) == (404, "not_found")


async def test_b28_unknown_fields_are_listed(door: Open) -> None:
    """They are taken, and a header says which; one with a name that is no name is not shown."""
    more = {"user": "u-1", "store": True, "metadata": {"a": "b"}, "x\r\ny: z": 1, "reasoning_effort": "low"}
    answer = await door.client.post(PATH, json=HELLO | more)
    assert answer.status_code == 200
    assert answer.headers["x-conductor-ignored"] == "user, store, metadata, reasoning_effort"
    assert "user" not in door.upstream.last.body


@pytest.mark.parametrize(
    "content",
    [
        "\u202eabc\u2066 \U000e0041\U000e0042 a\u200bb",  # B08
        "👩‍👩‍👧‍👦 漢字 العربية 🇰🇷",  # B10
        "<script>alert(1)</script> ![](http://evil.example/?q=1) [x](javascript:alert(1))",  # B47 to B49
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_text_goes_to_the_model_and_back_as_it_is(door: Open, content: str, stream: bool) -> None:
    """B08, B10, B47–B49: every code point, in both directions."""
    door.upstream.says = (content,)
    body = {"model": "openai/any-words-1", "messages": [{"role": "user", "content": content}], "stream": stream}
    answer = await door.client.post(PATH, json=body)
    assert door.upstream.last.body["messages"][0]["content"] == content
    lines = [line[6:] for line in answer.text.split("\n") if line.startswith("data: {")]
    deltas = [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]
    text = "".join(delta.get("content") or "" for delta in deltas)
    assert (text if stream else answer.json()["choices"][0]["message"]["content"]).strip() == content


@pytest.mark.parametrize("roles", ["system user system", "developer user", "assistant user", "user user"])
async def test_odd_orders_of_roles_are_taken(door: Open, roles: str) -> None:
    """B14 and B15: system messages anywhere, an answer first, two prompts in a row; at both dialects."""
    messages = [{"role": role, "content": f"words of {role}"} for role in roles.split()]
    for model in ("openai/m", "anthropic/m"):
        answer = await door.client.post(PATH, json={"model": model, "messages": messages})
        assert answer.status_code == 200


async def test_null_is_not_given(door: Open) -> None:
    """B21: a parameter that is null is the provider's own default."""
    names = ["temperature", "top_p", "max_tokens", "stop", "seed", "n", "tools", "tool_choice", "response_format"]
    answer = await door.client.post(PATH, json=HELLO | dict.fromkeys(names) | {"logprobs": False, "n": 1})
    assert answer.status_code == 200
    assert set(door.upstream.last.body) == {"model", "messages"}
