"""Going on with one lane of a comparison: a fork of it is a chat with that lane's history and settings."""

from __future__ import annotations

import streamlit as st

from conductor_core.answers import Answer, Exchange
from dashboard import actions
from dashboard.components import untrusted
from dashboard.components.who import side_name


def ask(exchange: Exchange, shown: list[Answer], comparison_id: str, *, running: bool) -> None:
    """Which lane; then its chat is opened. (All lanes go on with the next prompt.)"""
    written = [answer for answer in shown if answer.text]
    if not written:
        return
    names = {answer.lane: untrusted.plain(side_name(exchange, answer)) for answer in written}
    lane = st.menu_button(
        "Continue with one",
        list(names),
        key=f"continue-with-{exchange.prompt_id}",
        icon=":material/chat_bubble:",
        format_func=names.__getitem__,
        disabled=running,
        help="A chat of its own, with what was said in that lane and what it was asked with.",
    )
    if lane is None:
        return
    chat_id = actions.fork(comparison_id, next(answer.id for answer in written if answer.lane == lane))
    if chat_id:
        st.switch_page("app_pages/chat.py", query_params={"c": chat_id})
    st.rerun()
