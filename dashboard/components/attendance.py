"""Whether somebody looks at a page that refreshes itself; while nobody does, it rests and says so."""

from __future__ import annotations

import streamlit as st

from dashboard.components.browser import IDLE_SECONDS, is_attended


def attended(live: bool) -> bool:
    """Whether to go on. Draws the way back when not; any touch of the page is one as well."""
    there = is_attended()
    # Always there, so that nothing below changes its place.
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="attendance-words"):
        if live and not there:
            st.caption(f"Paused: nobody has been here for {IDLE_SECONDS // 60} minutes, or the page was out of sight.")
            st.button("Resume", key="resume", type="tertiary", icon=":material/play_arrow:")
    return there
