"""Presets on Compare: sets of lanes under a name, to begin with, to rename and to delete; and what that asks first."""

from __future__ import annotations

import streamlit as st

from conductor_core.names import NAME_CHARACTERS
from conductor_core.store.records import Preset
from dashboard import compare_actions, runtime, state
from dashboard.components import untrusted

RENAME, DELETE = "Rename …", "Delete …"


def draw(compare: state.CompareState) -> None:
    """What is kept, and a box to keep the lanes as they are now."""
    asked = compare.presets
    with st.popover("Presets", key="presets", type="tertiary", icon=":material/bookmarks:"):
        known = runtime.get_conductor().presets.all()
        if not known:
            st.caption("A preset is a set of lanes under a name: providers, models, parameters, system prompts.")
        for preset in known:
            _row(preset, asked)
        key = f"preset-name-{asked.forms}"
        with st.form("save-preset", border=False, clear_on_submit=False):
            st.text_input("Keep these lanes as", key=key, placeholder="Name", max_chars=NAME_CHARACTERS)
            st.form_submit_button("Keep", on_click=compare_actions.save_preset, args=(key,))
        if asked.refusal:
            untrusted.error(asked.refusal)
            asked.refusal = ""
    ask(asked)


def ask(asked: state.PresetsState) -> None:
    """The question that waits for the person's word."""
    if asked.deleting:
        _confirm(asked.deleting)
    elif asked.renaming:
        _rename(asked.renaming)


def words(preset: Preset) -> str:
    """`Fast ones · 3 lanes`."""
    lanes = len(preset.settings["lanes"])
    return f"{preset.name} · {lanes} lane{'' if lanes == 1 else 's'}"


def _row(preset: Preset, asked: state.PresetsState) -> None:
    with st.container(key=f"row-preset-{preset.id}", horizontal=True, gap=None, vertical_alignment="center"):
        st.button(
            untrusted.plain(words(preset)),
            key=f"preset-{preset.id}",
            width="stretch",
            type="tertiary",
            on_click=compare_actions.load_preset,
            args=(preset,),
        )
        chosen = st.menu_button(
            untrusted.plain(f"Menu of preset {preset.name}"),  # for screen readers: the style sheet hides it
            [RENAME, DELETE],
            key=f"menu-preset-{preset.id}",
            icon=":material/more_horiz:",
            type="tertiary",
        )
    if chosen is None:
        return
    asked.renaming, asked.deleting = (preset, None) if chosen == RENAME else (None, preset)
    st.rerun()


def _asked() -> None:
    """Nothing is asked any more."""
    asked = state.compare().presets
    asked.renaming = asked.deleting = None


@st.dialog("Rename this preset", on_dismiss=_asked)
def _rename(preset: Preset) -> None:
    with st.form("rename-preset", border=False):
        name = st.text_input("Name", preset.name, max_chars=NAME_CHARACTERS, key=f"rename-preset-{preset.id}")
        if st.form_submit_button("Rename", type="primary"):
            refused = compare_actions.rename_preset(preset, name)
            if not refused:
                _asked()
                st.rerun()
            untrusted.error(refused)


@st.dialog("Delete this preset?", on_dismiss=_asked)
def _confirm(preset: Preset) -> None:
    untrusted.text(words(preset))
    st.caption("Comparisons that were made with it stay.")
    yes, no = st.columns(2)
    deleted = yes.button(
        "Delete",
        type="primary",
        key="delete-preset-yes",
        width="stretch",
        on_click=compare_actions.delete_preset,
        args=(preset,),
    )
    kept = no.button("Keep", key="delete-preset-no", width="stretch", on_click=_asked)
    if deleted or kept:
        st.rerun()
