"""A run of a prompt set: how far it is, how its lanes do, and every cell of it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from conductor_core.errors import NotFound
from conductor_core.kinds import RunState
from conductor_core.prompt_sets.figures import LaneFigures, Progress
from conductor_core.prompt_sets.sets import RunView
from conductor_core.prompt_sets.setup import LEAST_BUDGET, MOST_BUDGET
from conductor_core.turns import LaneSetup
from dashboard import runtime, set_actions, state
from dashboard.components import numbers, set_charts, set_deletion, set_grid, untrusted
from dashboard.components.clock import reader_time
from dashboard.components.who import look_of, name_of

REFRESH_SECONDS = 1.0
MANY_CELLS = 2_000
"""From so many on the page is drawn half as often: reading them takes a tenth of a second."""
_RARE = ("Passed", "Unclear", "Failed calls")
WORDS = {
    RunState.RUNNING: "running",
    RunState.PAUSED: "paused",
    RunState.INTERRUPTED: "interrupted",
    RunState.DONE: "done",
    RunState.CANCELLED: "cancelled",
}


def opened(sets: state.SetsState) -> RunView | None:
    """The run the address names, else the one this tab had open."""
    wanted = st.query_params.get(set_actions.RUN) or sets.run_id
    if not wanted:
        return None
    try:
        view = runtime.get_conductor().prompt_sets.view(wanted)
    except NotFound as error:
        set_actions.open_run(None)
        sets.notice = str(error)
        return None
    if wanted != sets.run_id or set_actions.RUN not in st.query_params:
        cell = st.query_params.get(set_actions.CELL)
        set_actions.open_run(wanted)
        if cell:
            set_actions.open_cell(cell)
    return view


def draw(view: RunView, sets: state.SetsState) -> None:
    """All of it; while it runs, drawn again every second."""
    _head(view)
    if view.run.state is RunState.RUNNING:
        _watch(view.run.id, view.run.cells, sets)
        return
    _standing(view)
    _lanes(view)
    set_charts.draw(view)
    set_grid.draw(view, sets)


def _watch(run_id: str, cells: int, sets: state.SetsState) -> None:
    @st.fragment(run_every=REFRESH_SECONDS * (1 if cells < MANY_CELLS else 2))
    def panel() -> None:
        try:
            view = runtime.get_conductor().prompt_sets.view(run_id)
        except NotFound:
            st.rerun()
        if view.run.state is not RunState.RUNNING:
            st.rerun()
        _standing(view)
        _lanes(view)
        set_grid.draw(view, sets)

    panel()


def _head(view: RunView) -> None:
    """Which set it is of, when it began, and what can be done with it."""
    with st.container(key="set-head", horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(untrusted.plain(view.name), anchor=False)
        st.button(
            "Run again",
            icon=":material/replay:",
            key="set-again",
            on_click=set_actions.choose_saved,
            args=(view.run.set_id,),
        )
        st.page_link(
            "app_pages/health.py",
            label="Its calls",
            icon=":material/monitor_heart:",
            query_params={"conversation": view.run.id, "range": "90d"},
        )
        set_deletion.button()
    begun = f"{reader_time(view.run.created_at):%-d %B %Y %H:%M}"
    lanes = len(view.setup.lanes)
    parts = [
        begun,
        f"{numbers.count(len(view.facets))} prompts × {lanes} lane{'' if lanes == 1 else 's'}",
        f"{view.setup.concurrency} at once",
        "no budget" if view.run.budget_usd is None else f"budget {numbers.money(view.run.budget_usd)}",
    ]
    if view.setup.judge:
        parts.append(f"judged by {_name(view.setup.judge)}")
    untrusted.caption(" · ".join(parts))
    question = "Delete this run and its answers? What its calls cost stays on Health."
    set_deletion.ask(question, set_actions.delete, view.run.id)


def _standing(view: RunView) -> None:
    """The bar, the counts, what it costs, how long it takes; and what may have been billed twice."""
    progress = view.progress
    share = min(1.0, progress.ended / max(1, view.run.cells))
    st.progress(share, numbers.unbroken(untrusted.plain(words(progress))))
    if view.run.reason and view.run.state is not RunState.DONE:
        untrusted.warning(view.run.reason)
    if progress.cut_off and view.run.state.can_resume:
        untrusted.warning(
            f"{_cells(progress.cut_off)} cut off when Conductor ended. Resuming asks them again: what had been asked "
            "of a provider may be billed twice."
        )
    if progress.again:
        untrusted.warning(
            f"{_cells(progress.again)} cut off when Conductor ended, and asked again: these may have been billed twice."
        )
    _controls(view)


def words(progress: Progress) -> str:
    """`running · 37 of 80 · 4 at work · 1 failed · $0.0123 so far · about 12 s left`"""
    run = progress.run
    left = progress.seconds_left
    pausing = run.state is RunState.RUNNING and run.asked == "pause"
    parts = [
        "pausing" if pausing else WORDS[run.state],
        f"{numbers.count(progress.ended)} of {numbers.count(run.cells)}",
        f"{progress.running} at work" if run.state is RunState.RUNNING and progress.running else "",
        f"{numbers.count(progress.failed)} failed" if progress.failed else "",
        _spent(progress),
        f"about {numbers.seconds(left * 1000)} left" if left is not None and not pausing else "",
    ]
    return " · ".join(part for part in parts if part)


def _spent(progress: Progress) -> str:
    """What it cost; nothing before the first call."""
    spent = progress.spent
    if not spent.calls:
        return ""
    cost = numbers.total(spent.usd, spent.estimated, spent.unpriced, free=True)
    return f"{cost} so far" if progress.run.state is RunState.RUNNING else cost


def _controls(view: RunView) -> None:
    """What can be done with the run as it stands."""
    run = view.run
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="set-controls"):
        if run.state is RunState.RUNNING:
            _button("Pause", "pause", set_actions.pause, run.id, disabled=run.asked == "pause")
        if run.state.can_resume:
            st.number_input(
                "Budget in USD",
                LEAST_BUDGET,
                MOST_BUDGET,
                run.budget_usd,
                step=0.5,
                format="%.3f",
                key=set_actions.new_budget(run.id),
                placeholder="no limit",
                width=160,
                help="Of the whole run, what it has cost so far included.",
            )
            _button("Resume", "play_arrow", set_actions.resume, run.id, primary=True)
        if run.state is RunState.RUNNING or run.state.can_resume:
            _button("Cancel", "stop_circle", set_actions.cancel, run.id)
        elif view.progress.failed and run.state is RunState.DONE:
            _button("Ask the failed ones again", "replay", set_actions.ask_failed_again, run.id)


def _button(
    label: str, icon: str, act: Callable[[str], None], run_id: str, *, primary: bool = False, disabled: bool = False
) -> None:
    st.button(
        untrusted.plain(label),
        icon=f":material/{icon}:",
        key=f"set-{icon}",
        type="primary" if primary else "secondary",
        disabled=disabled,
        on_click=act,
        args=(run_id,),
    )


def _lanes(view: RunView) -> None:
    """Every figure of every lane; a column that would say nothing is left out."""
    rows = [_row(figures, view.setup.lanes[figures.lane]) for figures in view.lanes]
    needless = {name for name in _RARE if all(row[name] == numbers.MISSING for row in rows)}
    with st.container(key="set-lanes"):
        untrusted.table([{name: row[name] for name in row if name not in needless} for row in rows], "Lanes")


def _row(figures: LaneFigures, setup: LaneSetup) -> dict[str, str]:
    return {
        "Lane": f"{figures.lane + 1} {look_of(setup.provider).mark} {_name(setup)}",
        "Passed": numbers.success(figures.passed, figures.checked),
        "Unclear": numbers.count(figures.unclear) if figures.unclear else numbers.MISSING,
        "Failed calls": numbers.count(figures.failed) if figures.failed else numbers.MISSING,
        "Time p50": numbers.seconds(figures.latency_p50),
        "p95": numbers.seconds(figures.latency_p95),
        "First token": numbers.seconds(figures.ttft_p50),
        "Tokens": numbers.tokens(figures.prompt_tokens, figures.completion_tokens) if figures.done else numbers.MISSING,
        "Cost": numbers.total(figures.cost_usd, figures.estimated, figures.unpriced, figures.free),
    }


def _name(setup: LaneSetup) -> str:
    return f"{name_of(setup.provider)} · {setup.model}" if setup.model else name_of(setup.provider)


def _cells(count: int) -> str:
    return "1 answer was" if count == 1 else f"{numbers.count(count)} answers were"
