"""Calls as CSV or JSON lines, block by block. What an upstream wrote can't become a formula in a spreadsheet."""

from __future__ import annotations

import csv as csv_module
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from io import StringIO
from operator import attrgetter
from typing import Any

import orjson

from conductor_core.metrics.call import Call

NameOf = Callable[[str], str]
"""The name of the API key that has an id."""
Writer = Callable[[Iterable[list[Call]], NameOf], Iterator[str]]

_fields = tuple(field.name for field in fields(Call))
COLUMNS = tuple("api_key" if name == "api_key_id" else name for name in _fields)
"""Every field of a call; `started_at` is written as ISO 8601 in UTC, `api_key` as the key's name."""

# OWASP ASVS 1.2.10: signs that make a spreadsheet compute, their full-width forms, and what it skips before them.
_FORMULA = re.compile("^[\\s\0]*[=+\\-@＝＋－＠]|^[\t\r\n\0]")
_row = attrgetter(*_fields)
_STARTED, _KEY = COLUMNS.index("started_at"), COLUMNS.index("api_key")


def csv(blocks: Iterable[list[Call]], name_of: NameOf) -> Iterator[str]:
    """The lines of a CSV file (RFC 4180), its head first."""
    yield _lines([COLUMNS])
    for block in blocks:
        yield _lines([tuple(map(cell, _values(call, name_of))) for call in block])


def jsonl(blocks: Iterable[list[Call]], name_of: NameOf) -> Iterator[str]:
    """One JSON object a line; null is "not known"."""
    for block in blocks:
        yield "".join(
            f"{orjson.dumps(dict(zip(COLUMNS, _values(call, name_of), strict=True))).decode()}\n" for call in block
        )


def cell(value: object) -> object:
    """A value as a cell: a text that a spreadsheet would compute begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _values(call: Call, name_of: NameOf) -> tuple[Any, ...]:
    values = list(_row(call))
    values[_STARTED] = datetime.fromtimestamp(call.started_at / 1000, UTC).isoformat(timespec="milliseconds")
    values[_KEY] = name_of(call.api_key_id) if call.api_key_id else None
    return tuple(values)


def _lines(rows: Iterable[tuple[object, ...]]) -> str:
    text = StringIO(newline="")
    csv_module.writer(text).writerows(rows)
    return text.getvalue()
