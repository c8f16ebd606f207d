"""The OpenAI dialect (Chat Completions): OpenAI itself and every vendor or server that speaks it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from functools import cached_property
from typing import Any

import orjson

from conductor_core.errors import ProviderError
from conductor_core.kinds import FinishReason, Outcome
from conductor_core.pricing import Usage
from conductor_core.prompt import Prompt, ToolCall
from conductor_core.providers.base import BaseProvider, CallPiece, Chunk, Completion, Endpoint, Vendor
from conductor_core.providers.openai_relay import Relay
from conductor_core.providers.openai_request import request_body
from conductor_core.providers.sse import SurrogateJoiner
from conductor_core.providers.wire import Target, Wire
from conductor_core.text import clean_text

_FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.SAFETY,
    "tool_calls": FinishReason.TOOL_CALLS,
}

_NOT_CHAT = re.compile(
    r"(text-embedding|whisper|tts|dall-e|omni-moderation|text-moderation|babbage|davinci|sora|gpt-image|chatgpt-image)"
    r"|.*-(transcribe|tts|realtime|audio|instruct)\b"
)
"""Models in OpenAI's own list that do not answer Chat Completions with text."""


class OpenAIProvider(BaseProvider):
    """One vendor or server of the OpenAI dialect.

    Args:
        wire: the HTTP client all providers share.
        default_model: used when a prompt names none; without one, the first the server lists.
    """

    def __init__(self, vendor: Vendor, endpoint: Endpoint, wire: Wire, default_model: str | None = None) -> None:
        super().__init__(vendor, endpoint, default_model or next(iter(endpoint.models), None))
        self._wire = wire

    async def chat_completion(self, prompt: Prompt) -> Completion:
        target, model = await self._prepare(prompt)
        answer = await self._wire.post_json(
            target, "/chat/completions", request_body(prompt, model, self.vendor), model
        )
        if answer.get("error"):
            raise self._wire.faults(target, model).of_event(answer)
        try:
            return _completion(answer, model)
        except (AttributeError, LookupError, TypeError) as error:
            raise self._wire.faults(target, model).unknown_shape() from error

    def stream_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        return self._streamed(prompt, None)

    def relayed_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        return self._streamed(prompt, Relay())

    async def _streamed(self, prompt: Prompt, relay: Relay | None) -> AsyncGenerator[Chunk, None]:
        target, model = await self._prepare(prompt)
        body = request_body(prompt, model, self.vendor, stream=True)
        async with await self._wire.stream(target, "/chat/completions", body, model) as events:
            reader = _StreamReader()
            try:
                async for batch in events:
                    for event, payload in zip(batch, events.payloads, strict=True):
                        if event.get("error"):
                            if relay and (gathered := relay.gathered()):
                                yield gathered
                            raise events.error(event)
                        chunk = reader.read(event)
                        if chunk is None or (relay and relay.take(event, payload, chunk)):
                            continue
                        if relay and (gathered := relay.gathered()):
                            yield gathered
                        yield chunk
                    if relay and (gathered := relay.gathered()):
                        yield gathered
            except (AttributeError, LookupError, TypeError) as error:
                raise events.unreadable() from error
            except ProviderError as error:
                if not reader.finished or error.kind is not Outcome.STREAM_CUT:
                    raise
            if not reader.finished and not (events.done and reader.spoke):
                raise events.cut()
            last = reader.last()
            if last is not None:
                yield last

    async def get_available_models(self) -> list[str]:
        """The models the server lists, those declared for the endpoint first."""
        self.require_configured()
        declared = list(self.endpoint.models)
        try:
            answer = await self._wire.get_json(self._target, "/models")
        except ProviderError as error:
            if declared and error.kind is Outcome.NOT_FOUND:
                return declared
            raise
        return list(dict.fromkeys(declared + self._listed(answer)))

    @cached_property
    def _target(self) -> Target:
        key = self.endpoint.key
        headers = {"Authorization": f"Bearer {key.reveal()}"} if key else {}
        return self._wire.target(self.vendor, self.endpoint, headers)

    async def _prepare(self, prompt: Prompt) -> tuple[Target, str]:
        self.require_configured()
        return self._target, prompt.model or self.default_model or await self._first_model()

    async def _first_model(self) -> str:
        models = await self.get_available_models()
        if not models:
            raise ProviderError(
                f"{self.vendor.label} offers no model yet. Load or pull one there, then retry.",
                provider=self.name,
                kind=Outcome.NOT_FOUND,
            )
        self.default_model = models[0]
        return models[0]

    def _listed(self, answer: Any) -> list[str]:
        entries = answer.get("data") if isinstance(answer, dict) else answer  # Together sends the bare list
        models = [entry for entry in entries or [] if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
        names = [model["id"] for model in models if _chats(model)]
        return [name for name in names if not _NOT_CHAT.match(name)] if self.name == "openai" else names


class _StreamReader:
    """Reads one stream's events into chunks and remembers what the end of the stream is judged by."""

    __slots__ = ("_answer", "_thinking", "finished", "spoke")

    def __init__(self) -> None:
        self.finished = self.spoke = False
        self._answer = SurrogateJoiner()
        self._thinking = SurrogateJoiner()

    def read(self, event: Any) -> Chunk | None:
        """The chunk an event holds, if it holds anything.

        Raises:
            TypeError, AttributeError, LookupError: the event is not of this dialect.
        """
        text = thinking = ""
        reason = usage = None
        calls: tuple[CallPiece, ...] = ()
        if event.get("choices"):
            choice = event["choices"][0]
            delta = choice.get("delta")
            if delta:
                text = delta.get("content") or ""
                thinking = delta.get("reasoning_content") or delta.get("reasoning") or ""
                if type(text) is not str:
                    text, thinking = _parts(text)
                if delta.get("tool_calls"):
                    calls = tuple([_piece(call) for call in delta["tool_calls"]])
                    self.spoke = True
                elif delta.get("refusal"):
                    text = delta["refusal"]
            if choice.get("finish_reason"):
                reason = _FINISH_REASONS.get(choice["finish_reason"], FinishReason.OTHER)
                self.finished = True
        if text:
            text = self._answer.feed(text)
            self.spoke = True
        if thinking:
            thinking = self._thinking.feed(thinking)
            self.spoke = True
        if event.get("usage"):
            usage = _usage(event["usage"])
        if text or thinking or reason or usage or calls:
            model = event.get("model")
            return Chunk(text, thinking, reason, usage, model if type(model) is str else None, calls)
        return None

    def last(self) -> Chunk | None:
        """What the end of the stream still owes: a reason the server left out, half a character."""
        text, thinking = self._answer.flush(), self._thinking.flush()
        reason = None if self.finished else FinishReason.STOP
        return Chunk(text, thinking, reason) if text or thinking or reason else None


def _piece(call: dict[str, Any]) -> CallPiece:
    """A piece of a tool's call. (Some imitators leave out the index where there is one call.)"""
    function = call.get("function") or {}
    arguments = function.get("arguments") or ""
    if not isinstance(arguments, str):  # some send the object itself
        arguments = orjson.dumps(arguments).decode()
    return CallPiece(call.get("index") or 0, call.get("id") or "", function.get("name") or "", clean_text(arguments))


def _completion(answer: dict[str, Any], model: str) -> Completion:
    choice = answer["choices"][0]
    message = choice["message"]
    text, thinking = message.get("content") or "", message.get("reasoning_content") or message.get("reasoning") or ""
    if not isinstance(text, str):
        text, thinking = _parts(text)
    text = text or message.get("refusal") or ""
    pieces = [_piece(call) for call in message.get("tool_calls") or ()]
    reason, served = choice.get("finish_reason"), answer.get("model")
    return Completion(
        text=clean_text(text),
        model=served if isinstance(served, str) and served else model,
        finish_reason=_FINISH_REASONS.get(reason, FinishReason.OTHER) if reason else FinishReason.STOP,
        usage=_usage(answer.get("usage")),
        thinking=clean_text(thinking),
        calls=tuple(ToolCall(piece.id, piece.name, piece.arguments) for piece in pieces),
    )


def _parts(content: Any) -> tuple[str, str]:
    """Text and thinking of a content given as typed parts (Mistral's reasoning models)."""
    text = thinking = ""
    for part in content:
        if part.get("type") == "thinking":
            thinking += "".join(piece.get("text", "") for piece in part["thinking"])
        else:
            text += part.get("text") or ""
    return text, thinking


def _usage(usage: dict[str, Any] | None) -> Usage | None:
    """Tokens as the server counted them; None when it did not.

    xAI leaves thinking out of `completion_tokens`: seen by its total, which counts all three.
    """
    if not usage:
        return None
    thinking = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
    counted = Usage.reported(usage.get("prompt_tokens"), usage.get("completion_tokens"), thinking)
    if counted and counted.thinking_tokens:
        apart = counted.completion_tokens + counted.thinking_tokens
        if usage.get("total_tokens") == counted.prompt_tokens + apart:
            return replace(counted, completion_tokens=apart)
    return counted


def _chats(model: dict[str, Any]) -> bool:
    """Whether a listed model answers chats, where the list says so (Mistral's capabilities, Together's type)."""
    capabilities = model.get("capabilities")
    if isinstance(capabilities, dict) and capabilities.get("completion_chat") is False:
        return False
    return model.get("type") not in ("embedding", "image", "audio", "moderation", "rerank", "transcribe", "video")
