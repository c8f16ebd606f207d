"""What the user did on Compare besides asking, handed to the core."""

from __future__ import annotations

from typing import Any

import streamlit as st

from conductor_core.errors import UserError
from conductor_core.kinds import MergeKind
from conductor_core.presets import lanes_of
from conductor_core.store.records import Preset
from dashboard import actions, runtime, state
from dashboard.components import picker
from dashboard.lanes import resize


def taken_in() -> state.CompareState:
    """The page with what its controls say now, also where it has not been drawn since one was changed."""
    compare, said = state.compare(), st.session_state
    compare.lanes = [picker.taken_in(lane, compare.key(index)) for index, lane in enumerate(compare.lanes)]
    resize(compare.lanes, said.get(compare.control("lanes"), len(compare.lanes)))
    times = said.get(compare.control(f"times-{compare.most_times}")) or compare.times
    compare.times = min(times, compare.most_times)
    compare.in_turn = said.get(compare.control("in-turn"), compare.in_turn)
    compare.blind = said.get(compare.control("blind"), compare.blind)
    return compare


def parameters_to_all(key: str) -> None:
    """Every lane gets the parameters of one.

    Args:
        key: of that lane's picker.
    """
    _to_all(picker.parameters(key))
    st.toast("Every lane has these parameters now.", icon=":material/check:")


def system_prompt_to_all(key: str) -> None:
    """Every lane gets the system prompt of one."""
    _to_all({"system": picker.system_prompt(key)})
    st.toast("Every lane has this system prompt now.", icon=":material/check:")


def move(lane: int, by: int) -> None:
    """Shows a lane one place further left (-1) or right (1)."""
    compare = taken_in()
    order = list(compare.order)
    at = order.index(lane)
    to = at + by
    if not 0 <= to < len(order):
        return
    order[at], order[to] = order[to], order[at]
    compare.revision += 1
    if not compare.comparison_id:  # nothing was said in them yet: the lanes themselves change places
        compare.lanes = [compare.lanes[index] for index in order]
        return
    compare.arranged = order
    try:
        runtime.run(runtime.get_conductor().comparisons.arrange(compare.comparison_id, order))
    except UserError as error:
        compare.notice = str(error)


def focus(side: str | None) -> None:
    """Shows one lane alone, or all of them again."""
    if side:
        st.query_params[actions.LANE] = side
    else:
        st.query_params.pop(actions.LANE, None)


def beside(comparison_id: str | None) -> None:
    """Shows another comparison beside the open one, or no other any more."""
    if comparison_id:
        st.query_params[actions.BESIDE] = comparison_id
    else:
        st.query_params.pop(actions.BESIDE, None)


def open_alone(comparison_id: str) -> None:
    """Shows one of two comparisons without the other."""
    beside(None)
    actions.open_comparison(comparison_id)


def save_preset(key: str) -> None:
    """Keeps the lanes as they are set up now.

    Args:
        key: the widget that holds the name.
    """
    compare = taken_in()
    presets = runtime.get_conductor().presets
    try:
        runtime.run(presets.save(st.session_state[key] or "", compare.lanes, in_turn=compare.in_turn))
    except UserError as error:
        compare.presets.refusal = str(error)
        return
    compare.presets.forms += 1


def load_preset(preset: Preset) -> None:
    """Begins a new comparison with the lanes of a preset."""
    actions.open_comparison(None)
    compare = state.compare()
    compare.lanes, compare.in_turn = lanes_of(preset), preset.settings["in_turn"]


def rename_preset(preset: Preset, name: str) -> str:
    """Gives a preset another name; returns why not, if it can't be."""
    try:
        runtime.run(runtime.get_conductor().presets.rename(preset, name))
    except UserError as error:
        return str(error)
    return ""


def delete_preset(preset: Preset) -> None:
    """Deletes a preset."""
    state.compare().presets.deleting = None
    runtime.run(runtime.get_conductor().presets.delete(preset))


def merge(comparison_id: str, turn: int, kind: MergeKind, key: str) -> None:
    """Has the answers to a prompt merged.

    Args:
        key: of the picker that says by whom.
    """
    setup = picker.taken_in(state.compare().merging, key)
    try:
        runtime.run(runtime.get_conductor().comparisons.merge(comparison_id, turn, kind, setup))
    except UserError as error:
        state.compare().notice = str(error)


def _to_all(changes: dict[str, Any]) -> None:
    compare = taken_in()
    compare.lanes = [lane.model_copy(update=changes) for lane in compare.lanes]
    compare.revision += 1
