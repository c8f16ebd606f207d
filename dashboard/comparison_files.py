"""A comparison as a file of its own: Markdown, or a page of HTML that needs nothing else.

Who answers, what it took and cost is left out as long as a blind vote is awaited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from conductor_core.answers import Answer, Exchange, Transcript
from conductor_core.comparisons import arranged
from dashboard.components import facts, lane_summary, merging, untrusted, vote_bar
from dashboard.components.who import name_of

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 60rem; padding-inline: 1rem; }
h1, h2, h3 { line-height: 1.25; overflow-wrap: anywhere; }
h3 { margin-bottom: 0.25rem; }
.text { border: 1px solid #8885; border-radius: 8px; padding: 0.75rem; }
.text, .note { overflow-wrap: anywhere; unicode-bidi: isolate; white-space: pre-wrap; }
.prompt { background: #8882; }
.note { font-size: 0.85rem; opacity: 0.75; }
table { border-collapse: collapse; display: block; font-size: 0.85rem; margin-top: 1.5rem; overflow-x: auto; }
th, td { border: 1px solid #8885; padding: 0.3rem 0.5rem; text-align: left; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


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
        lines += ["## Prompt", "", exchange.prompt, ""]
        for part in _parts(transcript, exchange):
            lines += [f"### {part.heading}", "", part.text, ""]
            for note in part.notes:
                lines += [*(f"> {line}" for line in note.splitlines()), ""]
        rows = _rows(transcript, exchange)
        if rows:
            lines += [
                _line(list(rows[0])),
                _line(["---"] * len(rows[0])),
                *(_line(list(row.values())) for row in rows),
                "",
            ]
        if exchange.vote:
            lines += [vote_bar.words(exchange), ""]
    return "\n".join(lines)


def as_html(transcript: Transcript) -> str:
    """The same as one page of HTML: every text escaped, no script, nothing loaded from anywhere."""
    title = escape(untrusted.isolated(transcript.conversation.title))
    body = "\n".join(line for exchange in transcript.exchanges for line in _html(transcript, exchange))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{title}</h1>\n<p class="note">{_when(transcript)}</p>\n{body}\n</body>\n</html>\n'
    )


def _html(transcript: Transcript, exchange: Exchange) -> Iterator[str]:
    yield f'<h2>Prompt</h2>\n<div class="text prompt">{escape(exchange.prompt)}</div>'
    for part in _parts(transcript, exchange):
        yield f'<h3>{escape(untrusted.isolated(part.heading))}</h3>\n<div class="text">{escape(part.text)}</div>'
        for note in part.notes:
            yield f'<p class="note">{escape(note)}</p>'
    rows = _rows(transcript, exchange)
    if rows:
        head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
        cells = ("".join(f"<td>{escape(untrusted.isolated(value))}</td>" for value in row.values()) for row in rows)
        yield f"<table>\n<tr>{head}</tr>\n" + "\n".join(f"<tr>{row}</tr>" for row in cells) + "\n</table>"
    if exchange.vote:
        yield f'<p class="note">{escape(vote_bar.words(exchange))}</p>'


def _when(transcript: Transcript) -> str:
    started = datetime.fromtimestamp(transcript.conversation.created_at / 1000, UTC)
    return f"{started:%Y-%m-%d %H:%M} UTC"


def _parts(transcript: Transcript, exchange: Exchange) -> Iterator[_Part]:
    for answer in _shown(transcript, exchange):
        yield _hidden(exchange, answer) if exchange.hidden else _part(exchange.side(answer.lane), answer)
    for answer in exchange.merges:
        assert answer.merge
        part = _part(merging.NAMES[answer.merge.kind], answer)
        yield _Part(part.heading, part.text, (*part.notes, f"The prompt used:\n{answer.merge.prompt}"))


def _shown(transcript: Transcript, exchange: Exchange) -> Sequence[Answer]:
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
    notes = (measured, _asked(answer), failed if answer.text else "")
    return _Part(heading, answer.text or f"({failed or 'empty answer'})", tuple(note for note in notes if note))


def _asked(answer: Answer) -> str:
    """`Temperature 0.7 · max tokens 1,000 · seed 7`, and below it the system prompt."""
    setup = answer.setup
    if not setup:
        return ""
    told = [f"Temperature {setup['temperature']:g}", f"max tokens {setup['max_tokens']:,}"]
    told += [f"{name.replace('_', ' ')} {setup[name]}" for name in ("top_p", "seed") if setup.get(name) is not None]
    system = f"\nSystem prompt: {setup['system']}" if setup.get("system") else ""
    return " · ".join(told) + system


def _rows(transcript: Transcript, exchange: Exchange) -> list[dict[str, str]]:
    if exchange.hidden:
        return []
    return [
        {"Lane": exchange.side(answer.lane), "Model": answer.model, **lane_summary.figures(exchange, answer)}
        for answer in _shown(transcript, exchange)
        if answer.latency_ms is not None
    ]


def _line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("\\", "\\\\").replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
