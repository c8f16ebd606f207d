"""`Prompt`: what providers, router, turns and store work with inside. `ChatRequest` is its narrow public form."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from conductor_core.models import ChatRequest, MessageRole


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of plain text."""

    text: str


IMAGE_CHARACTERS = 6_000
"""What an image is taken for in estimates: vendors count one of a megapixel as 1,100 to 1,600 tokens."""


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture, as the bytes of its file."""

    media_type: str
    data: bytes

    @property
    def base64(self) -> str:
        return b64encode(self.data).decode()


Part = TextPart | ImagePart


@dataclass(frozen=True, slots=True)
class Message:
    """One message: who says it, and its parts in order."""

    role: MessageRole
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """Its words, without the pictures."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def images(self) -> tuple[ImagePart, ...]:
        return tuple(part for part in self.parts if isinstance(part, ImagePart))

    @classmethod
    def of(cls, role: MessageRole, text: str, before: Iterable[Part] = ()) -> Message:
        """Says a text, after what goes before it."""
        return cls(role, (*before, TextPart(text)))


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
        """Its length for estimates, an image as `IMAGE_CHARACTERS`."""
        return sum(
            IMAGE_CHARACTERS if isinstance(part, ImagePart) else len(part.text)
            for message in self.messages
            for part in message.parts
        )

    @property
    def has_images(self) -> bool:
        """Whether only a provider that takes images can answer it."""
        return any(message.images for message in self.messages)
