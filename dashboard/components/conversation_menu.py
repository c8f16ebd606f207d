"""What can be done with an open conversation: rename, export, delete."""

from __future__ import annotations

import streamlit as st

from conductor_core.answers import Transcript
from conductor_core.export import as_markdown
from dashboard import actions, state
from dashboard.components import untrusted
from dashboard.files import safe_filename


def menu(transcript: Transcript) -> None:
    """A small popover at the top of the page."""
    conversation = transcript.conversation
    with st.popover("", icon=":material/more_horiz:", key="conversation-menu", help="Rename, export, delete"):
        title = st.text_input("Title", conversation.title, max_chars=200, key=f"title-{conversation.id}")
        if title != conversation.title:
            refused = actions.rename(conversation.id, title)
            if refused:
                untrusted.error(refused)
            else:
                st.rerun()
        st.download_button(
            "Export as Markdown",
            lambda: as_markdown(transcript),
            safe_filename(conversation.title, "md"),
            "text/markdown",
            icon=":material/download:",
            key="export",
            width="stretch",
            on_click="ignore",
        )
        st.button(
            "Delete …", icon=":material/delete:", key="delete", width="stretch", on_click=_ask, args=(conversation.id,)
        )
    if state.menu().deleting == conversation.id:
        confirm_delete(conversation.id)
    else:
        _ask(None)


def _ask(conversation_id: str | None) -> None:
    """Which conversation the question is about from now on; None: about none."""
    state.menu().deleting = conversation_id


@st.dialog("Delete this conversation?", on_dismiss=lambda: _ask(None))
def confirm_delete(conversation_id: str) -> None:
    """Asks once more, then deletes for good."""
    st.markdown("Its messages are erased from the disk. Its calls stay in the statistics, as numbers only.")
    yes, no = st.columns(2)
    deleted = yes.button(
        "Delete", type="primary", key="delete-yes", width="stretch", on_click=actions.delete, args=(conversation_id,)
    )
    kept = no.button("Keep", key="delete-no", width="stretch", on_click=_ask, args=(None,))
    if deleted or kept:
        st.rerun()
