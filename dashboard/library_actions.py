"""What the user did with personas and prompt templates, handed to the core."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from conductor_core.errors import NotFound, UserError
from conductor_core.kinds import Keepsake
from conductor_core.store.library_rows import Kept
from dashboard import runtime, state


def open_at(place: str) -> None:
    """Opens the dialog of the picker or the message box with this key."""
    asked = state.library()
    asked.place, asked.chosen = place, None
    browse()


def close(due: Callable[[], None] | None = None) -> None:
    """Leaves the dialog.

    Args:
        due: what the page does next.
    """
    open_at("")
    state.library().due = due


def take_up() -> None:
    """Does what the dialog that was just closed left to the page, before anything of it is drawn.

    The names of the personas are read here, once for all pickers of the page.
    """
    asked = state.library()
    due, asked.due = asked.due, None
    if due:
        due()
    asked.personas = {title.id: title.name for title in runtime.get_conductor().library.titles(Keepsake.PERSONA)}


def browse(chosen: str | None = None) -> None:
    """Back to what there is; with a text chosen, if one is named."""
    asked = state.library()
    asked.writing = asked.deleting = None
    asked.refusal = ""
    asked.chosen = chosen or asked.chosen
    asked.opened += 1


def write(kept: Kept) -> None:
    """Begins to write a text: a new one, if it has no id."""
    browse()
    state.library().writing = kept


def write_new(kind: Keepsake, text: str = "") -> None:
    """Begins a new text, with these words in it."""
    write(Kept("", kind, "", text, 0))


def edit(id: str) -> None:
    """Begins to change a text that may be gone."""
    browse()
    state.library().writing = _found(id)


def ask_to_delete(id: str) -> None:
    """Asks whether a text, which may be gone, is to be deleted."""
    browse()
    state.library().deleting = _found(id)


def keep(kept: Kept, name: str, text: str) -> Kept | None:
    """Keeps what was written; None, with the reason told, if that can't be."""
    library = runtime.get_conductor().library
    work = library.change(kept, name, text) if kept.id else library.save(kept.kind, name, text)
    try:
        return runtime.run(work)
    except UserError as error:
        state.library().refusal = str(error)
        return None


def delete(kept: Kept) -> None:
    """Deletes a text."""
    runtime.run(runtime.get_conductor().library.delete(kept.id))
    state.library().chosen = None


def fill_in_system_prompt(key: str, id: str) -> None:
    """Gives a picker the words of a persona."""
    kept = _found(id)
    if kept:
        set_system_prompt(key, kept.text)


def set_system_prompt(key: str, text: str) -> None:
    """Gives a picker a system prompt. (To be called before the picker is drawn.)"""
    st.session_state[f"system-{key}"] = text


def _found(id: str) -> Kept | None:
    """A text; None, with the reason told, once it is gone."""
    try:
        return runtime.get_conductor().library.one(id)
    except NotFound as error:
        state.library().refusal = str(error)
        return None
