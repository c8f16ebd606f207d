"""Deleting a run or a saved set: the button, and the question that waits for the person's word."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import set_actions, state
from dashboard.components import untrusted


def button() -> None:
    """Asks first."""
    st.button(
        "Delete …",
        icon=":material/delete:",
        key="set-delete",
        on_click=set_actions.ask_deletion,
        kwargs={"asked": True},
    )


def ask(question: str, delete: Callable[[str], None], id: str) -> None:
    """The question, once the button was pressed."""
    if not state.sets().deleting:
        return
    with st.container(key="set-confirm", border=True):
        untrusted.text(question)
        with st.container(horizontal=True, gap="small"):
            st.button("Delete", type="primary", key="set-delete-now", on_click=delete, args=(id,))
            st.button("Keep it", key="set-keep", on_click=set_actions.ask_deletion, kwargs={"asked": False})
