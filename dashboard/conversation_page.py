"""Conversations and comparisons as one page of HTML: of each the path that is shown, Markdown drawn, pictures in it.

Who answers a blind comparison, what it took and cost is left out as long as the vote is awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from html import escape

from conductor_core.answers import Answer, AttachedFile, Exchange, Transcript
from conductor_core.attachments import TEXT
from conductor_core.export import others_left_out
from conductor_core.store.records import Attachment
from dashboard import comparison_files, html_page
from dashboard.components import facts, merging, vote_bar
from dashboard.components.numbers import size
from dashboard.components.untrusted import line, table_of
from dashboard.components.who import name_of, side_name
from dashboard.html_page import lines, markdown

ReadFile = Callable[[str], Attachment | None]
"""A file by its id; None when it is gone."""


def page(transcripts: Iterable[Transcript], title: str, file: ReadFile) -> Iterator[str]:
    """The page, piece by piece; one picture is in memory at a time."""
    return html_page.page(title, (piece for transcript in transcripts for piece in _conversation(transcript, file)))


def _conversation(transcript: Transcript, file: ReadFile) -> Iterator[str]:
    chat = transcript.conversation
    compared = chat.kind == "compare"
    begun = datetime.fromtimestamp(chat.created_at / 1000, UTC)
    told = [f"{begun:%Y-%m-%d %H:%M} UTC", others_left_out(transcript)]
    yield f'<article class="{escape(chat.kind)}">\n<h1 dir="auto">{line(chat.title)}</h1>\n'
    yield f'<p class="quiet">{" · ".join(filter(None, told))}</p>\n'
    for exchange in transcript.exchanges:
        yield f'<section class="said">\n<h2>You</h2>\n{markdown(exchange.prompt)}'
        for attached in exchange.files:
            yield from _file(attached, file)
        yield '</section>\n<div class="lanes">\n'
        for answer in comparison_files.shown(transcript, exchange) if compared else exchange.sides:
            yield from _answer(exchange, answer, compared=compared)
        yield "</div>\n"
        for merge in exchange.merges:
            yield from _merge(merge)
        if compared:
            yield table_of(comparison_files.rows(transcript, exchange))
            yield f'<p class="quiet">{line(vote_bar.words(exchange))}</p>\n' if exchange.vote else ""
    yield "</article>\n"


def _file(attached: AttachedFile, file: ReadFile) -> Iterator[str]:
    told = f"{line(attached.name)} · {size(attached.size)}"
    found = file(attached.id) if attached.media_type != TEXT else None
    if found:
        yield from html_page.image(found.name, found.media_type, found.data, told)
    else:
        yield f'<p class="quiet">{told}</p>\n'


def _answer(exchange: Exchange, answer: Answer, *, compared: bool) -> Iterator[str]:
    if exchange.hidden:
        yield from _head(exchange.side(answer.lane), "")
    else:
        yield from _head(side_name(exchange, answer) if compared else name_of(answer.provider), answer.model)
    if answer.thinking:
        summary = "Thinking" if exchange.hidden else escape(facts.thinking(answer))
        yield f"<details><summary>{summary}</summary>\n{markdown(answer.thinking)}</details>\n"
    yield from _said(answer, "This answer failed." if exchange.hidden else "")
    if not exchange.hidden:
        yield from _facts(answer)
        if compared and (asked := comparison_files.asked(answer)):
            yield f'<p class="quiet lines" dir="auto">{lines(asked)}</p>\n'
    yield "</section>\n"


def _merge(answer: Answer) -> Iterator[str]:
    assert answer.merge
    yield from _head(f"{merging.NAMES[answer.merge.kind]} · {name_of(answer.provider)}", answer.model)
    yield from _said(answer)
    yield from _facts(answer)
    prompt = f'<div class="lines" dir="auto">{lines(answer.merge.prompt)}</div>'
    yield f"<details><summary>The prompt used</summary>\n{prompt}\n</details>\n</section>\n"


def _head(who: str, model: str) -> Iterator[str]:
    yield f"<section>\n<h2>{line(who)} <small>{line(model)}</small></h2>\n"


def _said(answer: Answer, failed: str = "") -> Iterator[str]:
    if answer.text:
        yield markdown(answer.text)
    elif not answer.failure:
        yield '<p class="quiet">(empty answer)</p>\n'
    if answer.failure:
        yield f'<p class="failure">{line(failed or answer.failure.sentence)}</p>\n'


def _facts(answer: Answer) -> Iterator[str]:
    if answer.latency_ms is not None:
        yield f'<p class="facts quiet">{escape(facts.line(answer))}</p>\n'
