"""The drill on the pages: its mark on each of them, its controls in Settings."""

from __future__ import annotations

import streamlit as st

from conductor_core.providers.drill import Behaviour
from dashboard import drill_actions as actions
from dashboard import runtime, state
from dashboard.components import untrusted, who


def mark() -> None:
    """One line at the top of every page while a drill is on."""
    if not runtime.get_conductor().settings.drill:
        return
    with st.container(key="drill-mark", horizontal=True, vertical_alignment="center", gap="small"):
        st.badge("Drill: answers are simulated", icon=":material/experiment:", color="orange")
        st.caption(
            "AUTO asks simulated providers only. One of your own answers only where you name it.", width="content"
        )
        st.button("End the drill", type="tertiary", key="drill-end", on_click=actions.end)


def controls() -> None:
    """In Settings: the switch and, while it is on, a way to break each simulated provider."""
    st.markdown("**Drill**")
    refusal = state.settings().refusals.pop(actions.PLACE, "")
    if refusal:
        untrusted.error(refusal)
    conductor = runtime.get_conductor()
    if not conductor.settings.drill:
        _start()
        return
    st.caption("Break one while you ask AUTO, then look at Health. Their calls and prices count towards nothing real.")
    with st.grid(min_column_width=320, gap="small"):
        for name in conductor.providers.drills():
            _control(name)


def _start() -> None:
    st.caption(
        "Simulated providers that are slow, refuse, fail and break off: watch AUTO fall back and the charts move, "
        "without a key or a network. Until you end it AUTO asks only them; your own figures stay as they are."
    )
    with st.container(horizontal=True, gap="small"):
        st.button("Run a drill", icon=":material/experiment:", key="drill-start", on_click=actions.start)
        st.button(
            "Run it after a restart, too", type="tertiary", key="drill-keep", on_click=actions.start, args=(True,)
        )


def _control(name: str) -> None:
    provider = actions.drill_provider(name)
    key = actions.behaviour_key(name)
    # Another tab may have changed it: the control shows what holds.
    st.session_state[key] = str(provider.behaviour)
    with st.container(border=True, height="stretch", gap="xsmall"):
        who.show(name, "")
        untrusted.caption(f"By nature {provider.temperament.description}.")
        st.segmented_control(
            untrusted.plain(f"What {provider.vendor.label} does"),
            [str(behaviour) for behaviour in Behaviour],
            required=True,
            key=key,
            label_visibility="collapsed",
            on_change=actions.behave,
            args=(name,),
        )
