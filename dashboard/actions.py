"""What the user did, handed to the core. Each action is one call there and what the page needs to know of it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from conductor_core.conversations import Conversations
from conductor_core.errors import UserError
from conductor_core.turns import LaneSetup
from dashboard import runtime, state

PROMPT_KEY = "prompt"
PROMPT_FOR_ALL_KEY = "prompt-for-all"


def send(text: str) -> None:
    """Sends a chat message; a refused one goes back into the box with the reason above it."""
    chat = state.chat()
    try:
        turn = runtime.run(_conversations().start_turn(text, [chat.setup], conversation_id=chat.conversation_id))
    except UserError as error:
        st.session_state[PROMPT_KEY] = text
        chat.notice = str(error)
        return
    chat.notice = ""
    open_conversation(turn.conversation_id)


def send_to_all(text: str) -> None:
    """Sends a prompt to every lane of the comparison; a refused one goes back into the box."""
    compare = state.compare()
    try:
        turn = runtime.run(
            _conversations().start_turn(text, compare.lanes, conversation_id=compare.comparison_id, kind="compare")
        )
    except UserError as error:
        st.session_state[PROMPT_FOR_ALL_KEY] = text
        compare.notice = str(error)
        return
    compare.notice = ""
    open_comparison(turn.conversation_id)


def answer_again(conversation_id: str, lanes: Mapping[int, LaneSetup]) -> None:
    """Has the last prompt answered once more."""
    try:
        runtime.run(_conversations().answer_again(conversation_id, lanes))
    except UserError as error:
        state.chat().notice = state.compare().notice = str(error)


def stop(conversation_id: str, lane: int | None = None) -> None:
    """Stops one running answer of a conversation, or all."""
    turn = _conversations().turn(conversation_id)
    if turn:
        turn.stop(lane)


def open_conversation(conversation_id: str | None) -> None:
    """Shows a conversation on the Chat page, or an empty new one."""
    state.chat().conversation_id = conversation_id
    if conversation_id:
        st.query_params["c"] = conversation_id
    else:
        st.query_params.pop("c", None)


def open_comparison(comparison_id: str | None) -> None:
    """Shows a comparison on the Compare page, or an empty new one."""
    state.compare().comparison_id = comparison_id
    if comparison_id:
        st.query_params["cmp"] = comparison_id
    else:
        st.query_params.pop("cmp", None)


def rename(conversation_id: str, title: str) -> str:
    """Renames a conversation; returns why not, if it can't be."""
    try:
        runtime.run(_conversations().rename(conversation_id, title))
    except UserError as error:
        return str(error)
    return ""


def delete(conversation_id: str) -> None:
    """Deletes a conversation for good."""
    runtime.run(_conversations().delete(conversation_id))
    if state.chat().conversation_id == conversation_id:
        open_conversation(None)
    if state.compare().comparison_id == conversation_id:
        open_comparison(None)


def _conversations() -> Conversations:
    return runtime.get_conductor().conversations
