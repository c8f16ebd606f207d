"""OpenAI's own Python client, synchronous and asynchronous: prints as JSON what it reads."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import openai

BASE_URL, KEY = sys.argv[1:3]
HELLO: Any = [{"role": "user", "content": "Hello"}]
WEATHER: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]


def main() -> None:
    client = openai.OpenAI(base_url=BASE_URL, api_key=KEY)
    found = {
        "whole": whole(client),
        "streamed": streamed(client),
        "tools": tools(client),
        "refused": refused(client),
        "in_the_middle": in_the_middle(client),
        "models": [model.id for model in client.models.list()],
        "model": client.models.retrieve("openai/gpt-4.1-mini").id,
        "async": asyncio.run(asynchronous()),
    }
    print(json.dumps(found))


def whole(client: openai.OpenAI) -> Any:
    raw = client.chat.completions.with_raw_response.create(model="openai/any-words-3-thinking", messages=HELLO)
    answer = raw.parse()
    return {
        "text": answer.choices[0].message.content,
        "thinking": answer.choices[0].message.model_extra["reasoning_content"],
        "reason": answer.choices[0].finish_reason,
        "tokens": answer.usage.total_tokens,
        "provider": raw.headers["x-conductor-provider"],
        "request_id": raw.request_id,
    }


def streamed(client: openai.OpenAI) -> Any:
    chunks = list(
        client.chat.completions.create(
            model="anthropic/any-words-3",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    return {
        "text": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
        "reason": [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1],
        "tokens": chunks[-1].usage.total_tokens,
    }


def tools(client: openai.OpenAI) -> Any:
    """Streamed with the client's own helper, which puts the calls together, then told what they gave."""
    asked: Any = {"model": "openai/any-words-1-calls-2", "tools": WEATHER}
    with client.chat.completions.stream(messages=HELLO, **asked) as stream:
        message = stream.get_final_completion().choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in message.tool_calls]
    said = message.model_dump(include={"role", "content", "tool_calls"})
    answer = client.chat.completions.create(messages=[*HELLO, said, *results], **asked)
    return {
        "calls": [(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls],
        "answer": answer.choices[0].message.content,
    }


def refused(client: openai.OpenAI) -> Any:
    """Each fault as the client's own exception."""
    found = {}
    changes: dict[str, dict[str, Any]] = {
        "bad_request": {"temperature": 3},
        "not_found": {"model": "openai/gpt-4.1-mimi-status-404"},
        "rate_limited": {"model": "openai/any-status-429"},
    }
    for name, more in changes.items():
        asked: Any = {"model": "openai/any", "messages": HELLO, **more}
        try:
            client.with_options(max_retries=0).chat.completions.create(**asked)
        except openai.APIStatusError as error:
            found[name] = (type(error).__name__, error.code, error.param)
    try:
        openai.OpenAI(base_url=BASE_URL, api_key="wrong").models.list()
    except openai.AuthenticationError as error:
        found["stranger"] = (type(error).__name__, error.code, error.param)
    return found


def in_the_middle(client: openai.OpenAI) -> Any:
    text = ""
    try:
        for chunk in client.chat.completions.create(model="openai/any-error-2", messages=HELLO, stream=True):
            text += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        return {"text": text, "error": type(error).__name__, "code": error.code}
    return {"text": text, "error": None}


async def asynchronous() -> Any:
    async with openai.AsyncOpenAI(base_url=BASE_URL, api_key=KEY) as client:
        asked: Any = {"model": "openai/any-words-2", "messages": HELLO}
        whole = await client.chat.completions.create(**asked)
        text = ""
        async for chunk in await client.chat.completions.create(**asked, stream=True):
            text += chunk.choices[0].delta.content or ""
        return {"whole": whole.choices[0].message.content, "streamed": text}


main()
