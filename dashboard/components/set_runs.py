"""Earlier runs in the sidebar, the newest first, grouped by day."""

from __future__ import annotations

from itertools import groupby

import streamlit as st

from conductor_core.kinds import RunState
from dashboard import runtime, set_actions
from dashboard.components import untrusted
from dashboard.components.clock import reader_now, reader_time
from dashboard.components.history import day_of

SHOWN = 60
ICONS = {
    RunState.RUNNING: ":material/play_circle:",
    RunState.PAUSED: ":material/pause_circle:",
    RunState.INTERRUPTED: ":material/error:",
    RunState.DONE: ":material/check_circle:",
    RunState.CANCELLED: ":material/cancel:",
}


def sidebar(opened: str | None) -> None:
    """The button for a new run, and the list."""
    with st.sidebar:
        st.button(
            "New run",
            icon=":material/add:",
            key="new-run",
            width="stretch",
            on_click=set_actions.open_run,
            args=(None,),
        )
        now = reader_now()
        runs = runtime.get_conductor().store.sets.runs(SHOWN)
        with st.container(key="conversations-sets", gap=None):
            for day, of_day in groupby(runs, lambda one: day_of(reader_time(one[0].created_at), now)):
                untrusted.caption(day)
                for run, name in of_day:
                    st.button(
                        untrusted.plain(f"{reader_time(run.created_at):%H:%M} {name}"),
                        key=f"open-{run.id}",
                        icon=ICONS[run.state],
                        width="stretch",
                        type="secondary" if run.id == opened else "tertiary",
                        help=untrusted.plain(f"This run is {run.state.value}."),
                        on_click=set_actions.open_run,
                        args=(run.id,),
                    )
