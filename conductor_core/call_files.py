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

Writer = Callable[[Iterable[list[Call]]], Iterator[str]]

COLUMNS = tuple(field.name for field in fields(Call) if field.name != "api_key_id")
"""Every field of a call but whose key of ours asked; `started_at` is written as ISO 8601 in UTC."""

# OWASP ASVS 1.2.10: signs that make a spreadsheet compute, their full-width forms, and what it skips before them.
_FORMULA = re.compile("^[\\s\0]*[=+\\-@＝＋－＠]|^[\t\r\n\0]")
_row = attrgetter(*COLUMNS)
_STARTED = COLUMNS.index("started_at")


def csv(blocks: Iterable[list[Call]]) -> Iterator[str]:
    """The lines of a CSV file (RFC 4180), its head first."""
    yield _lines([COLUMNS])
    for block in blocks:
        yield _lines([tuple(map(cell, _values(call))) for call in block])


def jsonl(blocks: Iterable[list[Call]]) -> Iterator[str]:
    """One JSON object a line; null is "not known"."""
    for block in blocks:
        yield "".join(f"{orjson.dumps(dict(zip(COLUMNS, _values(call), strict=True))).decode()}\n" for call in block)


def cell(value: object) -> object:
    """A value as a cell: a text that a spreadsheet would compute begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _values(call: Call) -> tuple[Any, ...]:
    values = list(_row(call))
    values[_STARTED] = datetime.fromtimestamp(call.started_at / 1000, UTC).isoformat(timespec="milliseconds")
    return tuple(values)


def _lines(rows: Iterable[tuple[object, ...]]) -> str:
    text = StringIO(newline="")
    csv_module.writer(text).writerows(rows)
    return text.getvalue()
