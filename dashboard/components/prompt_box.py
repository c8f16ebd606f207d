"""What the person said, and the way to say it otherwise: its edits, and a box to write another."""

from __future__ import annotations

import streamlit as st

from conductor_core.answers import Exchange
from conductor_core.models import MAX_CHARACTERS
from dashboard import actions, state
from dashboard.components import attached, branch, untrusted


def draw(exchange: Exchange, conversation_id: str) -> None:
    """The prompt of an exchange, or the box in which it is being edited."""
    prompt_id = exchange.prompt_id
    draft = state.chat().editing.get(prompt_id)
    if draft is not None:
        _box(exchange, draft)
        return
    with st.container(key=f"said-{prompt_id}"):
        untrusted.markdown(exchange.prompt)
        attached.draw(exchange.files)
    with st.container(
        horizontal=True,
        gap="small",
        vertical_alignment="center",
        horizontal_alignment="right",
        key=f"asked-{prompt_id}",
    ):
        branch.switch(exchange.edits, prompt_id, conversation_id)
        st.button(
            "Edit",
            key=f"edit-{prompt_id}",
            icon=":material/edit:",
            type="tertiary",
            on_click=actions.edit,
            args=(prompt_id, exchange.prompt),
        )


def _box(exchange: Exchange, draft: str) -> None:
    """What is in it is kept, whatever happens to the page, until it is sent or given up."""
    prompt_id = exchange.prompt_id
    key = f"edited-{prompt_id}"
    with st.container(key=f"editing-{prompt_id}"):
        text = st.text_area("Your message", draft, key=key, max_chars=MAX_CHARACTERS, label_visibility="collapsed")
        actions.edit(prompt_id, text)
        first_turn = exchange.answers[0].setup.get("first_turn", 0)
        with st.container(horizontal=True, horizontal_alignment="right", key=f"edit-choices-{prompt_id}"):
            st.button("Cancel", key=f"unedit-{prompt_id}", on_click=actions.edit, args=(prompt_id, None))
            st.button(
                "Send",
                key=f"resend-{prompt_id}",
                type="primary",
                on_click=_send,
                args=(key, actions.new_form(), prompt_id, first_turn),
            )


def _send(key: str, form: str, prompt_id: str, first_turn: int) -> None:
    actions.send(st.session_state[key], form, instead_of=prompt_id, first_turn=first_turn)
