"""Every prompt in every lane: a table whose cells open their answers; it is sent one page at a time."""

from __future__ import annotations

from typing import Any

import streamlit as st

from conductor_core.kinds import CellState, CheckResult
from conductor_core.prompt_sets.figures import chosen
from conductor_core.prompt_sets.sets import RunView
from conductor_core.store.set_rows import SetCell
from dashboard import runtime, set_actions, set_downloads, state
from dashboard.components import numbers, untrusted
from dashboard.components.browser import component
from dashboard.components.packed import packed
from dashboard.components.who import look_of, name_of

PAGE = 25
KEY = "cells"
ALL_TAGS = "all tags"
PROMPT_CHARACTERS = 160
DOWNLOADS = "All prompts in all lanes, with their answers"
STATES = {
    CellState.WAITING: "waits",
    CellState.RUNNING: "asked …",
    CellState.JUDGING: "judged …",
    CellState.DONE: "answered",
    CellState.FAILED: "failed",
    CellState.STOPPED: "stopped",
    CellState.INTERRUPTED: "cut off",
    CellState.UNJUDGED: "to be checked",
}
RESULTS = {
    CheckResult.PASS: ("✓ pass", "pass"),
    CheckResult.FAIL: ("✗ fail", "fail"),
    CheckResult.UNCLEAR: ("? unclear", "unclear"),
}
"""What people read, and how it is coloured."""


def draw(view: RunView, sets: state.SetsState) -> None:
    """The filter, and one page of the prompts it leaves."""
    tag, failed = _filter(view)
    numbers_of = chosen(view.cells, view.facets, tag, failed=failed)
    pages = max(1, -(-len(numbers_of) // PAGE))
    sets.page = min(sets.page, pages - 1)
    shown = numbers_of[sets.page * PAGE : (sets.page + 1) * PAGE]
    told = component("cells", css="cells.css")(
        key=KEY,
        data=packed(data_of(view, shown, sets.page, pages, len(numbers_of))),
        on_turn_change=lambda: set_actions.turn(int(st.session_state[KEY]["turn"])),
        on_open_change=lambda: set_actions.open_cell(str(st.session_state[KEY]["open"])),
    )
    if told.open:
        st.rerun()


def _filter(view: RunView) -> tuple[str, bool]:
    tags = sorted({tag for _, _, tags in view.facets for tag in tags})
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="set-filter"):
        st.markdown("**Answers**", width="content")
        tag = ALL_TAGS
        if tags:
            tag = st.selectbox(
                "Tag",
                [ALL_TAGS, *tags],
                format_func=untrusted.isolated,
                key=f"set-tag-{view.run.id}",
                on_change=set_actions.first_page,
                label_visibility="collapsed",
                width=200,
            )
        failed = st.toggle("Failed only", key=f"set-failed-{view.run.id}", on_change=set_actions.first_page)
    return ("" if tag == ALL_TAGS else tag), failed


def data_of(view: RunView, shown: list[int], page: int, pages: int, found: int) -> dict[str, Any]:
    """What the browser draws."""
    rows = runtime.get_conductor().store.sets
    prompts = rows.prompts(view.run.set_id, shown[0], shown[-1] - shown[0] + 1) if shown else []
    texts = {prompt.number: prompt for prompt in prompts}
    cells = {(cell.number, cell.lane): cell for cell in view.cells}
    lanes = range(len(view.setup.lanes))
    return {
        "lanes": [_lane(view, lane) for lane in lanes],
        "rows": [
            {
                "number": number + 1,
                "prompt": untrusted.isolated(texts[number].prompt[:PROMPT_CHARACTERS]),
                "tags": untrusted.isolated(", ".join(texts[number].tags)),
                "cells": [_cell(cells.get((number, lane)), number, lane) for lane in lanes],
            }
            for number in shown
        ],
        "newer": page > 0,
        "older": page + 1 < pages,
        "said": f"page {page + 1} of {pages} · {numbers.count(found)} prompt{'' if found == 1 else 's'}",
        "downloads": [
            {"name": name, "address": set_downloads.address(kind, view.run.id), "words": DOWNLOADS}
            for kind, name in (("csv", "CSV"), ("jsonl", "JSONL"))
        ],
    }


def _lane(view: RunView, lane: int) -> dict[str, str]:
    setup = view.setup.lanes[lane]
    look = look_of(setup.provider)
    name = f"{name_of(setup.provider)} {setup.model or ''}"
    return {"mark": look.mark, "colour": look.colour, "name": untrusted.isolated(f"{lane + 1} {name}")}


def _cell(cell: SetCell | None, number: int, lane: int) -> dict[str, str]:
    place = f"{number + 1}-{lane + 1}"
    if cell is None:
        return {"place": place, "words": numbers.MISSING, "kind": "waits", "facts": ""}
    said, kind = RESULTS[cell.result] if cell.result else (STATES[cell.state], _kind(cell))
    return {"place": place, "words": said, "kind": kind, "facts": facts(cell)}


def _kind(cell: SetCell) -> str:
    if cell.state is CellState.FAILED:
        return "fail"
    return "done" if cell.state is CellState.DONE else "waits"


def facts(cell: SetCell) -> str:
    """`0.42 s · 31 → 118 · $0.0004`; nothing of a cell that has not ended."""
    if cell.latency_ms is None or not (cell.state.ended or cell.result):
        return ""
    parts = [
        numbers.seconds(cell.latency_ms),
        numbers.tokens(cell.prompt_tokens, cell.completion_tokens),
        numbers.money(cell.cost_usd, cell.cost_kind),
    ]
    return " · ".join(parts)
