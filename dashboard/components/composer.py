"""Where the person writes: pinned to the bottom, with Stop beside it while an answer runs."""

from __future__ import annotations

import streamlit as st

from conductor_core.models import MAX_CHARACTERS
from dashboard import actions, runtime, state
from dashboard.components import untrusted


def chat(chat: state.ChatState) -> None:
    """The message box of the Chat page."""
    running = bool(chat.conversation_id and runtime.get_conductor().conversations.turn(chat.conversation_id))
    with st.bottom, st.container(key="composer"):
        _notice(chat)
        st.chat_input("Message", key=actions.PROMPT_KEY, max_chars=MAX_CHARACTERS, on_submit=_send)
        if running and chat.conversation_id:
            st.button(
                "Stop",
                icon=":material/stop_circle:",
                key="stop",
                type="primary",
                shortcut="Escape",
                on_click=actions.stop,
                args=(chat.conversation_id,),
            )


def _send() -> None:
    actions.send(st.session_state[actions.PROMPT_KEY])


def _notice(chat: state.ChatState) -> None:
    if chat.notice:
        untrusted.error(chat.notice)
        chat.notice = ""
