"""Where the person writes: pinned to the bottom, with Stop beside it while an answer runs."""

from __future__ import annotations

import streamlit as st

from conductor_core.models import MAX_CHARACTERS
from dashboard import actions, runtime, state
from dashboard.components import untrusted


def chat(chat: state.ChatState) -> None:
    """The message box of the Chat page."""
    with st.bottom, st.container(key="composer"):
        _notice(chat)
        st.chat_input("Message", key=actions.PROMPT_KEY, max_chars=MAX_CHARACTERS, on_submit=_send)
        _stop(chat.conversation_id, "Stop")


def compare(compare: state.CompareState) -> None:
    """The message box of the Compare page: one prompt for all lanes."""
    with st.bottom, st.container(key="composer"):
        _notice(compare)
        st.chat_input(
            "One prompt for all lanes", key=actions.PROMPT_FOR_ALL_KEY, max_chars=MAX_CHARACTERS, on_submit=_send_to_all
        )
        _stop(compare.comparison_id, "Stop all")


def _send() -> None:
    actions.send(st.session_state[actions.PROMPT_KEY])


def _send_to_all() -> None:
    actions.send_to_all(st.session_state[actions.PROMPT_FOR_ALL_KEY])


def _stop(conversation_id: str | None, label: str) -> None:
    if conversation_id and runtime.get_conductor().conversations.turn(conversation_id):
        st.button(
            label,
            icon=":material/stop_circle:",
            key="stop",
            type="primary",
            shortcut="Escape",
            on_click=actions.stop,
            args=(conversation_id,),
        )


def _notice(page: state.ChatState | state.CompareState) -> None:
    if page.notice:
        untrusted.error(page.notice)
        page.notice = ""
