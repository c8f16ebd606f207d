"""Where the person writes: pinned to the bottom, with Stop beside it while an answer runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import streamlit as st

from conductor_core.answers import Transcript
from conductor_core.attachments import File
from conductor_core.models import MAX_CHARACTERS
from dashboard import actions, compare_actions, runtime, state
from dashboard.components import (
    attached,
    expectation_line,
    keyboard,
    message_box,
    outlook_line,
    picker,
    templates,
    untrusted,
)
from dashboard.components.browser import listen_to_keys


def chat(chat: state.ChatState, transcript: Transcript | None) -> None:
    """The message box of the Chat page; what is written goes below what is shown."""
    end = transcript.end if transcript else None
    edited = chat.held.instead_of if chat.held else ""
    with st.bottom, st.container(key="composer"):
        with _above_the_box(chat, actions.PROMPT_KEY, partial(actions.send, after=end, instead_of=edited)):
            outlook_line.draw(chat, transcript)
        _box(message_box.CHAT, actions.PROMPT_KEY, partial(_send, actions.new_form(), end))
        _stop(chat.conversation_id, "Stop")
    templates.ask(actions.PROMPT_KEY, chat.box, partial(actions.send, form=actions.new_form(), after=end))


def compare(compare: state.CompareState, transcript: Transcript | None) -> None:
    """The message box of the Compare page: one prompt for all lanes. Before a blind vote it tells nothing of them."""
    with st.bottom, st.container(key="composer"):
        with _above_the_box(compare, actions.PROMPT_FOR_ALL_KEY, actions.send_to_all):
            message_box.of_compare(compare, transcript)
            if not (transcript and transcript.hidden):
                expectation_line.draw(compare)
        _box(message_box.COMPARE, actions.PROMPT_FOR_ALL_KEY, partial(_send_to_all, actions.new_form()))
        _stop(compare.comparison_id, "Stop all")
    send = partial(actions.send_to_all, form=actions.new_form())
    templates.ask(actions.PROMPT_FOR_ALL_KEY, compare.box, send)


@contextmanager
def _above_the_box(page: state.ChatState | state.CompareState, key: str, send: Callable[..., None]) -> Iterator[None]:
    """What there is to say before the box, and the lines that the block draws with the templates beside them."""
    _notice(page)
    attached.waiting(page)
    _key_warning(page, key, send)
    with st.container(key="composer-line", horizontal=True, gap="small", vertical_alignment="center"):
        with st.container(key="box-lines", gap=None):
            listen_to_keys()
            yield
        templates.offer(key)


def _box(label: str, key: str, send: Callable[[], None]) -> None:
    st.chat_input(untrusted.plain(label), key=key, max_chars=MAX_CHARACTERS, accept_file="multiple", on_submit=send)


def _send(form: str, end: str | None) -> None:
    text, files = _written(actions.PROMPT_KEY)
    chat = state.chat()
    chat.setup = picker.taken_in(chat.setup, chat.key)
    actions.send(text, form, after=end, files=files)


def _send_to_all(form: str) -> None:
    text, files = _written(actions.PROMPT_FOR_ALL_KEY)
    compare_actions.taken_in()
    actions.send_to_all(text, form, files=files)


def _written(key: str) -> tuple[str, list[File]]:
    """What is in a box, and what was put into it beside the text."""
    value = st.session_state[key]
    return value.text, [File(file.name, file.getvalue()) for file in value.files]


def _stop(conversation_id: str | None, label: str) -> None:
    if conversation_id and runtime.get_conductor().conversations.turn(conversation_id):
        st.button(
            label,
            icon=":material/stop_circle:",
            key="stop",
            type="primary",
            shortcut=keyboard.STOP,
            on_click=actions.stop,
            args=(conversation_id,),
        )


def _key_warning(page: state.ChatState | state.CompareState, key: str, send: Callable[..., None]) -> None:
    """Before a key leaves: what was seen, and the three ways on."""
    if not page.held:
        return
    untrusted.warning(f"This looks like it holds {page.held.kind}. It would go to the provider and into the history.")
    with st.container(horizontal=True, key="key-warning"):
        text, form = page.held.text, actions.new_form()
        st.button("Send masked", type="primary", on_click=lambda: send(actions.masked(text), form, checked=True))
        st.button("Send as it is", on_click=lambda: send(text, form, checked=True))
        st.button("Back to the box", on_click=actions.give_back, args=(page, key))


def _notice(page: state.ChatState | state.CompareState) -> None:
    trouble = runtime.get_conductor().store.writer.trouble
    if trouble:
        untrusted.warning(trouble)
    if page.notice:
        untrusted.error(page.notice)
        page.notice = ""
