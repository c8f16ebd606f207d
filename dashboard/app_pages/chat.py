"""Chat: one conversation with one provider at a time, or with AUTO."""

from __future__ import annotations

import streamlit as st

from dashboard import actions, library_actions, state
from dashboard.components import chat_thread, composer, history, seek
from dashboard.components.conversation_menu import menu
from dashboard.components.picker import pick

library_actions.take_up()
chat = state.chat()
transcript = chat_thread.opened(chat)
history.sidebar("chat", chat.conversation_id, "New chat", actions.open_conversation)

with st.container(key="chat-head", horizontal=True, vertical_alignment="center"):
    st.header("Chat", anchor=False)
    chat.setup = pick(chat.setup, chat.key)
    if transcript:
        menu(transcript)

with st.container(key="thread"):
    if transcript:
        chat_thread.draw(transcript)
    else:
        chat_thread.welcome()

composer.chat(chat, transcript)
if transcript:
    seek.point(transcript)
