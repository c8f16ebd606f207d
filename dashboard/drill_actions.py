"""What the user did to the drill, handed to the core."""

from __future__ import annotations

import streamlit as st

from conductor_core.errors import ConductorError
from conductor_core.models import Provider
from conductor_core.providers.drill import Behaviour
from conductor_core.providers.drill_provider import DrillProvider
from dashboard import runtime, state

PLACE = "drill"
"""Where on the Settings page a refusal belongs."""


def start(keep: bool = False) -> None:
    """Begins a drill for this run, or for good. The tab goes on with AUTO: what was chosen before is not simulated."""
    _switch(True, keep=keep)


def end() -> None:
    """Ends the drill; the real providers are offered again."""
    _switch(False)


def behaviour_key(provider: str) -> str:
    """The widget key of a simulated provider's control."""
    return f"behaviour-{provider}"


def behave(provider: str) -> None:
    """Makes a simulated provider do from now on what was chosen."""
    simulated = drill_provider(provider)
    simulated.behaviour = Behaviour(st.session_state[behaviour_key(provider)])


def drill_provider(name: str) -> DrillProvider:
    """A simulated provider with its controls."""
    provider = runtime.get_conductor().providers.get(name)
    assert isinstance(provider, DrillProvider)
    return provider


def _switch(on: bool, *, keep: bool = False) -> None:
    try:
        runtime.run(runtime.get_conductor().configuration.set_drill(on, keep=keep))
    except ConductorError as error:
        state.settings().refusals[PLACE] = str(error)
        return
    chat, compare = state.chat(), state.compare()
    chat.setup = chat.setup.model_copy(update={"provider": Provider.AUTO, "model": None})
    if compare.comparison_id is None:
        compare.lanes = []
