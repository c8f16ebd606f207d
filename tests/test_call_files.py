"""Calls as files: what a spreadsheet reads is what was measured, and nothing in it computes."""

from __future__ import annotations

import csv as csv_module
import json
from io import StringIO

import pytest

from conductor_core.call_files import COLUMNS, cell, csv, jsonl
from tests.store.rows import finished


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠", "  =", "\0="])
def test_a_text_that_would_compute_begins_with_an_apostrophe(sign: str) -> None:
    """Every sign that a spreadsheet takes for a formula, and what it skips before one."""
    assert cell(f"{sign}1+1") == f"'{sign}1+1"


@pytest.mark.parametrize("value", ["gpt-4o", "a=b", "", None, 0.5, -3, True])
def test_all_else_stays_as_it_is(value: object) -> None:
    """Numbers, also negative ones, above all."""
    assert cell(value) is value


def test_a_row_survives_quotes_commas_and_lines() -> None:
    """As RFC 4180 has it, with its line ends."""
    said = 'He said "no",\r\nthen\nnothing'
    text = "".join(csv([[finished(error=said)]], str.upper))
    head, row = csv_module.reader(StringIO(text, newline=""))
    assert tuple(head) == COLUMNS
    assert row[COLUMNS.index("error")] == said
    assert text.endswith("\r\n")


def test_times_are_iso_and_what_is_unknown_is_empty() -> None:
    """Milliseconds are kept."""
    (row,) = csv_module.DictReader(StringIO("".join(csv([[finished(started_at=1_500, cost_usd=None)]], str.upper))))
    assert (row["started_at"], row["cost_usd"]) == ("1970-01-01T00:00:01.500+00:00", "")


def test_a_call_names_the_key_it_was_asked_with() -> None:
    """By the key's name and not its id; a name that would compute does not."""
    calls = [finished(api_key_id="a" * 32), finished()]
    rows = list(csv_module.DictReader(StringIO("".join(csv([calls], lambda id: f"={id[:2]}")))))
    assert [row["api_key"] for row in rows] == ["'=aa", ""]
    lines = "".join(jsonl([calls], lambda id: f"={id[:2]}")).splitlines()
    assert [json.loads(line)["api_key"] for line in lines] == ["=aa", None]
    assert "api_key_id" not in rows[0]


def test_a_line_of_json_is_one_call() -> None:
    """Numbers as numbers, unknown as null, block after block."""
    text = "".join(jsonl([[finished(), finished(error="=1")], [finished(cost_usd=None)]], str.upper))
    told = [json.loads(line) for line in text.splitlines()]
    assert [call["error"] for call in told] == [None, "=1", None]
    assert told[0]["latency_ms"] == 812.25
    assert told[2]["cost_usd"] is None


def test_nothing_is_read_before_it_is_asked_for() -> None:
    """A file of a million rows is made as it is read."""
    blocks = iter([[finished()], [finished()]])
    lines = csv(blocks, str.upper)
    next(lines)
    assert len(list(blocks)) == 2
