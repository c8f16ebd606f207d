"""An answer as Anthropic's clients read it: whole, or as the events of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from conductor_core.kinds import FinishReason
from conductor_core.metrics.call import Call
from conductor_core.prompt import ToolCall
from conductor_core.providers import Chunk, Completion
from conductor_core.providers.base import CallPiece

_REASONS = {
    FinishReason.LENGTH: "max_tokens",
    FinishReason.SAFETY: "refusal",
    FinishReason.RECITATION: "refusal",
    FinishReason.TOOL_CALLS: "tool_use",
}
"""All others are `end_turn`: this protocol has no word for them."""

_PING = b'event: ping\ndata: {"type":"ping"}\n\n'


def message_id(request_id: str) -> str:
    return f"msg_{request_id}"


def whole(completion: Completion, call: Call) -> bytes:
    """The body of a message."""
    content: list[dict[str, Any]] = []
    if completion.thinking:
        content.append({"type": "thinking", "thinking": completion.thinking, "signature": ""})
    if completion.text:
        content.append({"type": "text", "text": completion.text})
    content += [_tool_use(asked) for asked in completion.calls]
    reason = stop_reason(completion.finish_reason, called=bool(completion.calls))
    usage = {"input_tokens": call.prompt_tokens or 0, "output_tokens": call.completion_tokens or 0}
    return orjson.dumps(_message(call, content, reason, usage))


def stop_reason(reason: FinishReason | None, *, called: bool) -> str:
    """`called`: tools were; some servers say only that the answer has stopped."""
    if called and reason in (FinishReason.STOP, FinishReason.OTHER):
        return "tool_use"
    return _REASONS.get(reason, "end_turn") if reason else "end_turn"


class Events:
    """Writes one stream's events: a message of blocks, one after the other.

    Args:
        call: of the attempt that answers.
        prompt_tokens: what the prompt is estimated to have; the provider's own count comes at the end.
    """

    __slots__ = ("_call", "_called", "_index", "_open", "_prompt_tokens", "_reason")

    def __init__(self, call: Call, prompt_tokens: int) -> None:
        self._call = call
        self._prompt_tokens = prompt_tokens
        self._index = -1
        self._open = ""
        self._called = False
        self._reason: FinishReason | None = None

    def first(self) -> bytes:
        """The beginning of the message, and the ping that clients know to follow it."""
        usage = {"input_tokens": self._prompt_tokens, "output_tokens": 0}
        return _event("message_start", message=_message(self._call, [], None, usage)) + _PING

    def of(self, chunk: Chunk) -> bytes:
        """The events of a piece."""
        events = b""
        if chunk.thinking:
            block = {"type": "thinking", "thinking": "", "signature": ""}
            events += self._turned_to("thinking", block)
            events += self._delta({"type": "thinking_delta", "thinking": chunk.thinking})
        if chunk.text:
            events += self._turned_to("text", {"type": "text", "text": ""})
            events += self._delta({"type": "text_delta", "text": chunk.text})
        for piece in chunk.calls:
            events += self._call_piece(piece)
        self._reason = chunk.finish_reason or self._reason
        return events

    def last(self, facts: Mapping[str, str]) -> bytes:
        """The end of the message, with its tokens and the facts of the whole answer."""
        reason = stop_reason(self._reason, called=self._called)
        usage = {
            "input_tokens": self._call.prompt_tokens or 0,
            "output_tokens": self._call.completion_tokens or 0,
        }
        delta = {"stop_reason": reason, "stop_sequence": None}
        told = _event("message_delta", delta=delta, usage=usage, conductor=facts)
        return self._closed() + told + _event("message_stop")

    def _call_piece(self, piece: CallPiece) -> bytes:
        self._called = True
        block = {"type": "tool_use", "id": piece.id, "name": piece.name, "input": {}}
        events = self._turned_to(f"call {piece.number}", block)
        if piece.arguments:
            events += self._delta({"type": "input_json_delta", "partial_json": piece.arguments})
        return events

    def _turned_to(self, kind: str, block: dict[str, Any]) -> bytes:
        """Closes the open block and opens another one, unless it is the one already."""
        if kind == self._open:
            return b""
        closed = self._closed()
        self._open = kind
        self._index += 1
        return closed + _event("content_block_start", index=self._index, content_block=block)

    def _delta(self, delta: dict[str, str]) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)

    def _closed(self) -> bytes:
        return _event("content_block_stop", index=self._index) if self._open else b""


def _message(call: Call, content: list[dict[str, Any]], reason: str | None, usage: dict[str, int]) -> dict[str, Any]:
    return {
        "id": message_id(call.request_id),
        "type": "message",
        "role": "assistant",
        "model": call.model_served or call.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"


def _tool_use(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.given}
