"""Compare: one prompt to several lanes, each with its own provider, model and parameters."""

from __future__ import annotations

import streamlit as st

from dashboard import actions, library_actions, state
from dashboard.components import beside, compare_lanes, composer, history, lane_setups, seek
from dashboard.components.browser import is_narrow

library_actions.take_up()
compare = state.compare()
transcript = compare_lanes.opened(compare)
second = beside.opened(compare, transcript)
history.sidebar("compare", compare.comparison_id, "New comparison", actions.open_comparison)

with st.container(key="compare-head", horizontal=True, vertical_alignment="center"):
    st.header("Compare", anchor=False)
    if second:
        beside.back()
    else:
        compare_lanes.head(compare, transcript)
compare.narrow = is_narrow(compare.narrow)

if transcript and second:
    beside.draw(transcript, second, narrow=compare.narrow)
else:
    hidden = transcript is not None and transcript.hidden
    if not hidden:
        lane_setups.setups(compare)
    if transcript:
        compare_lanes.draw(transcript, compare)
    else:
        when = "one after another" if compare.in_turn else "at the same moment"
        st.caption(f"Every lane gets the same prompt {when}. Choose who answers, then write below.")
    composer.compare(compare, transcript)
    if transcript:
        seek.point(transcript)
