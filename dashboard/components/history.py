"""Past conversations in the sidebar: a search, the pinned ones, then the newest first, grouped by day; the archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import groupby

import streamlit as st

from conductor_core.store.records import Conversation
from conductor_core.store.texts import Hit
from dashboard import actions, runtime, state
from dashboard.components import conversation_menu, keyboard, seek, untrusted
from dashboard.components.clock import reader_now, reader_time

SHOWN = 40
FOUND = 20
OnOpen = Callable[[str | None], None]


def sidebar(kind: str, opened: str | None, new: str, on_open: OnOpen) -> None:
    """The button for a new one, the search and the list. `on_open` gets an id, or None for a new one."""
    with st.sidebar:
        st.button(
            new,
            icon=":material/add:",
            key=f"new-{kind}",
            width="stretch",
            help=untrusted.plain(keyboard.spelled(keyboard.NEW)),
            shortcut=keyboard.NEW,
            on_click=on_open,
            args=(None,),
        )
        query = _search(kind)
        conversation_menu.undo()
        if query:
            _hits(kind, query, on_open)
        else:
            _list(kind, opened, on_open)
    conversation_menu.ask()


def day_of(moment: datetime, now: datetime) -> str:
    """`Today`, `Yesterday`, a weekday within the last week, else the date."""
    days = (now.date() - moment.date()) / timedelta(days=1)
    if days < 1:
        return "Today"
    if days < 2:
        return "Yesterday"
    return moment.strftime("%A") if days < 7 else moment.strftime("%-d %B %Y")


def _search(kind: str) -> str:
    typed = st.text_input(
        "Search titles and messages",
        key=f"search-{kind}",
        placeholder=f"Search ({keyboard.spelled(keyboard.SEARCH)})",
        label_visibility="collapsed",
        icon=":material/search:",
        type="search",
        max_chars=200,
        on_change=_first_page,
        args=(kind,),
    )
    return (typed or "").strip()


def _list(kind: str, opened: str | None, on_open: OnOpen) -> None:
    shelf = state.history()
    archived = kind in shelf.archive
    shown = SHOWN * shelf.pages.get(kind, 1)
    tag = _tag(kind)
    conversations = runtime.get_conductor().store.conversations(kind, shown + 1, archived=archived, tag=tag)
    if archived:
        st.caption("Archive" if conversations else "Archive: nothing is in it.")
    with st.container(key=f"conversations-{kind}", gap=None):
        now = reader_now()
        for group, of_group in groupby(conversations[:shown], lambda c: _group(c, now)):
            untrusted.caption(group)
            _rows(of_group, opened, on_open)
    _more(kind, len(conversations) > shown)
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key=f"below-{kind}"):
        st.button(
            "Back from the archive" if archived else "Archive",
            key=f"archive-{kind}",
            icon=":material/arrow_back:" if archived else ":material/inventory_2:",
            type="tertiary",
            on_click=_turn_to,
            args=(kind, not archived),
        )
        keyboard.draw()


def _tag(kind: str) -> str:
    """The tag whose conversations are listed; empty: all are. Nothing is asked where there are no tags."""
    tags = runtime.get_conductor().store.tags(kind)
    if not tags:
        return ""
    chosen = st.selectbox(
        "Only with the tag",
        tags,
        index=None,
        key=f"tag-{kind}",
        placeholder="All tags",
        label_visibility="collapsed",
        format_func=untrusted.isolated,
        on_change=_first_page,
        args=(kind,),
    )
    return chosen or ""


def _label(conversation: Conversation) -> str:
    """The title; its tags small in a second line."""
    title = untrusted.plain(conversation.title)
    tags = untrusted.plain(" ".join(f"#{tag}" for tag in conversation.tags))
    return f"{title}  \n:small[{tags}]" if tags else title


def _group(conversation: Conversation, now: datetime) -> str:
    return "Pinned" if conversation.pinned else day_of(reader_time(conversation.updated_at), now)


def _rows(group: Iterable[Conversation], opened: str | None, on_open: OnOpen) -> None:
    for conversation in group:
        with st.container(key=f"row-{conversation.id}", horizontal=True, gap=None, vertical_alignment="center"):
            st.button(
                _label(conversation),
                key=f"open-{conversation.id}",
                width="stretch",
                type="secondary" if conversation.id == opened else "tertiary",
                on_click=on_open,
                args=(conversation.id,),
            )
            conversation_menu.of_row(conversation)


def _hits(kind: str, query: str, on_open: OnOpen) -> None:
    """What was found; a button for each place, since a conversation may hold several."""
    shown = FOUND * state.history().pages.get(kind, 1)
    hits = runtime.get_conductor().store.search(query, kind, shown + 1)
    if not hits:
        untrusted.caption(f"Nothing holds all of “{query}”.")
    with st.container(key=f"hits-{kind}", gap=None):
        for hit in hits[:shown]:
            text, marks = hit.snippet.text, hit.snippet.marks
            st.button(
                f"{untrusted.plain(hit.conversation.title)}  \n:small[{untrusted.marked(text, marks)}]"
                if hit.message_id
                else untrusted.marked(text, marks),
                key=f"hit-{hit.message_id or hit.conversation.id}",
                width="stretch",
                type="tertiary",
                on_click=_open,
                args=(hit, on_open),
            )
    _more(kind, len(hits) > shown)


def _open(hit: Hit, on_open: OnOpen) -> None:
    seek.aim(hit)
    if hit.message_id and hit.conversation.kind == "chat":
        actions.show(hit.conversation.id, hit.message_id)
    on_open(hit.conversation.id)


def _more(kind: str, there_is: bool) -> None:
    if there_is:
        st.button(
            "Show more",
            key=f"more-{kind}",
            type="tertiary",
            icon=":material/expand_more:",
            on_click=_next_page,
            args=(kind,),
        )


def _next_page(kind: str) -> None:
    pages = state.history().pages
    pages[kind] = pages.get(kind, 1) + 1


def _first_page(kind: str) -> None:
    state.history().pages.pop(kind, None)


def _turn_to(kind: str, archive: bool) -> None:
    _first_page(kind)
    shelf = state.history()
    shelf.archive = shelf.archive | {kind} if archive else shelf.archive - {kind}
