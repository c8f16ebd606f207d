"""Anthropic's own Python client, synchronous and asynchronous: prints as JSON what it reads."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import anthropic

BASE_URL, KEY = sys.argv[1:3]
HELLO: Any = [{"role": "user", "content": "Hello"}]
WEATHER: Any = [{"name": "get_weather", "input_schema": {"type": "object"}}]


def main() -> None:
    client = anthropic.Anthropic(base_url=BASE_URL, api_key=KEY)
    found = {
        "whole": whole(client),
        "streamed": streamed(client),
        "tools": tools(client),
        "refused": refused(client),
        "in_the_middle": in_the_middle(client),
        "counted": client.messages.count_tokens(model="auto", messages=HELLO).input_tokens,
        "models": [model.id for model in client.models.list()],
        "async": asyncio.run(asynchronous()),
    }
    print(json.dumps(found))


def whole(client: anthropic.Anthropic) -> Any:
    answer = client.messages.create(model="openai/any-words-3-thinking", max_tokens=50, messages=HELLO)
    return {
        "blocks": [block.type for block in answer.content],
        "text": answer.content[-1].text,
        "reason": answer.stop_reason,
        "tokens": answer.usage.output_tokens,
    }


def streamed(client: anthropic.Anthropic) -> Any:
    with client.messages.stream(model="openai/any-words-3-thinking", max_tokens=50, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    return {"text": text, "reason": message.stop_reason, "tokens": message.usage.output_tokens}


def tools(client: anthropic.Anthropic) -> Any:
    asked: Any = {"model": "openai/any-words-1-calls-2", "max_tokens": 50, "tools": WEATHER}
    with client.messages.stream(messages=HELLO, **asked) as stream:
        message = stream.get_final_message()
    calls = [block for block in message.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "rain"} for call in calls]
    told: Any = [*HELLO, message.to_param(), {"role": "user", "content": results}]
    answer = client.messages.create(messages=told, **asked)
    return {"calls": [(call.id, call.name, call.input) for call in calls], "answer": answer.content[-1].text}


def refused(client: anthropic.Anthropic) -> Any:
    """Each fault as the client's own exception."""
    found = {}
    changes: dict[str, dict[str, Any]] = {
        "bad_request": {"max_tokens": 0},
        "not_found": {"model": "anthropic/any-status-404"},
        "rate_limited": {"model": "anthropic/any-status-429"},
    }
    for name, more in changes.items():
        asked: Any = {"model": "openai/any", "max_tokens": 50, "messages": HELLO, **more}
        try:
            client.with_options(max_retries=0).messages.create(**asked)
        except anthropic.APIStatusError as error:
            found[name] = type(error).__name__
    try:
        anthropic.Anthropic(base_url=BASE_URL, api_key="wrong").models.list()
    except anthropic.AuthenticationError as error:
        found["stranger"] = type(error).__name__
    return found


def in_the_middle(client: anthropic.Anthropic) -> Any:
    text = ""
    try:
        with client.messages.stream(model="anthropic/any-error-2", max_tokens=50, messages=HELLO) as stream:
            for piece in stream.text_stream:
                text += piece
    except anthropic.APIStatusError as error:
        return {"text": text, "error": type(error).__name__}
    return {"text": text, "error": None}


async def asynchronous() -> Any:
    async with anthropic.AsyncAnthropic(base_url=BASE_URL, api_key=KEY) as client:
        asked: Any = {"model": "openai/any-words-2", "max_tokens": 50, "messages": HELLO}
        whole = await client.messages.create(**asked)
        async with client.messages.stream(**asked) as stream:
            streamed = [piece async for piece in stream.text_stream]
        return {"whole": whole.content[-1].text, "streamed": "".join(streamed)}


main()
