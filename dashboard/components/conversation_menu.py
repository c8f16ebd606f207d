"""What can be done with a conversation: rename, tag, pin, archive, export, delete; and what that asks first."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from conductor_core.answers import Transcript
from conductor_core.conversations import TAGS_AT_MOST
from conductor_core.deletions import UNDO_SECONDS
from conductor_core.export import as_markdown
from conductor_core.store.records import Conversation
from dashboard import actions, compare_actions, comparison_files, runtime, state
from dashboard.components import outlook_line, untrusted
from dashboard.conversation_page import page
from dashboard.files import safe_filename

RENAME, TAGS, PIN, UNPIN, ARCHIVE, UNARCHIVE, DELETE = (
    "Rename …",
    "Tags …",
    "Pin",
    "Unpin",
    "Archive",
    "Unarchive",
    "Delete …",
)
BESIDE = "Show beside the open one"


def menu(transcript: Transcript) -> None:
    """A small popover at the top of the page."""
    conversation = transcript.conversation
    tip = "Rename, tag, export, delete"
    with st.popover("Menu of this conversation", icon=":material/more_horiz:", key="conversation-menu", help=tip):
        if transcript.total.answers and not transcript.hidden:
            untrusted.caption(outlook_line.total_words(transcript.total))
        title = st.text_input("Title", conversation.title, max_chars=200, key=f"title-{conversation.id}")
        if title != conversation.title:
            refused = actions.rename(conversation.id, title)
            if refused:
                untrusted.error(refused)
            else:
                st.rerun()
        st.button(TAGS, icon=":material/sell:", key="tags", width="stretch", on_click=_tag, args=(conversation,))
        _exports(transcript)
        st.button(
            "Delete …", icon=":material/delete:", key="delete", width="stretch", on_click=_ask, args=(conversation,)
        )


def _exports(transcript: Transcript) -> None:
    """The formats, each made when it is asked for. JSON tells who answered: not before a blind vote."""
    conversation = transcript.conversation
    formats: list[tuple[str, str, Callable[[], str | bytes], str]] = [
        ("Export as Markdown", "md", lambda: _markdown(transcript), "text/markdown"),
        ("Export as HTML", "html", lambda: _html(transcript), "text/html"),
    ]
    if not transcript.hidden:
        whole = runtime.get_conductor().transfer.whole
        formats.append(("Export as JSON", "json", lambda: whole(conversation.id), "application/json"))
    for label, extension, make, media in formats:
        st.download_button(
            untrusted.plain(label),
            make,
            safe_filename(conversation.title, extension),
            media,
            icon=":material/download:",
            key="export" if extension == "md" else f"export-{extension}",
            width="stretch",
            on_click="ignore",
        )


def _markdown(transcript: Transcript) -> str:
    told = runtime.get_conductor().transfer.masked(transcript)
    return comparison_files.as_markdown(told) if told.conversation.kind == "compare" else as_markdown(told)


def _html(transcript: Transcript) -> str:
    transfer = runtime.get_conductor().transfer
    told = transfer.masked(transcript)
    return "".join(page([told], told.conversation.title, transfer.file))


def of_row(conversation: Conversation) -> None:
    """The menu beside a conversation in the list."""
    chosen = st.menu_button(
        untrusted.plain(f"Menu of {conversation.title}"),  # for screen readers: the style sheet hides it
        [
            RENAME,
            TAGS,
            UNPIN if conversation.pinned else PIN,
            UNARCHIVE if conversation.archived else ARCHIVE,
            *([BESIDE] if _can_stand_beside(conversation) else []),
            DELETE,
        ],
        key=f"menu-{conversation.id}",
        icon=":material/more_horiz:",
        type="tertiary",
    )
    if chosen is None:
        return
    asked = state.menu()
    if chosen == RENAME:
        asked.renaming = conversation
    elif chosen == TAGS:
        asked.tagging = conversation
    elif chosen == DELETE:
        asked.deleting = conversation
    elif chosen == BESIDE:
        compare_actions.beside(conversation.id)
    elif chosen in (PIN, UNPIN):
        actions.pin(conversation.id, chosen == PIN)
    else:
        actions.archive(conversation.id, chosen == ARCHIVE)
    st.rerun()


def _can_stand_beside(conversation: Conversation) -> bool:
    """Whether it is a comparison, and another one is open."""
    return conversation.kind == "compare" and state.compare().comparison_id not in (None, conversation.id)


def ask() -> None:
    """The question that waits for the person's word, also while answers end around it."""
    asked = state.menu()
    if asked.deleting:
        confirm_delete(asked.deleting)
    elif asked.renaming:
        rename(asked.renaming)
    elif asked.tagging:
        tag(asked.tagging)


def undo() -> None:
    """For a while after a deletion: what was deleted, and a way back."""
    deleted = state.menu().deleted
    left = UNDO_SECONDS - (time.monotonic() - deleted.at) if deleted else 0.0
    if not deleted or left <= 0:
        state.menu().deleted = None
        return

    @st.fragment(run_every=left + 0.1)
    def notice() -> None:
        if state.menu().deleted is not deleted or time.monotonic() - deleted.at >= UNDO_SECONDS:
            return
        with st.container(key="undo-deletion", horizontal=True, vertical_alignment="center", border=True):
            untrusted.caption(f"Deleted “{deleted.conversation.title}”.")
            if st.button("Undo", key="undo", type="tertiary", icon=":material/undo:"):
                actions.undo_deletion()
                st.rerun()

    notice()


def _ask(deleting: Conversation | None = None) -> None:
    """Which conversation the question is about from now on; None: about none."""
    asked = state.menu()
    asked.deleting, asked.renaming, asked.tagging = deleting, None, None


def _tag(tagging: Conversation) -> None:
    _ask()
    state.menu().tagging = tagging


@st.dialog("Delete this conversation?", on_dismiss=_ask)
def confirm_delete(conversation: Conversation) -> None:
    """Asks once more; then it is out of sight, and after a moment erased."""
    untrusted.text(conversation.title)
    st.caption(
        f"Its messages are erased from the disk in {UNDO_SECONDS:.0f} seconds; until then you can undo it. "
        "Its calls stay in the statistics, as numbers only."
    )
    yes, no = st.columns(2)
    deleted = yes.button(
        "Delete", type="primary", key="delete-yes", width="stretch", on_click=actions.delete, args=(conversation,)
    )
    kept = no.button("Keep", key="delete-no", width="stretch", on_click=_ask)
    if deleted or kept:
        st.rerun()


@st.dialog("Rename this conversation", on_dismiss=_ask)
def rename(conversation: Conversation) -> None:
    """Asks for a title, and says why one is refused."""
    with st.form("rename", border=False):
        title = st.text_input("Title", conversation.title, max_chars=200, key=f"rename-{conversation.id}")
        if st.form_submit_button("Rename", type="primary"):
            refused = actions.rename(conversation.id, title)
            if not refused:
                _ask()
                st.rerun()
            untrusted.error(refused)


@st.dialog("Tags of this conversation", on_dismiss=_ask)
def tag(conversation: Conversation) -> None:
    """Asks for tags, and says why some are refused."""
    with st.form("tag", border=False):
        known = runtime.get_conductor().store.tags(conversation.kind)
        tags = st.multiselect(
            "Tags",
            sorted({*known, *conversation.tags}),
            conversation.tags,
            key=f"tags-{conversation.id}",
            max_selections=TAGS_AT_MOST,
            accept_new_options=True,
            format_func=untrusted.isolated,
            placeholder="None yet: type one",
        )
        if st.form_submit_button("Save", type="primary"):
            refused = actions.tag(conversation.id, tags)
            if not refused:
                _ask()
                st.rerun()
            untrusted.error(refused)
