"""From one branch of a conversation to the next, where they part: `‹ 2 / 3 ›`."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import actions
from dashboard.components import numbers, untrusted


def switch(ids: Sequence[str], shown: str, conversation_id: str) -> None:
    """Previous, which of how many, next; nothing while there is only one.

    Args:
        ids: the messages that stand in one place, in the order they came.
        shown: the one of them that is shown.
    """
    if len(ids) < 2:
        return
    at = ids.index(shown)
    place = f"{numbers.count(at + 1)} / {numbers.count(len(ids))}"
    with st.container(
        horizontal=True, gap=None, vertical_alignment="center", width="content", key=f"branches-{ids[0]}"
    ):
        _step("Previous branch", ":material/chevron_left:", ids, at - 1, conversation_id)
        untrusted.caption(place)
        _step("Next branch", ":material/chevron_right:", ids, at + 1, conversation_id)


def _step(label: str, icon: str, ids: Sequence[str], to: int, conversation_id: str) -> None:
    there = 0 <= to < len(ids)
    st.button(
        untrusted.plain(label),  # for screen readers: the style sheet hides it
        key=f"branch-{label[0]}-{ids[0]}",
        icon=icon,
        type="tertiary",
        disabled=not there,
        on_click=actions.show,
        args=(conversation_id, ids[to] if there else ids[0]),
    )
