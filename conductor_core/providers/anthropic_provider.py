"""The Anthropic dialect (Messages API): Claude, and servers that imitate it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import cached_property
from typing import Any

import orjson

from conductor_core.errors import ProviderError
from conductor_core.kinds import FinishReason, Outcome
from conductor_core.pricing import Usage
from conductor_core.prompt import Prompt, ToolCall
from conductor_core.providers.anthropic_request import request_body
from conductor_core.providers.base import BaseProvider, CallPiece, Chunk, Completion, Endpoint, Vendor
from conductor_core.providers.sse import SurrogateJoiner
from conductor_core.providers.wire import Target, Wire
from conductor_core.text import clean_text

_VERSION = "2023-06-01"

_STOP_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "refusal": FinishReason.SAFETY,
    "tool_use": FinishReason.TOOL_CALLS,
}


class AnthropicProvider(BaseProvider):
    """Anthropic, or a server of its dialect.

    Args:
        wire: the HTTP client all providers share.
        default_model: used when a prompt names none.
    """

    def __init__(self, vendor: Vendor, endpoint: Endpoint, wire: Wire, default_model: str | None = None) -> None:
        super().__init__(vendor, endpoint, default_model or next(iter(endpoint.models), None))
        self._wire = wire

    async def chat_completion(self, prompt: Prompt) -> Completion:
        target, model = await self._prepare(prompt)
        answer = await self._wire.post_json(target, "/v1/messages", request_body(prompt, model), model)
        if answer.get("type") == "error":
            raise self._wire.faults(target, model).of_event(answer)
        try:
            return _completion(answer, model)
        except (AttributeError, LookupError, TypeError) as error:
            raise self._wire.faults(target, model).unknown_shape() from error

    async def stream_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        target, model = await self._prepare(prompt)
        body = request_body(prompt, model, stream=True)
        async with await self._wire.stream(target, "/v1/messages", body, model) as events:
            reader = _StreamReader()
            try:
                async for batch in events:
                    for event in batch:
                        if event["type"] == "error":
                            raise events.error(event)
                        chunk = reader.read(event)
                        if chunk is not None:
                            yield chunk
                    if reader.stopped:
                        events.done = True
            except (AttributeError, LookupError, TypeError) as error:
                raise events.unreadable() from error
            except ProviderError as error:
                if not reader.finished or error.kind is not Outcome.STREAM_CUT:
                    raise
            if not reader.finished:
                raise events.cut()
            last = reader.last()
            if last is not None:
                yield last

    async def get_available_models(self) -> list[str]:
        self.require_configured()
        answer = await self._wire.get_json(self._target, "/v1/models?limit=1000")
        entries = answer.get("data") if isinstance(answer, dict) else None
        listed = [
            entry["id"] for entry in entries or [] if isinstance(entry, dict) and isinstance(entry.get("id"), str)
        ]
        return list(dict.fromkeys([*self.endpoint.models, *listed]))

    @cached_property
    def _target(self) -> Target:
        key = self.endpoint.key
        headers = {"anthropic-version": _VERSION, **({"x-api-key": key.reveal()} if key else {})}
        return self._wire.target(self.vendor, self.endpoint, headers)

    async def _prepare(self, prompt: Prompt) -> tuple[Target, str]:
        self.require_configured()
        model = prompt.model or self.default_model
        if model is None:
            models = await self.get_available_models()
            model = models[0] if models else ""
        return self._target, model


class _StreamReader:
    """Reads one stream's events into chunks and adds up its usage."""

    __slots__ = ("_answer", "_calls", "_model", "_prompt_tokens", "_thinking", "_unargued", "finished", "stopped")

    def __init__(self) -> None:
        self.finished = self.stopped = False
        self._answer = SurrogateJoiner()
        self._thinking = SurrogateJoiner()
        self._calls = 0
        self._unargued = False
        self._model: str | None = None
        self._prompt_tokens: int | None = None

    def read(self, event: Any) -> Chunk | None:
        """The chunk an event holds, if it holds anything.

        Raises:
            TypeError, AttributeError, LookupError: the event is not of this dialect.
        """
        match event["type"]:
            case "content_block_delta":
                return self._delta(event["delta"])
            case "content_block_start":
                return self._delta(event["content_block"])
            case "message_start":
                message = event["message"]
                served = message.get("model")
                self._model = served if isinstance(served, str) else None
                self._prompt_tokens = _prompt_tokens(message.get("usage") or {})
            case "message_delta":
                return self._end(event)
            case "content_block_stop" if self._unargued:  # a call without arguments: for others that is `{}`
                return self._called(arguments="{}")
            case "message_stop":
                self.stopped = True
        return None

    def last(self) -> Chunk | None:
        """Half a character the stream left behind."""
        text, thinking = self._answer.flush(), self._thinking.flush()
        return Chunk(text, thinking) if text or thinking else None

    def _delta(self, delta: dict[str, Any]) -> Chunk | None:
        kind = delta.get("type")
        if kind == "tool_use":
            self._calls += 1
            self._unargued = True
            given = delta.get("input")
            return self._called(delta["id"], delta["name"], orjson.dumps(given).decode() if given else "")
        if kind == "input_json_delta":
            return self._called(arguments=delta["partial_json"]) if delta["partial_json"] else None
        if delta.get("text"):
            text = self._answer.feed(delta["text"])
            return Chunk(text, model=self._model) if text else None
        if delta.get("thinking"):
            thinking = self._thinking.feed(delta["thinking"])
            return Chunk(thinking=thinking, model=self._model) if thinking else None
        return None

    def _called(self, id: str = "", name: str = "", arguments: str = "") -> Chunk:
        self._unargued = self._unargued and not arguments
        return Chunk(model=self._model, calls=(CallPiece(self._calls - 1, id, name, clean_text(arguments)),))

    def _end(self, event: dict[str, Any]) -> Chunk | None:
        reason = event["delta"].get("stop_reason")
        usage = event.get("usage") or {}
        if not reason:
            return None
        self.finished = True
        return Chunk(
            finish_reason=_STOP_REASONS.get(reason, FinishReason.OTHER),
            usage=Usage.reported(_prompt_tokens(usage) or self._prompt_tokens, usage.get("output_tokens")),
            model=self._model,
        )


def _completion(answer: dict[str, Any], model: str) -> Completion:
    blocks = answer["content"]
    usage, served = answer.get("usage") or {}, answer.get("model")
    return Completion(
        text=clean_text("".join(block["text"] for block in blocks if block["type"] == "text")),
        model=served if isinstance(served, str) and served else model,
        finish_reason=_STOP_REASONS.get(answer.get("stop_reason") or "end_turn", FinishReason.OTHER),
        usage=Usage.reported(_prompt_tokens(usage), usage.get("output_tokens")),
        thinking=clean_text("".join(block["thinking"] for block in blocks if block["type"] == "thinking")),
        calls=tuple(_call(block) for block in blocks if block["type"] == "tool_use"),
    )


def _call(block: dict[str, Any]) -> ToolCall:
    return ToolCall(block["id"], block["name"], clean_text(orjson.dumps(block.get("input") or {}).decode()))


def _prompt_tokens(usage: dict[str, Any]) -> int | None:
    """Prompt tokens, those written to and read from the cache too: `input_tokens` leaves them out."""
    count = usage.get("input_tokens")
    if not isinstance(count, int):
        return None
    return count + (usage.get("cache_creation_input_tokens") or 0) + (usage.get("cache_read_input_tokens") or 0)
