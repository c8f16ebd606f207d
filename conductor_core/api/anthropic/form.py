"""A request for a message, as Anthropic's clients send it: its fields and their bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from conductor_core.api.forms import (
    MOST_TOOLS,
    Either,
    Flag,
    Form,
    Name,
    Nothing,
    Schema,
    StopText,
    Tokens,
    ToolName,
    WholeForm,
)
from conductor_core.models import MAX_MESSAGES, ModelName, SaidText, TopK, TopP, VisibleText

MOST_STOPS = 64


class TextBlock(Form):
    type: Literal["text"]
    text: SaidText


class Base64Source(Form):
    type: Literal["base64"]
    data: Annotated[str, Field(strict=True, min_length=1)]


class ImageBlock(Form):
    type: Literal["image"]
    source: Base64Source


class ToolUseBlock(Form):
    type: Literal["tool_use"]
    id: Name
    name: ToolName
    input: Schema


class ThinkingBlock(Form):
    """What a model thought before. It goes to nobody: another one can't check its signature."""

    type: Literal["thinking", "redacted_thinking"]


ResultBlock = Annotated[TextBlock | ImageBlock, Discriminator("type")]
ResultContent = Annotated[Annotated[SaidText, Tag("text")] | Annotated[list[ResultBlock], Tag("parts")], Either]


class ToolResultBlock(Form):
    type: Literal["tool_result"]
    tool_use_id: Name
    content: ResultContent | None = None
    is_error: Flag | None = None


UserBlock = Annotated[TextBlock | ImageBlock | ToolResultBlock, Discriminator("type")]
AssistantBlock = Annotated[TextBlock | ToolUseBlock | ThinkingBlock, Discriminator("type")]
SystemText = Annotated[Annotated[SaidText, Tag("text")] | Annotated[list[TextBlock], Tag("parts")], Either]


class UserMessage(Form):
    role: Literal["user"]
    content: Annotated[
        Annotated[VisibleText, Tag("text")] | Annotated[list[UserBlock], Field(min_length=1), Tag("parts")], Either
    ]


class AssistantMessage(Form):
    role: Literal["assistant"]
    content: Annotated[
        Annotated[VisibleText, Tag("text")] | Annotated[list[AssistantBlock], Field(min_length=1), Tag("parts")],
        Either,
    ]


class SystemMessage(Form):
    role: Literal["system"]
    content: SystemText


AnyMessage = Annotated[UserMessage | AssistantMessage | SystemMessage, Discriminator("role")]


class ToolDefinition(Form):
    """A tool of the client's. Those that Anthropic runs itself are nobody else's."""

    type: Literal["custom"] | None = None
    name: ToolName
    description: SaidText | None = None
    input_schema: Schema
    strict: Flag | None = None


class _Choice(Form):
    disable_parallel_tool_use: Flag | None = None


class AutoChoice(_Choice):
    type: Literal["auto"]


class AnyChoice(_Choice):
    type: Literal["any"]


class ToolChoice(_Choice):
    type: Literal["tool"]
    name: ToolName


class NoChoice(_Choice):
    type: Literal["none"]


class JsonFormat(Form):
    type: Literal["json_schema"]
    schema_: Schema = Field(alias="schema")


class OutputConfig(Form):
    format: JsonFormat | None = None


class CountForm(WholeForm):
    """What tokens can be counted of."""

    model: ModelName
    messages: Annotated[list[AnyMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    system: SystemText | None = None
    tools: Annotated[list[ToolDefinition], Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: Annotated[AutoChoice | AnyChoice | ToolChoice | NoChoice, Discriminator("type")] | None = None
    output_config: OutputConfig | None = None
    mcp_servers: Nothing = None
    container: Nothing = None


class MessageForm(CountForm):
    """The whole request. A parameter that is null was not given."""

    max_tokens: Tokens
    stream: Flag | None = None
    temperature: Annotated[float, Field(strict=True, ge=0.0, le=1.0)] | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    stop_sequences: Annotated[list[StopText], Field(max_length=MOST_STOPS)] | None = None
