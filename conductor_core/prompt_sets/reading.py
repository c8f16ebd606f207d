"""A prompt set as people bring it: CSV or JSON lines, read with every refusal naming line, field and bound."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from conductor_core.kinds import CheckKind
from conductor_core.text import is_blank, is_clean

MOST_BYTES = 5_000_000
MOST_ROWS = 2_000
PROMPT_CHARACTERS = 50_000
EXPECTED_CHARACTERS = 20_000
MOST_TAGS = 10
TAG_CHARACTERS = 40
MOST_PROBLEMS = 50
"""So many are told; a file with more is not the file that was meant."""

_FIELDS = {
    "prompt": "prompt",
    "question": "prompt",
    "input": "prompt",
    "expected": "expected",
    "expected_answer": "expected",
    "answer": "expected",
    "tags": "tags",
    "tag": "tags",
    "check": "check",
}
_CHECKS = {
    **{str(kind): kind for kind in CheckKind},
    "schema": CheckKind.JSON_SCHEMA,
    "judged": CheckKind.JUDGE,
}
_DELIMITERS = (",", ";", "\t")
_OWN = CheckKind.JSON_SCHEMA


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt as it was read. `line` is where it begins; `check` is None where the file names none."""

    line: int
    prompt: str
    expected: str = ""
    check: CheckKind | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line, as a sentence that names it; line 0 is the file as a whole."""

    line: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file came to.

    Attributes:
        rows: the prompts that can be used.
        problems: what can't, at most `MOST_PROBLEMS`.
        ignored: columns or fields that mean nothing here.
    """

    rows: tuple[Row, ...] = ()
    problems: tuple[Problem, ...] = ()
    ignored: tuple[str, ...] = ()


class _Refused(Exception):
    """A line that can't be used; `str()` goes on after its number."""


def read(data: bytes | str, name: str = "") -> Reading:
    """Reads a file or a pasted text; never raises.

    Args:
        name: the file's, whose ending says what it is; without one, a text that begins with `{` is JSON lines.
    """
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        return _refused(f"The file has {size:,} bytes; the limit is {MOST_BYTES:,}.")
    try:
        text = _decoded(data)
    except _Refused as refusal:
        return _refused(str(refusal))
    if is_blank(text):
        return _refused("There is nothing in it.")
    lines = name.lower().endswith((".jsonl", ".ndjson")) or (
        not name.lower().endswith(".csv") and text.lstrip().startswith("{")
    )
    return _Reader(_json_lines if lines else _csv).read(text)


def with_default(rows: Sequence[Row], kind: CheckKind | None) -> tuple[Row, ...]:
    """Rows that name no check get this one, where they have what it needs: an expected answer, if not the judge's."""
    return tuple(
        replace(row, check=kind) if row.check is None and (row.expected or kind is CheckKind.JUDGE) else row
        for row in rows
    )


class _Reader:
    """Goes through a file and sorts what it finds into rows and problems."""

    def __init__(self, entries: Callable[[str, _Reader], Iterator[tuple[int, Mapping[str, Any]]]]) -> None:
        self._entries = entries
        self._rows: list[Row] = []
        self._problems: list[Problem] = []
        self.ignored: dict[str, None] = {}

    def read(self, text: str) -> Reading:
        """All of it, or as much as makes sense."""
        for line, values in self._entries(text, self):
            if len(self._rows) == MOST_ROWS:
                self.refuse(line, f"There are more than {MOST_ROWS:,} prompts, which is the limit.")
                break
            try:
                self._rows.append(_row(line, values))
            except _Refused as refusal:
                self.refuse(line, f"Line {line:,}: {refusal}")
            if len(self._problems) >= MOST_PROBLEMS:
                self.refuse(line, f"Reading stopped after {MOST_PROBLEMS} problems.")
                break
        if not self._rows and not self._problems:
            self.refuse(0, "There is no prompt in it.")
        return Reading(tuple(self._rows), tuple(self._problems), tuple(self.ignored))

    def refuse(self, line: int, sentence: str) -> None:
        """Notes what is wrong."""
        self._problems.append(Problem(line, sentence))


def _csv(text: str, reader: _Reader) -> Iterator[tuple[int, dict[str, str]]]:
    """Each record by its header's names. Commas, semicolons, tabs, Excel's `sep=`, quoted line ends: all are read."""
    skipped, delimiter = 0, ""
    if text[:4].lower() == "sep=":
        first, _, text = text.partition("\n")
        skipped, delimiter = 1, first.rstrip("\r")[4:5]
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text), strict=True)
    names: list[str] = []
    line = 0
    try:
        for record in records:
            line, before = records.line_num + skipped, line or skipped
            if not any(cell.strip() for cell in record):
                continue
            if not names:
                names = _header(record, before + 1, reader)
                if not names:
                    return
            elif len(record) > len(names) and any(cell.strip() for cell in record[len(names) :]):
                told = f"has {len(record)} cells, and the header names {len(names)}. Put quotes around commas."
                reader.refuse(before + 1, f"Line {before + 1:,}: {told}")
            else:
                yield before + 1, dict(zip(names, record, strict=False))
    except csv.Error as error:
        reader.refuse(records.line_num + skipped, f"Line {records.line_num + skipped:,}: {_csv_words(error)}")


def _header(record: Sequence[str], line: int, reader: _Reader) -> list[str]:
    """What each column holds; empty when there is no use in going on."""
    names = [_FIELDS.get(_plain(cell), "") for cell in record]
    for cell, name in zip(record, names, strict=True):
        if not name and cell.strip():
            reader.ignored[cell.strip()[:60]] = None
    twice = {name for name in names if name and names.count(name) > 1}
    if twice:
        reader.refuse(line, f"Line {line:,}: two columns are the {twice.pop()}. Leave one out.")
    elif "prompt" not in names:
        reader.refuse(line, f"Line {line:,}: no column is called prompt. The first line names the columns.")
    else:
        return names
    return []


def _delimiter(text: str) -> str:
    """The one that makes sense of the first line, else the one it has most of."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    found = {one: [_FIELDS.get(_plain(cell.strip('"'))) for cell in line.split(one)] for one in _DELIMITERS}
    return max(_DELIMITERS, key=lambda one: (sum(map(bool, found[one])), line.count(one)))


def _csv_words(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a cell is longer than {csv.field_size_limit():,} characters. Is a quote missing?"
    if "unexpected end" in str(error):
        return "a quote is opened and never closed."
    return f"is not CSV ({error})."


def _json_lines(text: str, reader: _Reader) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each object, its fields' names in any case."""
    for line, told in enumerate(text.split("\n"), 1):
        if not told.strip():
            continue
        try:
            value = orjson.loads(told)
        except orjson.JSONDecodeError as error:
            reader.refuse(line, f"Line {line:,}: is not JSON ({error.msg}, column {error.colno}).")
            continue
        if not isinstance(value, dict):
            reader.refuse(line, f'Line {line:,}: is no object, like {{"prompt": "…"}}.')
            continue
        known: dict[str, Any] = {}
        for key, one in value.items():
            name = _FIELDS.get(_plain(key))
            if name and one is not None:
                known.setdefault(name, one)
            elif not name:
                reader.ignored[key[:60]] = None
        yield line, known


def _row(line: int, values: Mapping[str, Any]) -> Row:
    """A row within its bounds; raises `_Refused`."""
    prompt = _text(values.get("prompt", ""), "prompt", PROMPT_CHARACTERS)
    if is_blank(prompt):
        raise _Refused("prompt is empty. Write at least one visible character, or leave the line out.")
    check = _check(values.get("check", ""))
    expected = values.get("expected", "")
    if not isinstance(expected, str) and (check in (None, _OWN) or not isinstance(expected, dict | list)):
        expected = orjson.dumps(expected).decode()
    expected = _text(expected, "expected", EXPECTED_CHARACTERS)
    if check not in (None, CheckKind.JUDGE) and not expected.strip():
        raise _Refused(f"expected is empty, and the check “{check}” needs it.")
    return Row(line, prompt, expected, check, _tags(values.get("tags", ())))


def _text(value: Any, field: str, most: int) -> str:
    if not isinstance(value, str):
        raise _Refused(f"{field} is no text but {_kind(value)}.")
    if len(value) > most:
        raise _Refused(f"{field} has {len(value):,} characters; the limit is {most:,}.")
    if not is_clean(value):
        raise _Refused(f"{field} holds a NUL or half a character, which can't be stored.")
    return value


def _check(value: Any) -> CheckKind | None:
    if not isinstance(value, str):
        raise _Refused(f"check is no text but {_kind(value)}.")
    if not value.strip():
        return None
    kind = _CHECKS.get(_plain(value))
    if kind is None:
        raise _Refused(f"check is “{value.strip()[:40]}”; it can be {', '.join(CheckKind)}.")
    return kind


def _tags(value: Any) -> tuple[str, ...]:
    """Short words in lower case, each once; of a text, what is between commas, semicolons or bars."""
    if isinstance(value, str):
        value = value.replace(";", ",").replace("|", ",").split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) for tag in value):
        raise _Refused("tags are neither a text nor a list of texts.")
    tags = dict.fromkeys(tag for tag in (" ".join(tag.split()).lower() for tag in value) if tag)
    if len(tags) > MOST_TAGS:
        raise _Refused(f"tags: there are {len(tags)}; the limit is {MOST_TAGS}.")
    long = next((tag for tag in tags if len(tag) > TAG_CHARACTERS), None)
    if long:
        raise _Refused(f"tags: one has {len(long):,} characters; the limit is {TAG_CHARACTERS}.")
    if not all(map(is_clean, tags)):
        raise _Refused("tags hold a NUL or half a character, which can't be stored.")
    return tuple(tags)


def _plain(name: str) -> str:
    return name.strip().strip("\ufeff").casefold().replace(" ", "_").replace("-", "_")


def _kind(value: Any) -> str:
    names = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "something else")


def _decoded(data: bytes | str) -> str:
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            raise _Refused("The file says that it is UTF-16, and is not. Save it as UTF-8.") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise _Refused(f"Line {line:,}: is not UTF-8 (byte 0x{byte:02X}). Save the file as UTF-8.") from None


def _refused(sentence: str) -> Reading:
    return Reading(problems=(Problem(0, sentence),))
