"""An answer as OpenAI's clients read it: whole, or as the events of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from conductor_core.kinds import FinishReason
from conductor_core.metrics.call import Call
from conductor_core.prompt import ToolCall
from conductor_core.providers import Chunk, Completion
from conductor_core.providers.base import CallPiece

DONE = b"data: [DONE]\n\n"

_REASONS = {
    FinishReason.LENGTH: "length",
    FinishReason.SAFETY: "content_filter",
    FinishReason.RECITATION: "content_filter",
    FinishReason.TOOL_CALLS: "tool_calls",
}
"""All others are `stop`: this protocol has no word for them."""


def completion_id(request_id: str) -> str:
    return f"chatcmpl-{request_id}"


def whole(completion: Completion, call: Call) -> bytes:
    """The body of a chat completion."""
    said = completion.text or (None if completion.calls else "")
    message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": None}
    if completion.thinking:
        message["reasoning_content"] = completion.thinking
    if completion.calls:
        message["tool_calls"] = [_call(call) for call in completion.calls]
    reason = finish_reason(completion.finish_reason, called=bool(completion.calls))
    return orjson.dumps(
        {
            "id": completion_id(call.request_id),
            "object": "chat.completion",
            "created": call.started_at // 1000,
            "model": call.model_served or call.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
            "usage": usage_of(call),
        }
    )


def finish_reason(reason: FinishReason | None, *, called: bool) -> str:
    """`called`: tools were; some servers say only that the answer has stopped."""
    if called and reason in (FinishReason.STOP, FinishReason.OTHER):
        return "tool_calls"
    return _REASONS.get(reason, "stop") if reason else "stop"


def usage_of(call: Call) -> dict[str, Any]:
    """The tokens of a call that has ended, as its provider counted them or as they were estimated."""
    prompt, answer = call.prompt_tokens or 0, call.completion_tokens or 0
    usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
    if call.thinking_tokens:
        usage["completion_tokens_details"] = {"reasoning_tokens": call.thinking_tokens}
    return usage


class Events:
    """Writes one stream's events. What stays the same in all of them is made once.

    Args:
        call: of the attempt that answers.
        with_usage: whether usage was asked for; then every event has the field.
    """

    __slots__ = ("_call", "_called", "_created", "_head", "_mark", "_tail", "_with_usage")

    def __init__(self, call: Call, *, with_usage: bool) -> None:
        self._call = call
        self._called = False
        self._with_usage = with_usage
        common = {
            "id": completion_id(call.request_id),
            "object": "chat.completion.chunk",
            "created": call.started_at // 1000,
            "model": call.model_served or call.model,
        }
        self._mark = b'"id":' + orjson.dumps(common["id"])
        self._created = b'"created":' + orjson.dumps(common["created"])
        self._head = b"data: " + orjson.dumps(common)[:-1]
        self._tail = b',"usage":null}\n\n' if with_usage else b"}\n\n"

    def first(self) -> bytes:
        """Says who speaks."""
        return self._event(b'{"role":"assistant","content":""}')

    def of(self, chunk: Chunk) -> bytes:
        """The event of a piece; of its end one more."""
        if chunk.raw:
            raw = chunk.raw
            return raw.events.replace(raw.mark, self._mark).replace(raw.created, self._created)
        events = b""
        if chunk.thinking:
            events = self._event(b'{"reasoning_content":' + orjson.dumps(chunk.thinking) + b"}")
        if chunk.text:
            events += self._event(b'{"content":' + orjson.dumps(chunk.text) + b"}")
        if chunk.calls:
            self._called = True
            events += self._event(orjson.dumps({"tool_calls": [_piece(piece) for piece in chunk.calls]}))
        if chunk.finish_reason:
            reason = finish_reason(chunk.finish_reason, called=self._called)
            events += self._event(b"{}", orjson.dumps(reason))
        return events

    def last(self, facts: Mapping[str, str]) -> bytes:
        """The facts of the whole answer, in the usage that was asked for or else in a comment; then the end."""
        if not self._with_usage:
            return b": conductor " + orjson.dumps(facts) + b"\n\n" + DONE
        usage = orjson.dumps(usage_of(self._call))
        return self._head + b',"choices":[],"usage":' + usage + b',"conductor":' + orjson.dumps(facts) + b"}\n\n" + DONE

    def _event(self, delta: bytes, reason: bytes = b"null") -> bytes:
        choice = b',"choices":[{"index":0,"delta":' + delta + b',"logprobs":null,"finish_reason":' + reason + b"}]"
        return self._head + choice + self._tail


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _piece(piece: CallPiece) -> dict[str, Any]:
    if not piece.id:
        return {"index": piece.number, "function": {"arguments": piece.arguments}}
    function = {"name": piece.name, "arguments": piece.arguments}
    return {"index": piece.number, "id": piece.id, "type": "function", "function": function}
