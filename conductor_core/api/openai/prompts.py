"""From a request in OpenAI's shape to a prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conductor_core.api.forms import image_of
from conductor_core.api.openai import form
from conductor_core.errors import InvalidRequest
from conductor_core.kinds import ToolUse
from conductor_core.models import MessageRole
from conductor_core.prompt import AnswerFormat, Content, Message, Part, Prompt, TextPart, Tool, ToolCall, ToolResult
from conductor_core.text import is_blank

_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,", re.ASCII | re.IGNORECASE)


def prompt_of(asked: form.ChatCompletionForm, model: str | None) -> Prompt:
    """The prompt that a request asks for, of a model; None: the provider's own.

    Raises:
        InvalidRequest: fields that don't fit each other, or an image that is none.
    """
    if asked.stream_options is not None and not asked.stream:
        raise InvalidRequest("stream_options: only a stream takes them; set stream to true.", "stream_options")
    use, must_call = _choice(asked)
    return Prompt(
        messages=tuple(_messages(asked)),
        model=model,
        temperature=asked.temperature,
        max_tokens=_limit(asked),
        top_p=asked.top_p,
        top_k=asked.top_k,
        stop=tuple(asked.stop or ()),
        seed=asked.seed,
        presence_penalty=asked.presence_penalty or None,
        frequency_penalty=asked.frequency_penalty or None,
        answer_format=_format(asked),
        tools=tuple(_tool(tool.function) for tool in asked.tools or ()),
        tool_use=use,
        must_call=must_call,
        parallel_tools=asked.parallel_tool_calls,
    )


def _messages(asked: form.ChatCompletionForm) -> Iterator[Message]:
    for place, message in enumerate(asked.messages):
        match message:
            case form.SystemMessage():
                yield Message.of(MessageRole.SYSTEM, _text(message.content))
            case form.UserMessage():
                yield Message(MessageRole.USER, tuple(_shown(message.content, f"messages[{place}].content")))
            case form.AssistantMessage():
                yield Message(MessageRole.ASSISTANT, tuple(_answered(message, f"messages[{place}].content")))
            case form.ToolMessage():
                result = ToolResult(message.tool_call_id, (TextPart(_text(message.content)),))
                yield Message(MessageRole.USER, (result,))


def _text(content: str | list[form.TextPart]) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _shown(content: str | list[form.TextPart | form.ImageUrlPart], field: str) -> Iterator[Content]:
    if isinstance(content, str):
        yield TextPart(content)
        return
    if all(isinstance(part, form.TextPart) and is_blank(part.text) for part in content):
        raise InvalidRequest(f"{field}: must have at least 1 visible character or image.", field)
    for place, part in enumerate(content):
        if isinstance(part, form.TextPart):
            yield TextPart(part.text)
            continue
        where = f"{field}[{place}].image_url.url"
        found = _DATA_URL.match(part.image_url.url)
        if not found:
            raise InvalidRequest(
                f"{where}: must be a data: URL with a base64 image. Conductor fetches no address; send the image.",
                where,
            )
        yield image_of(part.image_url.url[found.end() :], where)


def _answered(message: form.AssistantMessage, field: str) -> Iterator[Part]:
    content = message.content or ""
    if not isinstance(content, str):
        content = "".join(part.text if isinstance(part, form.TextPart) else part.refusal for part in content)
    content = content or message.refusal or ""
    if not message.tool_calls and is_blank(content):
        raise InvalidRequest(f"{field}: must have at least 1 visible character where no tool is called.", field)
    if content:
        yield TextPart(content)
    for call in message.tool_calls or ():
        yield ToolCall(call.id, call.function.name, call.function.arguments)


def _limit(asked: form.ChatCompletionForm) -> int | None:
    old, new = asked.max_tokens, asked.max_completion_tokens
    if old and new and old != new:
        raise InvalidRequest(
            f"max_tokens: says {old}, and max_completion_tokens {new}. Send one of them.", "max_tokens"
        )
    return new or old


def _choice(asked: form.ChatCompletionForm) -> tuple[ToolUse | None, str | None]:
    choice = asked.tool_choice
    if choice is None:
        return None, None
    names = [tool.function.name for tool in asked.tools or ()]
    if not names and choice is not ToolUse.NONE:
        raise InvalidRequest("tool_choice: there are no tools to choose from; send tools, too.", "tool_choice")
    if isinstance(choice, ToolUse):
        return choice, None
    if choice.function.name not in names:
        raise InvalidRequest("tool_choice: must name one of the tools.", "tool_choice.function.name")
    return None, choice.function.name


def _format(asked: form.ChatCompletionForm) -> AnswerFormat | None:
    match asked.response_format:
        case form.JsonObjectFormat():
            return AnswerFormat()
        case form.JsonSchemaFormat(json_schema=wanted):
            return AnswerFormat(wanted.schema_, wanted.name, wanted.description or "", wanted.strict)
    return None


def _tool(function: form.FunctionDefinition) -> Tool:
    return Tool(function.name, function.description or "", function.parameters, function.strict)
