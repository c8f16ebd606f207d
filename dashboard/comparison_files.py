"""A comparison as a file of its own in Markdown, and what of it is told in HTML, too.

Who answers, what it took and cost is left out as long as a blind vote is awaited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from conductor_core.answers import Answer, Exchange, Transcript
from conductor_core.comparisons import arranged
from conductor_core.export import files_named
from dashboard.components import facts, lane_summary, merging, vote_bar
from dashboard.components.who import name_of


@dataclass(frozen=True, slots=True)
class _Part:
    """One answer or merge: a heading, its text as it was written, and what else there is to tell of it."""

    heading: str
    text: str
    notes: tuple[str, ...] = ()


def as_markdown(transcript: Transcript) -> str:
    """Prompts, answers, merges and figures as Markdown. Texts stand exactly as they were written."""
    lines = [f"# {transcript.conversation.title}", "", _when(transcript), ""]
    for exchange in transcript.exchanges:
        lines += ["## Prompt", "", exchange.prompt, "", *files_named(exchange)]
        for part in _parts(transcript, exchange):
            lines += [f"### {part.heading}", "", part.text, ""]
            for note in part.notes:
                lines += [*(f"> {line}" for line in note.splitlines()), ""]
        figures = rows(transcript, exchange)
        if figures:
            lines += [
                _line(list(figures[0])),
                _line(["---"] * len(figures[0])),
                *(_line(list(row.values())) for row in figures),
                "",
            ]
        if exchange.vote:
            lines += [vote_bar.words(exchange), ""]
    return "\n".join(lines)


def _when(transcript: Transcript) -> str:
    started = datetime.fromtimestamp(transcript.conversation.created_at / 1000, UTC)
    return f"{started:%Y-%m-%d %H:%M} UTC"


def _parts(transcript: Transcript, exchange: Exchange) -> Iterator[_Part]:
    for answer in shown(transcript, exchange):
        yield _hidden(exchange, answer) if exchange.hidden else _part(exchange.side(answer.lane), answer)
    for answer in exchange.merges:
        assert answer.merge
        part = _part(merging.NAMES[answer.merge.kind], answer)
        yield _Part(part.heading, part.text, (*part.notes, f"The prompt used:\n{answer.merge.prompt}"))


def shown(transcript: Transcript, exchange: Exchange) -> Sequence[Answer]:
    """As on the page: shuffled for a vote, else as the lanes were put."""
    if exchange.blind:
        return exchange.sides
    places = {lane: place for place, lane in enumerate(arranged(transcript.conversation))}
    return sorted(exchange.answers, key=lambda answer: places.get(answer.lane, answer.lane))


def _hidden(exchange: Exchange, answer: Answer) -> _Part:
    missing = "(this answer failed)" if answer.failure else "(empty answer)"
    return _Part(exchange.side(answer.lane), answer.text or missing)


def _part(side: str, answer: Answer) -> _Part:
    heading = " · ".join(part for part in (side, name_of(answer.provider), answer.model) if part)
    failed = answer.failure.sentence if answer.failure else ""
    measured = facts.line(answer) if answer.latency_ms is not None else ""
    notes = (measured, asked(answer), failed if answer.text else "")
    return _Part(heading, answer.text or f"({failed or 'empty answer'})", tuple(note for note in notes if note))


def asked(answer: Answer) -> str:
    """`Temperature 0.7 · max tokens 1,000 · seed 7`, and below it the system prompt."""
    setup = answer.setup
    if not setup:
        return ""
    told = [f"Temperature {setup['temperature']:g}", f"max tokens {setup['max_tokens']:,}"]
    told += [f"{name.replace('_', ' ')} {setup[name]}" for name in ("top_p", "seed") if setup.get(name) is not None]
    system = f"\nSystem prompt: {setup['system']}" if setup.get("system") else ""
    return " · ".join(told) + system


def rows(transcript: Transcript, exchange: Exchange) -> list[dict[str, str]]:
    """The figures of every lane that was sent; none before a blind vote."""
    if exchange.hidden:
        return []
    return [
        {"Lane": exchange.side(answer.lane), "Model": answer.model, **lane_summary.figures(exchange, answer)}
        for answer in shown(transcript, exchange)
        if answer.latency_ms is not None
    ]


def _line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("\\", "\\\\").replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
