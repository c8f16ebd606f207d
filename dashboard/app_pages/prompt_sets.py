"""Prompt sets: many prompts over chosen lanes, their answers checked and compared."""

from __future__ import annotations

import streamlit as st

from dashboard import library_actions, state
from dashboard.components import set_cell, set_form, set_run, set_runs
from dashboard.components.browser import is_narrow

library_actions.take_up()
sets = state.sets()
view = set_run.opened(sets)
set_runs.sidebar(sets.run_id)

st.header("Prompt sets", anchor=False)
sets.narrow = is_narrow(sets.narrow)
set_form.notice(sets)
if view:
    set_run.draw(view, sets)
    set_cell.opened(view)
else:
    set_form.draw(sets)
