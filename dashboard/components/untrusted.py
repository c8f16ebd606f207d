"""The only place that draws text we did not write: answers, prompts, titles, names, errors from upstream.

Streamlit's markdown loads remote images out of nine widgets, draws icons and colours from `:name[...]`, and takes every
label for markdown. So a text is either `markdown`, made safe, or `plain`, so that it reads as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from html import escape

import streamlit as st

from conductor_core.word_diff import Change, Piece
from dashboard.components.safe_markdown import LONGEST_TEXT, safe_markdown

# What begins anything in a line of Streamlit's markdown, and nothing that doesn't: model names stay readable where a
# widget shows its label as it is.
_SPECIAL = re.compile(
    r"[\\`*_\[\]|~$]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|:(?=//)|:(?=[A-Za-z][\w-]*\{)|(?<=\w)@(?=\w)|(?<=www)\.|^\s*[#>+=-]|:(?=:)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^(\s*\d{1,9})([.)])(?=\s|$)")
_SHORTCODE = re.compile(r":(?=[\w+/-]+:|material[/_])")
# Marks and overrides of writing direction, and characters that show nothing: a title could pretend to be another.
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT = frozenset({"R", "AL"})
_PERHAPS = re.compile("[\u0590-\u08ff\ufb1d-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")
"""The blocks that Unicode keeps for scripts written from right to left: most texts have nothing of them."""
MOST_VERBATIM = 50_000
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


def isolated(text: str) -> str:
    """A title or name on one line, without hidden characters, its direction of writing kept to itself (UAX #9)."""
    text = " ".join(_HIDDEN.sub("", text).split())
    return f"{_ISOLATE}{text}{_END_ISOLATE}" if _has_right_to_left(text) else text


def revealed(text: str) -> str:
    """A text of several lines with the characters named that would change its direction of writing (CVE-2021-42574)."""
    return _OVERRIDES.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def plain(text: str) -> str:
    """`text` escaped for labels, buttons, toasts and captions: it reads as it was written."""
    return "\n".join(_plain_line(isolated(line)) for line in text.splitlines())


def line(text: str) -> str:
    """A title or name in HTML, as an element's text or an attribute."""
    return escape(isolated(text))


def table_of(rows: Sequence[Mapping[str, str]]) -> str:
    """The HTML of rows that all have the first one's columns; nothing where there are none."""
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{line(column)}</th>' for column in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{line(cell)}</td>' for cell in row.values())}</tr>\n" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def marked(text: str, marks: Sequence[tuple[int, int]]) -> str:
    """One line escaped as `plain` does it, with some places of it in bold."""
    parts, at = [], 0
    for start, end in marks:
        if text[start].isalnum() and text[end - 1].isalnum():  # else the asterisks would be read as what they are
            parts += [_plain_line(_HIDDEN.sub("", text[at:start])), f"**{_plain_line(text[start:end])}**"]
            at = end
    line = "".join([*parts, _plain_line(_HIDDEN.sub("", text[at:]))])
    return f"{_ISOLATE}{line}{_END_ISOLATE}" if _has_right_to_left(line) else line


def markdown(text: str) -> bool:
    """Draws an answer or a prompt. Returns whether all of it is shown; if not, it says so and the caller offers it."""
    safe = safe_markdown(text)
    st.markdown(safe.text)
    if not safe.is_whole:
        st.caption("This text is too long to show as a whole. Export it to read the rest.")
    return safe.is_whole


def source(text: str) -> bool:
    """Draws an answer as it was written, Markdown unread. Returns whether all of it is shown, as `markdown` does."""
    st.code(revealed(text[:LONGEST_TEXT]), language=None, wrap_lines=True)
    if len(text) > LONGEST_TEXT:
        st.caption("This text is too long to show as a whole. Export it to read the rest.")
    return len(text) <= LONGEST_TEXT


def text(text: str) -> None:
    """Draws a sentence with somebody else's words in it."""
    st.markdown(plain(text))


def caption(text: str) -> None:
    """Draws a small grey line."""
    st.caption(plain(text))


def error(text: str) -> None:
    """Draws what went wrong."""
    st.error(plain(text))


def warning(text: str) -> None:
    """Draws what the reader should know before going on."""
    st.warning(plain(text))


def table(rows: Sequence[Mapping[str, str]], name: str) -> None:
    """Draws a few rows, all with the first one's columns; too wide for the window it scrolls, by keyboard too.

    (`st.table` would load pandas, a third of a second, and can't be scrolled without a mouse.)

    Args:
        name: of the table, for those who hear the page.
    """
    st.html(f'<div class="table" role="region" tabindex="0" aria-label="{escape(name)}">{table_of(rows)}</div>')


def differences(pieces: Iterable[Piece]) -> None:
    """Draws a text beside another: what is only in the one and what is only in the other, by sign and colour."""
    st.html(f'<div class="word-diff">{"".join(map(_marked, pieces))}</div>')


def raw(text: str) -> None:
    """Draws what an upstream said, letter by letter, at most 500 characters of it."""
    st.code(_HIDDEN.sub("", text[:500]), language=None, wrap_lines=True)


def verbatim(text: str, height: int = 300) -> None:
    """Draws a long text letter by letter, in a box that scrolls."""
    st.code(_HIDDEN.sub("", text[:MOST_VERBATIM]), language=None, wrap_lines=True, height=height)
    if len(text) > MOST_VERBATIM:
        st.caption(f"The first {MOST_VERBATIM:,} of {len(text):,} characters.")


def _has_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in _PERHAPS.findall(text))


def _marked(piece: Piece) -> str:
    words = escape(_HIDDEN.sub("", piece.text)).replace("\n", "<br>")
    if piece.change is Change.SAME:
        return words
    tag, sign = ("ins", "+") if piece.change is Change.ADDED else ("del", "−")
    return f"<{tag}><b>{sign}</b>{words}</{tag}>"


def _plain_line(line: str) -> str:
    # The joiner comes last: Streamlit looks for shortcodes after escapes are gone.
    joined = _SHORTCODE.sub(":\u2060", line)
    return _NUMBERED.sub(r"\1\\\2", _SPECIAL.sub(_escape, joined))


def _escape(found: re.Match[str]) -> str:
    return f"{found[0][:-1]}\\{found[0][-1]}"
