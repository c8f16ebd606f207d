"""A conversation as a document of its own."""

from __future__ import annotations

from datetime import UTC, datetime

from conductor_core.answers import Answer, Exchange, Transcript


def as_markdown(transcript: Transcript) -> str:
    """The path that is shown as Markdown, each answer with who gave it. Texts stand exactly as they were written."""
    conversation = transcript.conversation
    started = datetime.fromtimestamp(conversation.created_at / 1000, UTC)
    lines = [f"# {conversation.title}", "", f"{started:%Y-%m-%d %H:%M} UTC", ""]
    others = others_left_out(transcript)
    if others:
        lines += [f"({others})", ""]
    for exchange in transcript.exchanges:
        lines += ["## You", "", exchange.prompt, "", *files_named(exchange)]
        for answer in exchange.sides:
            lines += [f"## {_who(exchange, answer)}", "", answer.text or f"({_missing(exchange, answer)})", ""]
    return "\n".join(lines)


def files_named(exchange: Exchange) -> list[str]:
    """A line that names what went with a prompt, and an empty one; nothing where nothing did."""
    return [f"(with {', '.join(file.name for file in exchange.files)})", ""] if exchange.files else []


def others_left_out(transcript: Transcript) -> str:
    """How many branches are not shown, in words; empty when all is."""
    others = transcript.branches - 1
    if not others or transcript.conversation.kind != "chat":
        return ""
    return f"{others} other {'branches' if others > 1 else 'branch'} of this conversation not included"


def _who(exchange: Exchange, answer: Answer) -> str:
    if exchange.hidden:
        return exchange.side(answer.lane)
    return f"{answer.provider} · {answer.model}" if answer.model else answer.provider


def _missing(exchange: Exchange, answer: Answer) -> str:
    if exchange.hidden and answer.failure:
        return "this answer failed"
    return answer.failure.sentence if answer.failure else "empty answer"
