"""`Prompt`: what providers, router, turns and store work with inside. `ChatRequest` is its narrow public form."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from conductor_core.kinds import Need, ToolUse
from conductor_core.models import ChatRequest, MessageRole


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of plain text."""

    text: str

    @property
    def characters(self) -> int:
        """Its length for estimates."""
        return len(self.text)


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

    @property
    def characters(self) -> int:
        return IMAGE_CHARACTERS


Content = TextPart | ImagePart
"""What a person can send."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool the model called, in a message of the assistant's. `arguments` is JSON as the model wrote it."""

    id: str
    name: str
    arguments: str

    @property
    def given(self) -> dict[str, Any]:
        """The arguments as Anthropic wants them, an object; what is none (a model cut off, or wrong) as it was."""
        try:
            given = orjson.loads(self.arguments or "{}")
        except orjson.JSONDecodeError:
            given = None
        return given if isinstance(given, dict) else {"arguments": self.arguments}

    @property
    def characters(self) -> int:
        return len(self.name) + len(self.arguments)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a called tool gave back, in a message of the user's.

    Attributes:
        call_id: the call's id.
        failed: the tool says that it could not do it.
    """

    call_id: str
    parts: tuple[Content, ...]
    failed: bool = False

    @property
    def text(self) -> str:
        """Its words, without the pictures."""
        return _words(self.parts)

    @property
    def images(self) -> tuple[ImagePart, ...]:
        return _images(self.parts)

    @property
    def characters(self) -> int:
        return sum(part.characters for part in self.parts)


Part = Content | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    """One message: who says it, and its parts in order."""

    role: MessageRole
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """Its words, without the pictures and the tools."""
        return _words(self.parts)

    @property
    def images(self) -> tuple[ImagePart, ...]:
        return _images(self.parts)

    @property
    def is_text(self) -> bool:
        """Whether it holds nothing but text."""
        return all(type(part) is TextPart for part in self.parts)

    @classmethod
    def of(cls, role: MessageRole, text: str, before: Iterable[Part] = ()) -> Message:
        """Says a text, after what goes before it."""
        return cls(role, (*before, TextPart(text)))


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call. `parameters` is the JSON schema of its arguments; None: it takes none.

    `strict`: whether the vendor is to see to it that the arguments fit the schema.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """That the answer is JSON: any object, or one that fits `schema`."""

    schema: Mapping[str, Any] | None = None
    name: str = "answer"
    description: str = ""
    strict: bool | None = None

    @property
    def need(self) -> Need:
        return Need.JSON_OBJECT if self.schema is None else Need.JSON_SCHEMA


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages and parameters. A parameter that is None is left to the provider (`max_tokens`: the model's limit).

    Attributes:
        tool_use: whether tools may or must be called.
        must_call: the name of the one tool that must be.
        parallel_tools: whether several may be called at once.
        answer_format: None: as the model likes.
    """

    messages: tuple[Message, ...]
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    answer_format: AnswerFormat | None = None
    tools: tuple[Tool, ...] = ()
    tool_use: ToolUse | None = None
    must_call: str | None = None
    parallel_tools: bool | None = None

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
        """Its length for estimates, an image as `IMAGE_CHARACTERS`, tools as their definitions."""
        said = sum([part.characters for message in self.messages for part in message.parts])
        return said + sum(_definition(tool) for tool in self.tools) if self.tools else said

    @property
    def needs(self) -> tuple[Need, ...]:
        """What it holds that not every provider takes."""
        needs = []
        kinds = {type(part) for message in self.messages for part in message.parts}
        if ImagePart in kinds or (ToolResult in kinds and self._shows_images):
            needs.append(Need.IMAGES)
        if self.tools or ToolCall in kinds or ToolResult in kinds:
            needs.append(Need.TOOLS)
        if self.answer_format:
            needs.append(self.answer_format.need)
        if self.presence_penalty or self.frequency_penalty:
            needs.append(Need.PENALTIES)
        return tuple(needs)

    @property
    def _shows_images(self) -> bool:
        """Whether a tool gave images back."""
        parts = (part for message in self.messages for part in message.parts)
        return any(isinstance(part, ToolResult) and part.images for part in parts)


def _words(parts: Iterable[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def _images(parts: Iterable[Part]) -> tuple[ImagePart, ...]:
    return tuple(part for part in parts if isinstance(part, ImagePart))


def _definition(tool: Tool) -> int:
    """The length of a tool's definition."""
    schema = len(orjson.dumps(tool.parameters)) if tool.parameters else 0
    return len(tool.name) + len(tool.description) + schema
