"""Conversations as a page that needs nothing else: no script, no file beside it, every text escaped.

Prompts and answers stand as they were written, Markdown included. It prints well, and is dark where the reader's is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape

from conductor_core.answers import Answer, Exchange, Transcript
from conductor_core.export import others_left_out
from dashboard.components import facts, untrusted
from dashboard.components.who import name_of, side_name

_STYLE = """
:root { color-scheme: light dark; }
:root { --accent: #4F5BD5; --ground: #FFFFFF; --ink: #1B1D28; --quiet: #5E6272; --tint: #F1F2F7; }
@media (prefers-color-scheme: dark) {
  :root { --accent: #8B95F6; --ground: #14161F; --ink: #E8E9F0; --quiet: #A2A6B6; --tint: #20232F; }
}
* { box-sizing: border-box; }
body { background: var(--ground); color: var(--ink); font: 16px/1.6 system-ui, sans-serif; margin: 0; }
main { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; }
article { margin: 0 auto; max-width: 47.5rem; padding-top: 1.5rem; }
article.compare { max-width: none; }
article + article { border-top: 1px solid var(--tint); margin-top: 3rem; }
h1 { font-size: 1.6rem; line-height: 1.3; margin: 0; overflow-wrap: anywhere; }
h2 { color: var(--accent); font-size: 0.95rem; margin: 0 0 0.25rem; }
h2 small, .quiet { color: var(--quiet); font-size: 0.82rem; font-weight: 400; }
section { margin-top: 1.5rem; min-width: 0; }
.said { background: var(--tint); border-radius: 0.75rem; padding: 0.75rem 1rem; }
.text { margin: 0; overflow-wrap: anywhere; unicode-bidi: plaintext; white-space: pre-wrap; }
.facts { font-variant-numeric: tabular-nums; margin: 0.4rem 0 0; }
.failure { border-left: 3px solid #C0392B; margin: 0.5rem 0 0; padding-left: 0.75rem; }
.lanes { display: grid; gap: 0 1.5rem; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); }
details { border-left: 3px solid var(--tint); color: var(--quiet); margin-bottom: 0.5rem; padding-left: 0.75rem; }
summary { cursor: pointer; }
@media print {
  :root { --ground: #FFFFFF; --ink: #000000; --quiet: #444444; --tint: #EEEEEE; --accent: #000000; }
  main { max-width: none; padding: 0; }
  article { max-width: none; }
  article + article { border: 0; break-before: page; margin: 0; }
  h1, h2 { break-after: avoid; }
}
"""
_HEAD = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
)


def page(transcripts: Iterable[Transcript], title: str) -> Iterator[str]:
    """The page, piece by piece: of each conversation the path that is shown."""
    yield f"{_HEAD}<title>{_line(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
    for transcript in transcripts:
        yield "\n".join(_conversation(transcript))
    yield "</main>\n</body>\n</html>\n"


def _conversation(transcript: Transcript) -> Iterator[str]:
    chat = transcript.conversation
    begun = datetime.fromtimestamp(chat.created_at / 1000, UTC)
    told = [f"{begun:%Y-%m-%d %H:%M} UTC", others_left_out(transcript)]
    yield f'<article class="{escape(chat.kind)}">\n<h1 dir="auto">{_line(chat.title)}</h1>'
    yield f'<p class="quiet">{" · ".join(filter(None, told))}</p>'
    for exchange in transcript.exchanges:
        yield f'<section class="said">\n<h2>You</h2>\n{_text(exchange.prompt)}\n</section>\n<div class="lanes">'
        for answer in exchange.sides:
            yield from _answer(exchange, answer, chat.kind)
        yield "</div>"
    yield "</article>\n"


def _answer(exchange: Exchange, answer: Answer, kind: str) -> Iterator[str]:
    if exchange.hidden:
        who, model = exchange.side(answer.lane), ""
    else:
        who = side_name(exchange, answer) if kind == "compare" else name_of(answer.provider)
        model = answer.model
    yield f"<section>\n<h2>{_line(who)} <small>{_line(model)}</small></h2>"
    if answer.thinking:
        yield f"<details><summary>{escape(facts.thinking(answer))}</summary>\n{_text(answer.thinking)}\n</details>"
    if answer.text:
        yield _text(answer.text)
    elif not answer.failure:
        yield '<p class="quiet">(empty answer)</p>'
    if answer.failure:
        told = "This answer failed." if exchange.hidden else answer.failure.sentence
        yield f'<p class="failure">{_line(told)}</p>'
    if answer.latency_ms is not None and not exchange.hidden:
        yield f'<p class="facts quiet">{escape(facts.line(answer))}</p>'
    yield "</section>"


def _text(text: str) -> str:
    return f'<div class="text" dir="auto">{escape(untrusted.revealed(text))}</div>'


def _line(text: str) -> str:
    return escape(untrusted.isolated(text))
