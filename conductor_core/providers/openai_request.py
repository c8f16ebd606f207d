"""What is asked in the OpenAI dialect: a prompt as the body of a request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from conductor_core.prompt import (
    AnswerFormat,
    Content,
    ImagePart,
    Message,
    Prompt,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
)
from conductor_core.providers.base import Vendor

_FIXED_SAMPLING = re.compile(r"(o\d|gpt-[5-9])(?!.*chat)")
"""OpenAI's reasoning models, by name: they answer 400 to any `temperature`, `top_p` or penalty but their own."""


def request_body(prompt: Prompt, model: str, vendor: Vendor, *, stream: bool = False) -> bytes:
    """What is posted for a prompt, in the vendor's own names; what was not asked for is left out."""
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(prompt),
    }
    if vendor.name != "openai" or not _FIXED_SAMPLING.match(model):
        body["temperature"], body["top_p"] = prompt.temperature, prompt.top_p
        body["presence_penalty"], body["frequency_penalty"] = prompt.presence_penalty, prompt.frequency_penalty
    body[vendor.max_tokens_field] = prompt.max_tokens
    body[vendor.seed_field] = prompt.seed
    if vendor.takes_top_k:
        body["top_k"] = prompt.top_k
    body = {field: value for field, value in body.items() if value is not None}
    if prompt.stop:
        body["stop"] = prompt.stop
    if prompt.answer_format:
        body["response_format"] = _format(prompt.answer_format)
    if prompt.tools:
        body.update(_tools(prompt))
    if stream:
        body["stream"] = True
        if vendor.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return orjson.dumps(body)


def _messages(prompt: Prompt) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for message in prompt.messages:
        if message.is_text:
            messages.append({"role": message.role, "content": message.text})
        else:
            messages += _with_tools(message)
    return messages


def _with_tools(message: Message) -> list[dict[str, Any]]:
    """A message of more than text: what tools gave back goes before it, in messages of their own.

    A tool's message holds text alone, so pictures that a tool gave back are shown by the user.
    """
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    shown = [image for result in results for image in result.images]
    messages: list[dict[str, Any]] = [
        {"role": "tool", "tool_call_id": result.call_id, "content": result.text} for result in results
    ]
    content = _content(shown + [part for part in message.parts if isinstance(part, Content)])
    if calls:
        messages.append(
            {"role": message.role, "content": content or None, "tool_calls": [_call(call) for call in calls]}
        )
    elif content or not results:
        messages.append({"role": message.role, "content": content})
    return messages


def _content(parts: Sequence[Content]) -> str | list[dict[str, Any]]:
    """A text, which every server of this dialect takes; a list of parts only where there are images."""
    if not any(isinstance(part, ImagePart) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{part.base64}"}}
        for part in parts
    ]


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _tools(prompt: Prompt) -> dict[str, Any]:
    """The tools, and how they may be used."""
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in prompt.tools]}
    if prompt.must_call:
        fields["tool_choice"] = {"type": "function", "function": {"name": prompt.must_call}}
    elif prompt.tool_use:
        fields["tool_choice"] = prompt.tool_use
    if prompt.parallel_tools is not None:
        fields["parallel_tool_calls"] = prompt.parallel_tools
    return fields


def _tool(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description or None,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
    return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}


def _format(wanted: AnswerFormat) -> dict[str, Any]:
    if wanted.schema is None:
        return {"type": "json_object"}
    described: dict[str, Any] = {"description": wanted.description or None, "strict": wanted.strict}
    schema: dict[str, Any] = {"name": wanted.name, "schema": wanted.schema}
    schema |= {name: value for name, value in described.items() if value is not None}
    return {"type": "json_schema", "json_schema": schema}
