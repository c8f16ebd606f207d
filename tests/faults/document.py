"""Writes `docs/faults.md` from the table: `python -m tests.faults.document`."""

from __future__ import annotations

from pathlib import Path

from tests.faults.table import ROWS, Row

_INTRODUCTION = """# What happens when something fails

Every fault Conductor is built for, what it does, and the test that proves it on real sockets, files and processes.
One request is sent at most three times over all providers, inside one deadline. After the first visible word nothing
is retried or switched: what has come is kept and called incomplete. A provider that was named is never left for
another one; only AUTO falls back, and says so in the thread. The numbers are settings.

This file is written by `python -m tests.faults.document`, and a test keeps it current.

| | fault | what happens | proven by |
| --- | --- | --- | --- |
"""


def text() -> str:
    """The whole document."""
    return _INTRODUCTION + "".join(map(_line, ROWS))


def _line(row: Row) -> str:
    behaviour = f"{row.behaviour} **Limit:** {row.limit}" if row.limit else row.behaviour
    return f"| {row.number} | {row.fault} | {behaviour} | {_tests(row)} |\n"


def _tests(row: Row) -> str:
    found = [f"`tests/faults/test_table.py -k {row.name}`"] if row.scenario else []
    return "<br>".join(found + [f"`{test}`" for test in row.tests]) or "–"


if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs/faults.md").write_text(text())
