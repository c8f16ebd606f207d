"""One line of untrusted markdown made safe: no image, no HTML, no Streamlit directive, links that show their host.

Every line is made to stand for itself: a code span, formula or link has to begin and end on it, and what doesn't is
escaped. So nothing earlier in the text can change how a parser reads the line, and reading it takes linear time.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

LONGEST_FORMULA = 2_000

_LINK_SCHEMES = frozenset({"http", "https", "mailto"})
# Streamlit draws `:material/x:` and `:streamlit:` wherever the parsed text holds them, escaped or not: an invisible
# word joiner keeps the letters and breaks the pattern.
_JOINER = "\u2060"
_FORBIDDEN_IN_FORMULA = re.compile(
    # What another parser, or one that found no formula, could take for code, an image, a link or HTML.
    r"`|~~~|!\[|\]\(|<[/!?]|<[A-Za-z][^<>]*>|<[A-Za-z][\w-]*\s+[\w.:-]+\s*=\s*['\"]|^[^\w\\]*<[A-Za-z]|\\\$|\\\Z"
    r"|\\(?:[egx]?def|let|futurelet|newcommand|renewcommand|providecommand|global|long|href|url|includegraphics|html\w+)"
    r"(?![a-zA-Z])",
    re.MULTILINE,
)
_SUSPICIOUS = re.compile(r"[`$<\[\]]|:(?:[a-z]|:)", re.IGNORECASE)
_TOKEN = re.compile(
    r"\\[!-/:-@\[-`{-~]"
    r"|`+"
    r"|\$+"
    r"|!\["
    r"|\[(?:[ xX]\](?=\s))?"
    r"|\]"
    r"|<(?=[A-Za-z/!?])"
    r"|(?:https?://|www\.)[^\s<`$\[\]!\\]+"
    r"|:(?=(?:material[/_]|streamlit:))"
    r"|:(?=[A-Za-z][\w-]*[\[{])",
    re.IGNORECASE,
)
_TARGET = re.compile(
    r"""\(\s*(?P<url><[^<>]*>|[^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*)(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*\)"""
)
_REFERENCE = re.compile(r"\[([^\[\]]{0,200})\]")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^\s<>]{1,2000}|[\w.+-]{1,64}@[\w.-]{1,255})>", re.IGNORECASE)
_UNSAFE_IN_URL = re.compile(r"[\s<>\"`$|\\()\[\]{}^!*_~\x00-\x1f]")
_ENDS_LITERAL = re.compile(r"[\s<`$]")
_SYNTAX = re.compile(r"[^\w\s.,:;'/-]|[_\n]")
_MOST_OPEN = 50


class _Open(NamedTuple):
    """A bracket that may turn out to begin a link or an image."""

    place: int
    is_image: bool


def safe_line(line: str, references: Mapping[str, str]) -> str:
    """`line`, without its block markers, made safe.

    Args:
        line: one line of prose; never a line of a code block.
        references: URLs of the document's link definitions, by lower-case label.
    """
    if not _SUSPICIOUS.search(line):
        return line
    return _Line(line, references).rewritten()


def host_of(url: str) -> str:
    """The host a URL leads to, as a person should see it, or an empty string."""
    try:
        return (urlsplit(url).hostname or "").encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return ""


class _Line:
    """The state of one pass over one line."""

    def __init__(self, line: str, references: Mapping[str, str]) -> None:
        self._line = line
        self._references = references
        self._out: list[str] = []
        self._open: list[_Open] = []
        self._runs = _runs(line)
        self._literal_end = -1
        # A table splits its cells before it looks for code: then a code span with a bar in it is not one, nor can
        # any other on the line be trusted to be.
        self._in_doubt = "|" in line

    def rewritten(self) -> str:
        position = 0
        while found := _TOKEN.search(self._line, position):
            self._out.append(self._line[position : found.start()])
            position = self._take(found[0], found.start(), found.end())
        self._out.append(self._line[position:])
        for bracket in self._open:
            self._out[bracket.place] = r"!\[" if bracket.is_image else "["
        return "".join(self._out)

    def _take(self, token: str, start: int, end: int) -> int:
        """Writes what becomes of one token and returns where to go on."""
        first = token[0]
        if first == "\\":
            self._out.append(token)
        elif first in "`$":
            return self._code(token, start, end) if first == "`" else self._formula(token, start, end)
        elif token in {"[", "!["}:
            self._begin(token)
        elif first == "]":
            return self._close(end)
        elif first == "<":
            return self._angle(start)
        elif first == ":":
            self._out.append(rf"\:{_JOINER}" if self._line[end : end + 1] in "mMsS" else r"\:")
        elif first == "[":
            self._out.append(token)
        else:
            self._literal(token, end)
        return end

    def _begin(self, sign: str) -> None:
        if len(self._open) >= _MOST_OPEN:
            self._out.append(f"{sign[:-1]}\\[")
            return
        self._open.append(_Open(len(self._out), sign == "!["))
        self._out.append(sign)

    def _literal(self, url: str, end: int) -> None:
        """A bare address. GFM lets it run on to the next blank, over a backtick that is to us the start of code."""
        if end > self._literal_end:
            found = _ENDS_LITERAL.search(self._line, end)
            self._literal_end = found.start() if found else len(self._line)
        runs_on = self._line[self._literal_end : self._literal_end + 1] in {"`", "$"}
        self._out.append(f"{url} " if runs_on else url)

    def _code(self, run: str, start: int, end: int) -> int:
        close = self._closing(run, end)
        if close is None:
            self._out.append("\\`" * len(run))
            return end
        stop = close + len(run)
        self._out.append(_broken_up(self._line[start:stop]) if self._in_doubt else self._line[start:stop])
        return stop

    def _formula(self, run: str, start: int, end: int) -> int:
        close = self._closing(run, end) if len(run) <= 2 else None
        if close is None or not _is_formula(self._line, run, end, close):
            self._out.append("\\$" * len(run))
            return end
        stop = close + len(run)
        self._out.append(self._line[start:stop])
        return stop

    def _closing(self, run: str, end: int) -> int | None:
        """Where the next run of the very same length begins."""
        starts = self._runs[run]
        index = bisect_left(starts, end)
        return starts[index] if index < len(starts) else None

    def _close(self, end: int) -> int:
        if not self._open:
            self._out.append(r"\]")
            return end
        bracket = self._open.pop()
        target = _TARGET.match(self._line, end)
        if bracket.is_image:
            return self._image(bracket.place, target, end)
        if target and is_allowed(target["url"].strip("<>")):
            self._link(bracket.place, target["url"].strip("<>"))
            return target.end()
        # A bracket with a target we won't follow is text; a lone one, as in `a[0]`, is anyway.
        followed = self._line.startswith("(", end)
        self._out[bracket.place] = r"\[" if followed else "["
        self._out.append(r"\]" if followed else "]")
        return end

    def _image(self, index: int, target: re.Match[str] | None, end: int) -> int:
        """What stands for an image: its description and where it would have come from."""
        alt = "".join(self._out[index + 1 :])
        reference = None if target else _REFERENCE.match(self._line, end)
        if target:
            url, stop = target["url"].strip("<>"), target.end()
        else:
            label = (reference[1] if reference else "") or alt
            url = self._references.get(label.strip().lower(), "")
            stop = reference.end() if reference else end
        if not target and not url:
            # No image, as in `vec![1]`.
            self._out[index] = r"!\["
            self._out.append(r"\]")
            return end
        host = host_of(url)
        description = _SYNTAX.sub("", alt)[:100].strip()
        named = f" “{description}”" if description else ""
        self._out[index:] = [rf"\[image{named} {f'from {host}' if host else 'not shown'}\]"]
        return stop

    def _link(self, index: int, url: str) -> None:
        text = "".join(self._out[index + 1 :])
        host = host_of(url)
        shown = "" if not host or _shows_host(text, host) else f" ({host})"
        self._out[index:] = [f"[{text}]({_UNSAFE_IN_URL.sub(_percent, url)}){shown}"]
        # A link holds no link (CommonMark 0.31, 6.3): whatever opened before it is text.
        for bracket in self._open:
            if not bracket.is_image:
                self._out[bracket.place] = r"\["
        self._open = [bracket for bracket in self._open if bracket.is_image]

    def _angle(self, start: int) -> int:
        link = _AUTOLINK.match(self._line, start)
        if link is None:
            self._out.append(r"\<")
            return start + 1
        self._out.append(_UNSAFE_IN_URL.sub(_percent, link[1]) + " ")
        return link.end()


def _runs(line: str) -> defaultdict[str, list[int]]:
    """Where each run of backticks or dollars begins, by the run itself."""
    starts: defaultdict[str, list[int]] = defaultdict(list)
    for run in re.finditer(r"`+|\$+", line):
        starts[run[0]].append(run.start())
    return starts


def _is_formula(line: str, run: str, start: int, end: int) -> bool:
    """Whether a pair of dollars holds a formula rather than two prices, by pandoc's rule, and one KaTeX may have."""
    body = line[start:end]
    if not body.strip() or not is_harmless_formula(body):
        return False
    if run == "$$":
        return True
    return not body[0].isspace() and not body[-1].isspace() and not line[end + 1 : end + 2].isdigit()


def is_harmless_formula(body: str) -> bool:
    """Whether TeX is short, defines nothing, and would be no image or code where formulas are not known."""
    return len(body) <= LONGEST_FORMULA and not _FORBIDDEN_IN_FORMULA.search(body)


def _broken_up(code: str) -> str:
    return code.replace("![", r"!\[").replace("](", r"]\(")


def is_allowed(url: str) -> bool:
    """Whether a link may lead there: http and https with a host, and mailto."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme.lower() not in _LINK_SCHEMES:
        return False
    return scheme.lower() == "mailto" or (rest.startswith("//") and bool(host_of(url)))


def _shows_host(text: str, host: str) -> bool:
    """Whether the link's own text is its address: then the host need not be said twice."""
    shown = text.strip("*_ `").lower().removeprefix("https://").removeprefix("http://")
    return shown == host or shown.startswith((f"{host}/", f"{host}:"))


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace"))
