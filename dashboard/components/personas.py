"""Personas in a picker: system prompts kept under a name, to be filled in, kept, changed and deleted."""

from __future__ import annotations

import streamlit as st

from conductor_core.kinds import Keepsake
from conductor_core.store.library_rows import Kept
from dashboard import library_actions, runtime, state
from dashboard.components import library, untrusted


def system_prompt(system: str | None, key: str) -> None:
    """The system prompt of a picker, below the personas there are; the one it is word for word is named."""
    written, chosen = f"system-{key}", f"persona-{key}"
    st.session_state.setdefault(written, system or "")
    names = state.library().personas
    same = _persona_of(str(st.session_state[written] or "").strip())
    if names:
        if st.session_state.get(chosen) != same:
            st.session_state[chosen] = same
        st.selectbox(
            "Persona",
            list(names),
            index=None,
            format_func=lambda id: untrusted.isolated(names.get(str(id), str(id))),
            key=chosen,
            placeholder="None",
            on_change=_choose,
            args=(key,),
        )
    st.text_area("System prompt", key=written, placeholder="How the model should behave", height=120)
    with st.container(horizontal=True, gap="small", key=f"personas-{key}"):
        if same:
            st.button("Edit …", key=f"edit-persona-{key}", type="tertiary", on_click=_edit, args=(key, same))
            st.button(
                "Delete …", key=f"delete-persona-{key}", type="tertiary", on_click=_ask_to_delete, args=(key, same)
            )
        else:
            st.button("Keep as persona …", key=f"keep-persona-{key}", type="tertiary", on_click=_keep, args=(key,))
    if not state.library().place:
        library.refusal()


def ask(key: str) -> None:
    """The dialog that was opened at this picker."""
    asked = state.library()
    if asked.place != key:
        return
    if asked.deleting:
        _confirm()
    elif asked.writing:
        _write()
    else:  # it is gone
        asked.place = ""


def _persona_of(system: str) -> str | None:
    """The persona among those of this run that has these very words."""
    names = state.library().personas
    found = runtime.get_conductor().library.of_text(Keepsake.PERSONA, system) if names and system else None
    return found if found in names else None


def _choose(key: str) -> None:
    """Without a choice the system prompt is empty again."""
    id = st.session_state[f"persona-{key}"]
    if id:
        library_actions.fill_in_system_prompt(key, id)
    else:
        library_actions.set_system_prompt(key, "")


def _keep(key: str) -> None:
    library_actions.open_at(key)
    library_actions.write_new(Keepsake.PERSONA, str(st.session_state[f"system-{key}"] or ""))


def _edit(key: str, id: str) -> None:
    library_actions.open_at(key)
    library_actions.edit(id)


def _ask_to_delete(key: str, id: str) -> None:
    library_actions.open_at(key)
    library_actions.ask_to_delete(id)


def _kept(kept: Kept) -> None:
    """It is what the picker says from now on."""
    key = state.library().place
    library_actions.close(lambda: library_actions.set_system_prompt(key, kept.text))


@st.dialog("Persona", on_dismiss=library_actions.close)
def _write() -> None:
    kept = state.library().writing
    if not kept:
        st.rerun()
    library.text_form(kept, _kept, library_actions.close)


@st.dialog("Delete this persona?", on_dismiss=library_actions.close)
def _confirm() -> None:
    kept = state.library().deleting
    if not kept:
        st.rerun()
    library.deletion(kept, library_actions.close)
