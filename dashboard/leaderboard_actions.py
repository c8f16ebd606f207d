"""What the user did on the Leaderboard, handed to the core."""

from __future__ import annotations

import streamlit as st

from conductor_core.errors import ConductorError
from dashboard import runtime, state

SWITCH = "auto-quality"
PLACE = "auto-quality"
"""Where a refusal belongs."""


def switch_auto() -> None:
    """AUTO goes by the leaderboard from now on, or no longer."""
    conductor = runtime.get_conductor()
    try:
        changed = runtime.run(conductor.configuration.set_auto_quality(bool(st.session_state[SWITCH])))
        runtime.run(conductor.go_by_votes())
    except ConductorError as error:
        state.settings().refusals[PLACE] = str(error)
        return
    if changed.hidden_by:
        state.settings().refusals[PLACE] = f"{changed.hidden_by.name} is set outside of Conductor and stays in force."


def refusal() -> str:
    """Why the switch could not be moved, said once."""
    return state.settings().refusals.pop(PLACE, "")
