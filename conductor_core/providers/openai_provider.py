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
from conductor_core.prompt import Message, Prompt, TextPart
from conductor_core.providers.base import BaseProvider, Chunk, Completion, Endpoint, Vendor
from conductor_core.providers.sse import SurrogateJoiner
from conductor_core.providers.wire import Target, Wire
from conductor_core.text import clean_text

_FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.SAFETY,
}

_FIXED_SAMPLING = re.compile(r"(o\d|gpt-[5-9])(?!.*chat)")
"""OpenAI's reasoning models, by name: they answer 400 to any `temperature` or `top_p` but their own."""

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
        answer = await self._wire.post_json(target, "/chat/completions", self._body(prompt, model), model)
        if answer.get("error"):
            raise self._wire.faults(target, model).of_event(answer)
        try:
            return _completion(answer, model)
        except (AttributeError, LookupError, TypeError) as error:
            raise self._wire.faults(target, model).unknown_shape() from error

    async def stream_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        target, model = await self._prepare(prompt)
        body = self._body(prompt, model, stream=True)
        async with await self._wire.stream(target, "/chat/completions", body, model) as events:
            reader = _StreamReader()
            try:
                async for batch in events:
                    for event in batch:
                        if event.get("error"):
                            raise events.error(event)
                        chunk = reader.read(event)
                        if chunk is not None:
                            yield chunk
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

    def _body(self, prompt: Prompt, model: str, *, stream: bool = False) -> bytes:
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": message.role, "content": _content(message)} for message in prompt.messages],
        }
        if self.name != "openai" or not _FIXED_SAMPLING.match(model):
            body["temperature"], body["top_p"] = prompt.temperature, prompt.top_p
        body[self.vendor.max_tokens_field] = prompt.max_tokens
        body[self.vendor.seed_field] = prompt.seed
        if self.vendor.takes_top_k:
            body["top_k"] = prompt.top_k
        body = {field: value for field, value in body.items() if value is not None}
        if prompt.stop:
            body["stop"] = prompt.stop
        if stream:
            body["stream"] = True
            if self.vendor.stream_usage:
                body["stream_options"] = {"include_usage": True}
        return orjson.dumps(body)

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
        if event.get("choices"):
            choice = event["choices"][0]
            delta = choice.get("delta")
            if delta:
                text = delta.get("content") or ""
                thinking = delta.get("reasoning_content") or delta.get("reasoning") or ""
                if type(text) is not str:
                    text, thinking = _parts(text)
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
        if text or thinking or reason or usage:
            model = event.get("model")
            return Chunk(text, thinking, reason, usage, model if type(model) is str else None)
        return None

    def last(self) -> Chunk | None:
        """What the end of the stream still owes: a reason the server left out, half a character."""
        text, thinking = self._answer.flush(), self._thinking.flush()
        reason = None if self.finished else FinishReason.STOP
        return Chunk(text, thinking, reason) if text or thinking or reason else None


def _content(message: Message) -> str | list[dict[str, Any]]:
    """A text, which every server of this dialect takes; a list of parts only where there are images."""
    if not message.images:
        return message.text
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{part.base64}"}}
        for part in message.parts
    ]


def _completion(answer: dict[str, Any], model: str) -> Completion:
    choice = answer["choices"][0]
    message = choice["message"]
    text, thinking = message.get("content") or "", message.get("reasoning_content") or message.get("reasoning") or ""
    if not isinstance(text, str):
        text, thinking = _parts(text)
    reason, served = choice.get("finish_reason"), answer.get("model")
    return Completion(
        text=clean_text(text),
        model=served if isinstance(served, str) and served else model,
        finish_reason=_FINISH_REASONS.get(reason, FinishReason.OTHER) if reason else FinishReason.STOP,
        usage=_usage(answer.get("usage")),
        thinking=clean_text(thinking),
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
