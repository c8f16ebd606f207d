"""Links of a Markdown parser in linear time: it would look for the end of each of a hundred thousand brackets."""

from __future__ import annotations

import re

from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.link import link

_SIGN = re.compile(r"\\.|(`+)|[\[\]\n]", re.DOTALL)


class BoundedLinks:
    """The parser's own rule for links, asked only where a link is written as a whole on one line.

    That is where `safe_markdown` leaves some.
    """

    def __init__(self) -> None:
        self._known: tuple[str, dict[int, int]] = ("", {})

    def __call__(self, state: StateInline, silent: bool) -> bool:
        if state.src[state.pos] != "[":
            return False
        known = self._known
        if known[0] is not state.src:  # another thread may be at another text
            self._known = known = (state.src, _ends_of_links(state.src))
        if state.pos not in known[1]:
            return False
        most, state.posMax = state.posMax, min(state.posMax, known[1][state.pos])
        try:
            return link(state, silent)
        finally:
            state.posMax = most


def _ends_of_links(text: str) -> dict[int, int]:
    """Of each bracket that closes on its line with an address after it, where that line ends."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    at = line_end = 0
    while found := _SIGN.search(text, at):
        at = found.end()
        if found[1]:
            close = re.compile(rf"(?<!`){found[1]}(?!`)").search(text, at)
            at = close.end() if close else at
        elif found[0] == "\n":
            opened.clear()
        elif found[0] == "[":
            opened.append(found.start())
        elif found[0] == "]" and opened:
            begun = opened.pop()
            if text.startswith("(", at):
                if line_end <= at:
                    line_end = text.find("\n", at)
                    line_end = len(text) if line_end < 0 else line_end
                ends[begun] = line_end
    return ends
