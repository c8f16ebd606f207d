"""What the dialogs of personas and of templates share: writing a text, and the question before one is deleted."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from conductor_core.kinds import Keepsake
from conductor_core.library import TEXT_CHARACTERS
from conductor_core.names import NAME_CHARACTERS
from conductor_core.store.library_rows import Kept
from dashboard import library_actions, state
from dashboard.components import untrusted

TEXT_HEIGHT = 220


def refusal() -> None:
    """Why the last thing could not be done; said once."""
    asked = state.library()
    if asked.refusal:
        untrusted.error(asked.refusal)
        asked.refusal = ""


def text_form(kept: Kept, done: Callable[[Kept], None], back: Callable[[], None]) -> None:
    """The form of a text, which stays until it can be kept.

    Args:
        done: what follows once it is kept.
        back: what follows if it is given up.
    """
    number = state.library().opened
    name, text = f"library-name-{number}", f"library-text-{number}"
    is_template = kept.kind is Keepsake.TEMPLATE
    with st.form(f"library-{number}", border=False):
        st.text_input("Name", kept.name, max_chars=NAME_CHARACTERS, key=name)
        st.text_area(
            "Prompt" if is_template else "System prompt",
            kept.text,
            height=TEXT_HEIGHT,
            max_chars=TEXT_CHARACTERS,
            key=text,
            placeholder="Write about the weather in {{city}}, in {{language=English}}." if is_template else None,
        )
        if is_template:
            st.caption("`{{city}}` is asked for when it is used, `{{city=Paris}}` has a default.")
        with st.container(horizontal=True, gap="small"):
            st.form_submit_button("Keep", type="primary", on_click=_keep, args=(kept, name, text, done))
            st.form_submit_button("Cancel", on_click=back)
    refusal()


def deletion(kept: Kept, after: Callable[[], None]) -> None:
    """Asks once more before a text is deleted."""
    untrusted.text(f"Delete “{kept.name}”?")
    st.caption("Conversations that were held with it stay as they are.")
    with st.container(horizontal=True, gap="small"):
        st.button("Delete", type="primary", key="library-delete-yes", on_click=_delete, args=(kept, after))
        st.button("Keep", key="library-delete-no", on_click=after)


def _keep(kept: Kept, name: str, text: str, done: Callable[[Kept], None]) -> None:
    saved = library_actions.keep(kept, st.session_state[name] or "", st.session_state[text] or "")
    if saved:
        done(saved)


def _delete(kept: Kept, after: Callable[[], None]) -> None:
    library_actions.delete(kept)
    after()
