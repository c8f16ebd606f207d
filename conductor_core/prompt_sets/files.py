"""The results of a run as CSV or JSON lines, block by block: one line per prompt and lane, those not asked yet too."""

from __future__ import annotations

import csv as csv_module
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import orjson

from conductor_core.call_files import cell as safe
from conductor_core.store.set_rows import SetCell, SetPrompt, SetRows, SetRun

COLUMNS = (
    "number",
    "line",
    "prompt",
    "expected",
    "check",
    "tags",
    "lane",
    "provider",
    "model",
    "state",
    "result",
    "note",
    "answer",
    "failure",
    "judged",
    "ttft_ms",
    "latency_ms",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
    "cost_kind",
    "interruptions",
    "request_id",
    "ended_at",
)
"""`lane` counts from 1, times are UTC; each of the `interruptions` may have been billed as well."""

Writer = Callable[[SetRows, SetRun], Iterator[str]]


def csv(rows: SetRows, run: SetRun) -> Iterator[str]:
    """The lines of a CSV file (RFC 4180), its head first. No text can become a formula in a spreadsheet."""
    yield _lines([COLUMNS])
    for block in _blocks(rows, run):
        yield _lines([tuple(safe(_flat(value)) for value in line.values()) for line in block])


def jsonl(rows: SetRows, run: SetRun) -> Iterator[str]:
    """One JSON object a line; null is "not known"."""
    for block in _blocks(rows, run):
        yield "".join(f"{orjson.dumps(line).decode()}\n" for line in block)


def _blocks(rows: SetRows, run: SetRun) -> Iterator[list[dict[str, Any]]]:
    lanes = run.setup["lanes"]
    for prompts in rows.blocks(run.set_id):
        found = {(cell.number, cell.lane): cell for cell in rows.cells(run.id, [prompt.number for prompt in prompts])}
        yield [
            _line(prompt, found.get((prompt.number, lane)) or _unasked(run, prompt, lane))
            for prompt in prompts
            for lane in range(len(lanes))
        ]


def _unasked(run: SetRun, prompt: SetPrompt, lane: int) -> SetCell:
    cell = SetCell.of(run.id, prompt.number, lane)
    cell.provider, cell.model = run.setup["lanes"][lane]["provider"], run.setup["lanes"][lane]["model"] or ""
    return cell


def _line(prompt: SetPrompt, cell: SetCell) -> dict[str, Any]:
    known: dict[str, Any] = {
        "number": prompt.number + 1,
        "line": prompt.line,
        "prompt": prompt.prompt,
        "expected": prompt.expected,
        "check": prompt.check_kind,
        "tags": prompt.tags,
        "lane": cell.lane + 1,
        "ended_at": None
        if cell.ended_at is None
        else datetime.fromtimestamp(cell.ended_at / 1000, UTC).isoformat(timespec="milliseconds"),
    }
    return {name: known[name] if name in known else getattr(cell, name) for name in COLUMNS}


def _flat(value: object) -> object:
    return ", ".join(value) if isinstance(value, tuple) else value


def _lines(rows: list[tuple[object, ...]]) -> str:
    text = StringIO(newline="")
    csv_module.writer(text).writerows(rows)
    return text.getvalue()
