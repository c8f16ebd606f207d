"""`Prompt`: what providers, router, turns and store work with inside. `ChatRequest` is its narrow public form."""

from __future__ import annotations

from dataclasses import dataclass

from conductor_core.models import ChatRequest, MessageRole


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message: who says it, and its parts in order."""

    role: MessageRole
    parts: tuple[TextPart, ...]

    @property
    def text(self) -> str:
        return self.parts[0].text if len(self.parts) == 1 else "".join(part.text for part in self.parts)

    @classmethod
    def of(cls, role: MessageRole, text: str) -> Message:
        return cls(role, (TextPart(text),))


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages and parameters. A parameter that is None is left to the provider (`max_tokens`: the model's limit)."""

    messages: tuple[Message, ...]
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None

    @classmethod
    def from_request(cls, request: ChatRequest) -> Prompt:
        return cls(
            messages=tuple(Message.of(m.role, m.content) for m in request.messages),
            model=request.model,
            temperature=request.temperature,
            max_tokens=request.max_tokens,
            top_p=request.top_p,
            top_k=request.top_k,
            stop=tuple(request.stop),
            seed=request.seed,
        )

    @property
    def characters(self) -> int:
        return sum(len(part.text) for message in self.messages for part in message.parts)
