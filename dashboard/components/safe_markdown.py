"""Untrusted markdown made safe to hand to Streamlit, which loads remote images and draws its own icons from it.

Blocks of code are passed on as they are; everything else goes line by line through `safe_inline`. A block of code is
written out again so that any CommonMark parser agrees where it ends: each line at least as far in as its fence, the
closing fence exactly so, and an empty line before one that is inside a list or a quote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from dashboard.components.safe_inline import is_harmless_formula, safe_line

LONGEST_TEXT = 200_000
LONGEST_CODE = 50_000
MOST_ROWS = 200
DEEPEST = 12
WIDEST_INDENT = 60

# Nothing in a text without these can be an image, a link, HTML, a formula, a directive or a hidden direction change.
_SUSPICIOUS = re.compile(
    r"[`~$<|\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f\r\0]|!\[|\]\(|\]:|:[a-z][\w-]*[\[{/_:]|^[ \t>]*::"
    r"|www\.|://|^(?:[ \t]*(?:[>*+-]|\d{1,9}[.)])){12}|^[ \t]{60}",
    re.IGNORECASE | re.MULTILINE,
)
_PREFIX = re.compile(r"[ \t]*(?:(?:>|(?:[-*+]|\d{1,9}[.)])(?=[ \t]))[ \t]*)*")
_MARKER = re.compile(r">|[-*+]|\d{1,9}[.)]")
_FENCE = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$|(\${2,})[ \t]*$")
_DEFINITION = re.compile(r"\[([^\[\]]{1,200})\]:[ \t]*<?([^\s<>]{0,2000})")
_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")
_DRAWN = frozenset({"mermaid"})  # which Streamlit would run as a program that draws; a reader gets its source
_HIDDEN = re.compile("(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+|[\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class SafeMarkdown:
    """Text for `st.markdown`, and whether it is all there was."""

    text: str
    is_whole: bool


def safe_markdown(text: str) -> SafeMarkdown:
    """`text` with no image, HTML, directive or unbounded block left in it. Takes about 1 ms per 10 KB.

    Code stays as written, save that a block is cut at 50,000 characters and characters that change the direction of
    writing are shown by name (CVE-2021-42574).
    """
    is_whole = len(text) <= LONGEST_TEXT
    text = text[:LONGEST_TEXT]
    if not _SUSPICIOUS.search(text):
        return SafeMarkdown(text, is_whole)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    text = _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0][0]):04X}⟩", text)
    document = _Document(text.split("\n"))
    document.rewrite()
    return SafeMarkdown("\n".join(document.out), is_whole and not document.was_cut)


@dataclass(slots=True)
class _Document:
    """The state of one pass over the lines."""

    lines: list[str]
    out: list[str] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)
    was_cut: bool = False
    rows: int = 0
    in_list: bool = False
    formulas_end: bool = True
    may_be_code: bool = True

    def rewrite(self) -> None:
        self._collect_references()
        index = 0
        while index < len(self.lines):
            index = self._block(index)

    def _collect_references(self) -> None:
        for line in self.lines:
            found = _DEFINITION.match(line.lstrip(" >")) if "]:" in line else None
            if found:
                self.references.setdefault(found[1].strip().lower(), found[2])

    def _block(self, index: int) -> int:
        """Writes the block that begins at a line and returns the line after it."""
        line = self.lines[index]
        prefix = _PREFIX.match(line)
        before = prefix[0] if prefix else ""
        fence = _FENCE.match(line, len(before))
        if fence and fence[5]:
            return self._formula(index, before, fence[5])
        if fence:
            return self._code(index, before, fence[1] or fence[3], fence[2] or fence[4] or "")
        indented = before.startswith(("    ", "\t"))
        if indented and self.may_be_code and not self.in_list and not before.strip(" \t"):
            # Code by its indent, for sure: no paragraph it could go on with, no list or quote it could be in.
            self.out.append(line)
            return index + 1
        self._prose(before, line[len(before) :])
        return index + 1

    def _prose(self, before: str, rest: str) -> None:
        self.may_be_code = not (before + rest).strip(" \t")
        if any(marker not in " \t>" for marker in before):
            self.in_list = True
        elif rest and not before:
            self.in_list = self.in_list and bool(self.out and self.out[-1].strip(" \t"))
        if self._is_surplus_row(rest):
            return
        if rest.startswith("["):
            rest = _escaped_definition(rest)
        if rest.startswith("::"):
            rest = rest.replace(":", r"\:", len(rest) - len(rest.lstrip(":")))
        self.out.append(_shallow(before) + safe_line(rest, self.references))

    def _is_surplus_row(self, rest: str) -> bool:
        self.rows = self.rows + 1 if "|" in rest else 0
        if self.rows == MOST_ROWS + 1:
            self.was_cut = True
            self.out.extend(("", f"*The table goes on; its first {MOST_ROWS} rows are shown.*", ""))
        return self.rows > MOST_ROWS

    def _code(self, index: int, before: str, fence: str, info: str) -> int:
        named = _LANGUAGE.match(info.strip())
        language = named[0] if named and named[0].lower() not in _DRAWN else ""
        before, inside = self._begin_block(before)
        self.out.append(f"{before}{fence}{language}")
        body, after, is_closed = self._body(index + 1, inside, fence)
        self._write_code(body, inside)
        if is_closed:
            self.out.append(f"{inside}{fence}")
        self.rows = 0
        return after

    def _write_code(self, body: list[str], inside: str) -> None:
        size = 0
        for line in body:
            size += len(line) + 1
            if size > LONGEST_CODE:
                self.was_cut = True
                self.out.append(f"{inside}… cut here: the block is longer than {LONGEST_CODE:,} characters")
                return
            self.out.append(f"{inside}{line}" if line or ">" in inside else "")

    def _formula(self, index: int, before: str, fence: str) -> int:
        """A block formula, when it ends and is harmless; else its lines are prose."""
        shallow = _shallow(_expanded(before))
        inside = _continued(shallow)
        if self.formulas_end:
            body, after, is_closed = self._body(index + 1, inside, fence)
            if is_closed and is_harmless_formula("\n".join(body)):
                before, inside = self._begin_block(before)
                self.out += [f"{before}{fence}", *(f"{inside}{line}" for line in body), f"{inside}{fence}"]
                return after
            # Looked for to the end in vain: not again for every later pair of dollars.
            self.formulas_end = is_closed
        self._prose(before, "\\$" * len(fence))
        return index + 1

    def _begin_block(self, before: str) -> tuple[str, str]:
        """What to write before the opening fence and before every line under it."""
        shallow = _shallow(_expanded(before))
        if shallow and self.out and self.out[-1].strip(" \t"):
            self.out.append("")
        if shallow.strip(" >"):
            self.in_list = True
        self.may_be_code = False
        return shallow, _continued(shallow)

    def _body(self, index: int, inside: str, fence: str) -> tuple[list[str], int, bool]:
        """The lines of a block, the line after it, and whether its closing fence came."""
        body: list[str] = []
        quotes = inside.count(">")
        closing = re.compile(rf"[ \t]*{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$")
        while index < len(self.lines):
            line = self.lines[index]
            if quotes:
                unquoted = re.match(rf"(?:[ \t]*>){{{quotes}}} ?", line)
                if unquoted is None:
                    return body, index, True
                line = line[unquoted.end() :]
            if closing.match(line) and _width(line) <= len(inside) + 3:
                return body, index + 1, True
            body.append(_outdented(line, 0 if quotes else len(inside)))
            index += 1
        return body, index, False


def _escaped_definition(rest: str) -> str:
    """A link definition or footnote as text: another line could make an image of it."""
    return rf"\{rest}" if _DEFINITION.match(rest) or "]:" in rest else rest


def _shallow(before: str) -> str:
    """Block markers, at most twelve of them and at most 60 columns in: browsers freeze on ten thousand."""
    indent = len(before) - len(before.lstrip(" \t"))
    if indent > WIDEST_INDENT:
        before = " " * WIDEST_INDENT + before[indent:]
    markers = list(_MARKER.finditer(before))
    if len(markers) > DEEPEST or len(before) > 2 * WIDEST_INDENT:
        return " ".join(marker[0] for marker in markers[:DEEPEST]) + " "
    return before


def _expanded(before: str) -> str:
    return before.expandtabs(4)


def _continued(before: str) -> str:
    """What stands before the further lines of a block: the quotes stay, list markers become blanks."""
    return re.sub(r"[^> ]", " ", before)


def _width(line: str) -> int:
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip(" "))


def _outdented(line: str, columns: int) -> str:
    """A line of code without the indent that belongs to its fence."""
    if not columns:
        return line
    indent = len(line) - len(line.lstrip(" \t"))
    blanks = line[:indent].expandtabs(4)
    return blanks[min(columns, len(blanks)) :] + line[indent:]
