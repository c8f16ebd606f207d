"""A request for a chat completion, as OpenAI's clients send it: its fields and their bounds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from conductor_core.api.forms import (
    MOST_TOOLS,
    Either,
    Flag,
    Form,
    Name,
    Nothing,
    Penalty,
    Schema,
    Seed,
    StopText,
    Tokens,
    ToolName,
    WholeForm,
)
from conductor_core.kinds import ToolUse
from conductor_core.models import MAX_MESSAGES, ModelName, SaidText, Temperature, TopK, TopP, VisibleText

MOST_STOPS = 4


class TextPart(Form):
    type: Literal["text"]
    text: SaidText


class RefusalPart(Form):
    type: Literal["refusal"]
    refusal: SaidText


class ImageUrl(Form):
    url: Annotated[str, Field(strict=True, min_length=1)]


class ImageUrlPart(Form):
    type: Literal["image_url"]
    image_url: ImageUrl


TextParts = Annotated[list[TextPart], Field(min_length=1)]
UserPart = Annotated[TextPart | ImageUrlPart, Discriminator("type")]
AssistantPart = Annotated[TextPart | RefusalPart, Discriminator("type")]
UserParts = Annotated[list[UserPart], Field(min_length=1)]
AnyText = Annotated[Annotated[SaidText, Tag("text")] | Annotated[TextParts, Tag("parts")], Either]


class Function(Form):
    name: ToolName
    arguments: SaidText


class FunctionCall(Form):
    id: Name
    type: Literal["function"] = "function"
    function: Function


class SystemMessage(Form):
    role: Literal["system", "developer"]
    content: AnyText


class UserMessage(Form):
    role: Literal["user"]
    content: Annotated[Annotated[VisibleText, Tag("text")] | Annotated[UserParts, Tag("parts")], Either]


class AssistantMessage(Form):
    role: Literal["assistant"]
    content: (
        Annotated[Annotated[SaidText, Tag("text")] | Annotated[list[AssistantPart], Tag("parts")], Either] | None
    ) = None
    refusal: SaidText | None = None
    tool_calls: list[FunctionCall] | None = None
    function_call: Nothing = None
    audio: Nothing = None


class ToolMessage(Form):
    role: Literal["tool"]
    tool_call_id: Name
    content: AnyText


AnyMessage = Annotated[SystemMessage | UserMessage | AssistantMessage | ToolMessage, Discriminator("role")]


class FunctionDefinition(Form):
    name: ToolName
    description: SaidText | None = None
    parameters: Schema | None = None
    strict: Flag | None = None


class ToolDefinition(Form):
    type: Literal["function"]
    function: FunctionDefinition


class ChosenFunction(Form):
    name: ToolName


class ChosenTool(Form):
    type: Literal["function"]
    function: ChosenFunction


class JsonSchema(Form):
    name: ToolName
    description: SaidText | None = None
    schema_: Schema = Field(alias="schema", default_factory=dict)
    strict: Flag | None = None


class TextFormat(Form):
    type: Literal["text"]


class JsonObjectFormat(Form):
    type: Literal["json_object"]


class JsonSchemaFormat(Form):
    type: Literal["json_schema"]
    json_schema: JsonSchema


class StreamOptions(Form):
    include_usage: Flag | None = None


def _one(stop: Any) -> Any:
    return [stop] if isinstance(stop, str) else stop


class ChatCompletionForm(WholeForm):
    """The whole request. A parameter that is null was not given."""

    model: ModelName
    messages: Annotated[list[AnyMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: Flag | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: Annotated[list[StopText], BeforeValidator(_one), Field(max_length=MOST_STOPS)] | None = None
    seed: Seed | None = None
    n: Annotated[int, Field(strict=True, ge=1, le=1)] | None = None
    tools: Annotated[list[ToolDefinition], Field(max_length=MOST_TOOLS)] | None = None
    tool_choice: Annotated[Annotated[ToolUse, Tag("text")] | Annotated[ChosenTool, Tag("parts")], Either] | None = None
    parallel_tool_calls: Flag | None = None
    response_format: Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Discriminator("type")] | None = None
    logprobs: Nothing = None
    top_logprobs: Nothing = None
    logit_bias: Nothing = None
    audio: Nothing = None
    functions: Nothing = None
    function_call: Nothing = None
    web_search_options: Nothing = None
    modalities: Annotated[list[Literal["text"]], Field(max_length=1)] | None = None
