"""One cell of a run in a dialog: the prompt, the whole answer, what its check came to, its facts."""

from __future__ import annotations

import streamlit as st

from conductor_core.errors import NotFound
from conductor_core.kinds import CellState, CheckResult
from conductor_core.prompt_sets.sets import RunView
from conductor_core.store.set_rows import SetCell, SetPrompt
from dashboard import runtime, set_actions
from dashboard.components import numbers, set_grid, untrusted
from dashboard.components.who import name_of, show

_NO_ANSWER = {
    CellState.WAITING: "It was not asked yet.",
    CellState.RUNNING: "It is being asked just now.",
    CellState.INTERRUPTED: "Conductor ended while it was being asked. Resuming the run asks it again.",
}


def opened(view: RunView) -> None:
    """Opens the cell that the address names, if any."""
    place = st.query_params.get(set_actions.CELL)
    if not place:
        return
    try:
        number, lane = (int(part) - 1 for part in place.split("-"))
        prompt, cell = runtime.get_conductor().prompt_sets.cell(view.run.id, number, lane)
    except (NotFound, ValueError):
        set_actions.close_cell()
        st.toast("There is no such cell.")
        return
    _dialog(view, prompt, cell)


@st.dialog("Answer", width="large", on_dismiss=set_actions.close_cell)
def _dialog(view: RunView, prompt: SetPrompt, cell: SetCell) -> None:
    lane = _lane(view, cell)
    if lane != cell.lane:
        prompt, cell = runtime.get_conductor().prompt_sets.cell(view.run.id, cell.number, lane)
    setup = view.setup.lanes[cell.lane]
    show(cell.provider or setup.provider, f"{cell.model or setup.model or ''} · temp {setup.temperature:g}")
    with st.container(key=f"said-{prompt.id}"):
        untrusted.markdown(prompt.prompt)
    _answer(cell)
    with st.container(key="facts-cell"):
        st.caption(numbers.unbroken(untrusted.plain(_facts(cell))))
    _check(prompt, cell)
    if cell.interruptions:
        times = "once" if cell.interruptions == 1 else f"{cell.interruptions} times"
        untrusted.warning(f"Conductor ended {times} while this was being asked: it may have been billed so often more.")
    if cell.request_id:
        untrusted.caption(f"Prompt {prompt.number + 1}, line {prompt.line} · request {cell.request_id}")


def _lane(view: RunView, cell: SetCell) -> int:
    """Another lane's answer to the same prompt, by choice."""
    lanes = len(view.setup.lanes)
    if lanes == 1:
        return cell.lane
    return st.segmented_control(
        "Lane",
        range(lanes),
        default=cell.lane,
        required=True,
        format_func=lambda lane: f"{lane + 1} · {untrusted.plain(name_of(view.setup.lanes[lane].provider))}",
        key=f"set-cell-lane-{cell.id}",
        label_visibility="collapsed",
    )


def _answer(cell: SetCell) -> None:
    if cell.answer and not untrusted.markdown(cell.answer):
        st.download_button(
            "Download the whole answer",
            cell.answer,
            "answer.md",
            "text/markdown",
            key=f"whole-{cell.id}",
            on_click="ignore",
        )
    if cell.failure:
        untrusted.error(cell.failure)
    elif not cell.answer:
        untrusted.caption(_NO_ANSWER.get(cell.state, "(empty answer)"))


def _facts(cell: SetCell) -> str:
    """`0.31 s first · 1.9 s · 31 → 118 · $0.0004`"""
    known = set_grid.facts(cell)
    return f"{numbers.seconds(cell.ttft_ms)} first · {known}" if known else numbers.MISSING


def _check(prompt: SetPrompt, cell: SetCell) -> None:
    """What was expected, and what the check came to."""
    if prompt.check_kind is None:
        return
    came_to = set_grid.RESULTS[cell.result][0] if cell.result else "not checked yet"
    untrusted.text(f"Check: {prompt.check_kind.replace('_', ' ')} · {came_to}")
    if cell.note and cell.result is not CheckResult.PASS:
        untrusted.caption(cell.note)
    if prompt.expected:
        with st.expander("What was expected", expanded=cell.result is CheckResult.FAIL):
            untrusted.raw(prompt.expected)
    if cell.judged:
        with st.expander("What the judge said"):
            untrusted.markdown(cell.judged)
