"""Two answers to one prompt, word by word."""

from __future__ import annotations

import streamlit as st

from conductor_core.answers import Answer, Exchange
from conductor_core.word_diff import MOST_WORDS, Change, word_diff
from dashboard.components import untrusted
from dashboard.components.who import side_name


def draw(exchange: Exchange) -> None:
    """On demand: which two, and what the second says otherwise than the first."""
    written = [answer for answer in exchange.sides if answer.text and not answer.running]
    if len(written) < 2 or not st.toggle("Word by word", key=f"diff-{exchange.prompt_id}"):
        return
    before, after = _chosen(exchange, written) if len(written) > 2 else (written[0], written[1])
    if before is after:
        st.caption("Choose two different answers.")
        return
    found = word_diff(before.text, after.text)
    first, second = side_name(exchange, before), side_name(exchange, after)
    added, removed = found.words(Change.ADDED), found.words(Change.REMOVED)
    untrusted.caption(f"− {_count(removed)} only in {first}. + {_count(added)} only in {second}.")
    with st.container(border=True, key="word-diff"):
        untrusted.differences(found.pieces)
    if not found.whole:
        untrusted.caption(f"The first {MOST_WORDS:,} words of each are compared.")


def _chosen(exchange: Exchange, written: list[Answer]) -> tuple[Answer, Answer]:
    places = range(len(written))
    names = [untrusted.isolated(side_name(exchange, answer)) for answer in written]
    with st.container(horizontal=True, gap="small", key="diff-sides"):
        before = st.selectbox("From", places, 0, format_func=names.__getitem__, key=f"diff-{exchange.prompt_id}-from")
        after = st.selectbox("To", places, 1, format_func=names.__getitem__, key=f"diff-{exchange.prompt_id}-to")
    return written[before], written[after]


def _count(words: int) -> str:
    return f"{words:,} word{'' if words == 1 else 's'}"
