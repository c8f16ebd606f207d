"""Past conversations in the sidebar, newest first, grouped by day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import groupby

import streamlit as st

from conductor_core.store.records import Conversation
from dashboard import runtime
from dashboard.components import untrusted
from dashboard.components.clock import reader_now, reader_time

SHOWN = 100


def sidebar(kind: str, opened: str | None, new: str, on_open: Callable[[str | None], None]) -> None:
    """The button for a new one and the list. `on_open` gets an id, or None for a new one."""
    with st.sidebar:
        st.button(new, icon=":material/add:", key=f"new-{kind}", width="stretch", on_click=on_open, args=(None,))
        conversations = runtime.get_conductor().store.conversations(kind, SHOWN)
        with st.container(key=f"conversations-{kind}", gap=None):
            for day, group in groupby(conversations, lambda c: day_of(reader_time(c.updated_at), reader_now())):
                untrusted.caption(day)
                _buttons(group, opened, on_open)


def day_of(moment: datetime, now: datetime) -> str:
    """`Today`, `Yesterday`, a weekday within the last week, else the date."""
    days = (now.date() - moment.date()) / timedelta(days=1)
    if days < 1:
        return "Today"
    if days < 2:
        return "Yesterday"
    return moment.strftime("%A") if days < 7 else moment.strftime("%-d %B %Y")


def _buttons(group: Iterable[Conversation], opened: str | None, on_open: Callable[[str | None], None]) -> None:
    for conversation in group:
        st.button(
            untrusted.plain(conversation.title),
            key=f"open-{conversation.id}",
            width="stretch",
            type="secondary" if conversation.id == opened else "tertiary",
            on_click=on_open,
            args=(conversation.id,),
        )
