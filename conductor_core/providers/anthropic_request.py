"""What is asked in the Anthropic dialect: a prompt as the body of a request."""

from __future__ import annotations

import re
from typing import Any

import orjson

from conductor_core.kinds import ToolUse
from conductor_core.models import MessageRole
from conductor_core.prompt import Message, Part, Prompt, TextPart, Tool, ToolCall, ToolResult

_DEFAULT_MAX_TOKENS = 8192
"""The API wants a limit; this one every Claude model from 3.5 on accepts."""

_TAKES_SAMPLING = re.compile(r"claude-(\d|instant|(opus|sonnet|haiku)-4(-[0-6])?(-\d{8}|-latest|@|$))")
"""Claude up to 4.6. From Opus 4.7 on the API answers 400 to any `temperature`, `top_p` or `top_k`."""

_CONVERSATION_OPENER = "Continue."


def request_body(prompt: Prompt, model: str, *, stream: bool = False) -> bytes:
    """What is posted for a prompt."""
    system, turns = _turns(prompt)
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": prompt.max_tokens or _DEFAULT_MAX_TOKENS,
        "messages": turns,
    }
    if system:
        body["system"] = system
    if prompt.stop:
        body["stop_sequences"] = prompt.stop
    if prompt.tools:
        body.update(_tools(prompt))
    if prompt.answer_format:
        body["output_config"] = {"format": {"type": "json_schema", "schema": prompt.answer_format.schema}}
    if stream:
        body["stream"] = True
    body.update(_sampling(prompt, model))
    return orjson.dumps(body)


def _turns(prompt: Prompt) -> tuple[str, list[dict[str, Any]]]:
    """The system prompt, and alternating turns of which the first is the user's, as the API wants them.

    Every system message goes to the front, turns of one role in a row become one, and white space at the end of a last
    assistant turn (an answer to be continued) is cut off, since the API refuses it.
    """
    system = "\n\n".join(message.text for message in prompt.messages if message.role is MessageRole.SYSTEM)
    turns: list[dict[str, Any]] = []
    for message in prompt.messages:
        if message.role is MessageRole.SYSTEM:
            continue
        if turns and turns[-1]["role"] == message.role:
            turns[-1]["content"] = _joined(turns[-1]["content"], _content(message))
        else:
            turns.append({"role": message.role, "content": _content(message)})
    if not turns:
        return "", [{"role": "user", "content": system}]
    if turns[0]["role"] != MessageRole.USER:
        turns.insert(0, {"role": "user", "content": _CONVERSATION_OPENER})
    last = turns[-1]
    if last["role"] == MessageRole.ASSISTANT and isinstance(last["content"], str):
        last["content"] = last["content"].rstrip()
    return system, turns


Content = str | list[dict[str, Any]]


def _content(message: Message) -> Content:
    """A text, or blocks where there is more than text; what tools gave back comes first, as the API wants it."""
    if message.is_text:
        return message.text
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    rest = [part for part in message.parts if not isinstance(part, ToolResult)]
    return [_block(part) for part in (*results, *rest) if not isinstance(part, TextPart) or part.text.strip()]


def _block(part: Part) -> dict[str, Any]:
    match part:
        case TextPart():
            return _text_block(part.text)
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": part.given}
        case ToolResult():
            block: dict[str, Any] = {"type": "tool_result", "tool_use_id": part.call_id}
            if part.parts:
                block["content"] = part.text if not part.images else [_block(piece) for piece in part.parts]
            return block | {"is_error": True} if part.failed else block
        case _:
            source = {"type": "base64", "media_type": part.media_type, "data": part.base64}
            return {"type": "image", "source": source}


def _tools(prompt: Prompt) -> dict[str, Any]:
    """The tools, and how they may be used."""
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in prompt.tools]}
    choice: dict[str, Any] | None = None
    if prompt.must_call:
        choice = {"type": "tool", "name": prompt.must_call}
    elif prompt.tool_use:
        choice = {"type": "any" if prompt.tool_use is ToolUse.REQUIRED else prompt.tool_use}
    if prompt.parallel_tools is False and prompt.tool_use is not ToolUse.NONE:
        choice = (choice or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    if choice:
        fields["tool_choice"] = choice
    return fields


def _tool(tool: Tool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    strict = {"strict": True} if tool.strict else {}
    schema = {"type": "object", **(tool.parameters or {"properties": {}})}
    return {"name": tool.name, **described, "input_schema": schema, **strict}


def _joined(said: Content, more: Content) -> Content:
    """What one role says in a row, as one content."""
    if isinstance(said, str) and isinstance(more, str):
        return f"{said}\n\n{more}"
    return [*_blocks(said), *_blocks(more)]


def _blocks(content: Content) -> list[dict[str, Any]]:
    return [_text_block(content)] if isinstance(content, str) else content


def _text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _sampling(prompt: Prompt, model: str) -> dict[str, float]:
    """What may be sent of temperature, `top_p` and `top_k`.

    The API's temperature ends at 1, so a higher one is sent as 1. Claude 4.1 to 4.6 refuse temperature and `top_p`
    together: temperature wins.
    """
    if model.startswith("claude") and not _TAKES_SAMPLING.match(model):
        return {}
    sampling: dict[str, float] = {}
    if prompt.temperature is not None:
        sampling["temperature"] = min(prompt.temperature, 1.0)
    elif prompt.top_p is not None:
        sampling["top_p"] = prompt.top_p
    if prompt.top_k is not None:
        sampling["top_k"] = prompt.top_k
    return sampling
