"""The Anthropic dialect (Messages API): Claude, and servers that imitate it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from functools import cached_property
from typing import Any

import orjson

from conductor_core.errors import ProviderError
from conductor_core.kinds import FinishReason, Outcome
from conductor_core.models import MessageRole
from conductor_core.pricing import Usage
from conductor_core.prompt import Message, Prompt, TextPart
from conductor_core.providers.base import BaseProvider, Chunk, Completion, Endpoint, Vendor
from conductor_core.providers.sse import SurrogateJoiner
from conductor_core.providers.wire import Target, Wire
from conductor_core.text import clean_text

_VERSION = "2023-06-01"
_DEFAULT_MAX_TOKENS = 8192
"""The API wants a limit; this one every Claude model from 3.5 on accepts."""

_STOP_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "refusal": FinishReason.SAFETY,
}

_TAKES_SAMPLING = re.compile(r"claude-(\d|instant|(opus|sonnet|haiku)-4(-[0-6])?(-\d{8}|-latest|@|$))")
"""Claude up to 4.6. From Opus 4.7 on the API answers 400 to any `temperature`, `top_p` or `top_k`."""

_CONVERSATION_OPENER = "Continue."


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
        answer = await self._wire.post_json(target, "/v1/messages", self._body(prompt, model), model)
        if answer.get("type") == "error":
            raise self._wire.faults(target, model).of_event(answer)
        try:
            return _completion(answer, model)
        except (AttributeError, LookupError, TypeError) as error:
            raise self._wire.faults(target, model).unknown_shape() from error

    async def stream_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        target, model = await self._prepare(prompt)
        body = self._body(prompt, model, stream=True)
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

    def _body(self, prompt: Prompt, model: str, *, stream: bool = False) -> bytes:
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
        if stream:
            body["stream"] = True
        body.update(_sampling(prompt, model))
        return orjson.dumps(body)


class _StreamReader:
    """Reads one stream's events into chunks and adds up its usage."""

    __slots__ = ("_answer", "_model", "_prompt_tokens", "_thinking", "finished", "stopped")

    def __init__(self) -> None:
        self.finished = self.stopped = False
        self._answer = SurrogateJoiner()
        self._thinking = SurrogateJoiner()
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
            case "message_stop":
                self.stopped = True
        return None

    def last(self) -> Chunk | None:
        """Half a character the stream left behind."""
        text, thinking = self._answer.flush(), self._thinking.flush()
        return Chunk(text, thinking) if text or thinking else None

    def _delta(self, delta: dict[str, Any]) -> Chunk | None:
        if delta.get("text"):
            text = self._answer.feed(delta["text"])
            return Chunk(text, model=self._model) if text else None
        if delta.get("thinking"):
            thinking = self._thinking.feed(delta["thinking"])
            return Chunk(thinking=thinking, model=self._model) if thinking else None
        return None

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
    if turns[-1]["role"] == MessageRole.ASSISTANT:
        turns[-1]["content"] = turns[-1]["content"].rstrip()
    return system, turns


Content = str | list[dict[str, Any]]


def _content(message: Message) -> Content:
    """A text, or blocks where there are images."""
    if not message.images:
        return message.text
    return [
        _text_block(part.text)
        if isinstance(part, TextPart)
        else {"type": "image", "source": {"type": "base64", "media_type": part.media_type, "data": part.base64}}
        for part in message.parts
    ]


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


def _completion(answer: dict[str, Any], model: str) -> Completion:
    blocks = answer["content"]
    usage, served = answer.get("usage") or {}, answer.get("model")
    return Completion(
        text=clean_text("".join(block["text"] for block in blocks if block["type"] == "text")),
        model=served if isinstance(served, str) and served else model,
        finish_reason=_STOP_REASONS.get(answer.get("stop_reason") or "end_turn", FinishReason.OTHER),
        usage=Usage.reported(_prompt_tokens(usage), usage.get("output_tokens")),
        thinking=clean_text("".join(block["thinking"] for block in blocks if block["type"] == "thinking")),
    )


def _prompt_tokens(usage: dict[str, Any]) -> int | None:
    """Prompt tokens, those written to and read from the cache too: `input_tokens` leaves them out."""
    count = usage.get("input_tokens")
    if not isinstance(count, int):
        return None
    return count + (usage.get("cache_creation_input_tokens") or 0) + (usage.get("cache_read_input_tokens") or 0)
