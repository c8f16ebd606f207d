"""From a request in Anthropic's shape to a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import orjson

from conductor_core.api.anthropic import form
from conductor_core.api.forms import image_of
from conductor_core.errors import InvalidRequest
from conductor_core.kinds import ToolUse
from conductor_core.models import MessageRole
from conductor_core.prompt import AnswerFormat, Content, Message, Part, Prompt, TextPart, Tool, ToolCall, ToolResult
from conductor_core.text import is_blank

_USES = {"auto": ToolUse.AUTO, "any": ToolUse.REQUIRED, "none": ToolUse.NONE}


def prompt_of(asked: form.CountForm, model: str | None) -> Prompt:
    """The prompt that a request asks for, of a model; None: the provider's own.

    Raises:
        InvalidRequest: fields that don't fit each other, or an image that is none.
    """
    use, must_call = _choice(asked)
    prompt = Prompt(
        messages=tuple(_messages(asked)),
        model=model,
        answer_format=_format(asked),
        tools=tuple(_tool(tool) for tool in asked.tools or ()),
        tool_use=use,
        must_call=must_call,
        parallel_tools=False if asked.tool_choice and asked.tool_choice.disable_parallel_tool_use else None,
    )
    return _sampled(prompt, asked) if isinstance(asked, form.MessageForm) else prompt


def _sampled(prompt: Prompt, asked: form.MessageForm) -> Prompt:
    return replace(
        prompt,
        temperature=asked.temperature,
        max_tokens=asked.max_tokens,
        top_p=asked.top_p,
        top_k=asked.top_k,
        stop=tuple(asked.stop_sequences or ()),
    )


def _messages(asked: form.CountForm) -> Iterator[Message]:
    if asked.system:
        yield Message.of(MessageRole.SYSTEM, _text(asked.system))
    for place, message in enumerate(asked.messages):
        field = f"messages[{place}].content"
        match message:
            case form.SystemMessage():
                yield Message.of(MessageRole.SYSTEM, _text(message.content))
            case form.UserMessage():
                yield Message(MessageRole.USER, tuple(_said(message.content, field)))
            case form.AssistantMessage():
                answered = tuple(_answered(message.content))
                if answered:  # nothing but thoughts
                    yield Message(MessageRole.ASSISTANT, answered)


def _text(content: str | list[form.TextBlock]) -> str:
    return content if isinstance(content, str) else "\n\n".join(block.text for block in content)


def _said(content: str | list[form.UserBlock], field: str) -> Iterator[Part]:
    if isinstance(content, str):
        yield TextPart(content)
        return
    if all(isinstance(block, form.TextBlock) and is_blank(block.text) for block in content):
        raise InvalidRequest(f"{field}: must have at least 1 visible character, image or tool_result.", field)
    for place, block in enumerate(content):
        where = f"{field}[{place}]"
        if isinstance(block, form.ToolResultBlock):
            yield ToolResult(block.tool_use_id, tuple(_result(block, where)), failed=block.is_error or False)
        else:
            yield _shown(block, where)


def _result(block: form.ToolResultBlock, field: str) -> Iterator[Content]:
    if isinstance(block.content, str):
        yield TextPart(block.content)
        return
    for place, shown in enumerate(block.content or ()):
        yield _shown(shown, f"{field}.content[{place}]")


def _shown(block: form.TextBlock | form.ImageBlock, field: str) -> Content:
    if isinstance(block, form.TextBlock):
        return TextPart(block.text)
    return image_of(block.source.data, f"{field}.source.data")


def _answered(content: str | list[form.AssistantBlock]) -> Iterator[Part]:
    if isinstance(content, str):
        yield TextPart(content)
        return
    for block in content:
        match block:
            case form.TextBlock():
                yield TextPart(block.text)
            case form.ToolUseBlock():
                yield ToolCall(block.id, block.name, orjson.dumps(block.input).decode())


def _choice(asked: form.CountForm) -> tuple[ToolUse | None, str | None]:
    choice = asked.tool_choice
    if choice is None:
        return None, None
    names = [tool.name for tool in asked.tools or ()]
    if not names and not isinstance(choice, form.NoChoice):
        raise InvalidRequest("tool_choice: there are no tools to choose from; send tools, too.", "tool_choice")
    if not isinstance(choice, form.ToolChoice):
        return _USES[choice.type], None
    if choice.name not in names:
        raise InvalidRequest("tool_choice.name: must name one of the tools.", "tool_choice.name")
    return None, choice.name


def _format(asked: form.CountForm) -> AnswerFormat | None:
    wanted = asked.output_config.format if asked.output_config else None
    return AnswerFormat(wanted.schema_) if wanted else None


def _tool(tool: form.ToolDefinition) -> Tool:
    return Tool(tool.name, tool.description or "", tool.input_schema, tool.strict)
