"""Under an answer: thumbs up or down, and a note on why; both can be changed and taken back."""

from __future__ import annotations

import streamlit as st

from conductor_core.answers import Answer
from conductor_core.feedback import NOTE_CHARACTERS
from dashboard import actions


def thumbs(answer: Answer, conversation_id: str) -> None:
    """The thumbs; the note where there is a thumb. Pressing the same thumb again takes it back.

    What is stored is what is shown: another tab may have changed it.
    """
    thumbs_key, note_key = f"feedback-{answer.id}", f"note-{answer.id}"
    given = answer.feedback
    st.session_state[thumbs_key] = int(given.good) if given else None
    args = (conversation_id, answer.id, thumbs_key, note_key)
    st.feedback("thumbs", key=thumbs_key, on_change=actions.rate, args=args)
    if given is None:
        return
    st.session_state[note_key] = given.note
    with st.popover("Note" if given.note else "Add a note", key=f"why-rated-{answer.id}", type="tertiary"):
        st.text_area("Why?", key=note_key, max_chars=NOTE_CHARACTERS, on_change=actions.rate, args=args)
