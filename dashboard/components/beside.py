"""Two comparisons side by side: prompt by prompt, and the figures of both in one table."""

from __future__ import annotations

from itertools import zip_longest

import streamlit as st

from conductor_core.answers import Answer, Exchange, Transcript
from conductor_core.errors import NotFound
from dashboard import actions, compare_actions, runtime, state
from dashboard.components import answer as one
from dashboard.components import attached, lane_summary, merging, untrusted
from dashboard.components.who import hidden, show, side_name

TEXT_HEIGHT = 300


def opened(compare: state.CompareState, first: Transcript | None) -> Transcript | None:
    """The comparison that the address wants to see beside the open one."""
    wanted = st.query_params.get(actions.BESIDE)
    if not wanted or first is None:
        return None
    try:
        second = runtime.get_conductor().conversations.transcript(wanted)
    except NotFound as error:
        compare.notice = str(error)
        second = None
    if second and second.conversation.kind != "compare":
        compare.notice = "Only a comparison can be shown beside another. This is a chat."
        second = None
    if not second or wanted == first.conversation.id:
        compare_actions.beside(None)
        return None
    return second


def back() -> None:
    """The way back to the open comparison alone."""
    st.button(
        "Back to one",
        key="back-to-one",
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=compare_actions.beside,
        args=(None,),
    )


def draw(first: Transcript, second: Transcript, *, narrow: bool) -> None:
    """The one to the left, the other to the right, prompt by prompt; a tab each where the window is narrow."""
    if narrow:
        _tabs(first, second)
    else:
        _columns(first, second)
    rows = [row for transcript in (first, second) for row in _rows(transcript)]
    if rows:
        st.markdown("**How they did**")
        untrusted.table(rows, "How they did")


def _tabs(*both: Transcript) -> None:
    for tab, transcript in zip(st.tabs([_title(transcript) for transcript in both]), both, strict=True):
        with tab:
            _head(transcript)
            for exchange in transcript.exchanges:
                _exchange(exchange, transcript.conversation.id)


def _columns(first: Transcript, second: Transcript) -> None:
    for column, transcript in zip(st.columns(2, gap="medium"), (first, second), strict=True):
        with column:
            _head(transcript)
    for pair in zip_longest(first.exchanges, second.exchanges):
        for column, exchange, of in zip(st.columns(2, gap="medium"), pair, (first, second), strict=True):
            with column:
                if exchange:
                    _exchange(exchange, of.conversation.id)
                else:
                    st.caption("Nothing more was asked here.")


def _title(transcript: Transcript) -> str:
    return untrusted.plain(transcript.conversation.title)


def _head(transcript: Transcript) -> None:
    conversation = transcript.conversation
    with st.container(key=f"beside-{conversation.id}", horizontal=True, vertical_alignment="center"):
        untrusted.text(conversation.title)
        st.button(
            "Open",
            key=f"alone-{conversation.id}",
            type="tertiary",
            icon=":material/open_in_full:",
            on_click=compare_actions.open_alone,
            args=(conversation.id,),
            help="This comparison alone",
        )


def _exchange(exchange: Exchange, comparison_id: str) -> None:
    with st.container(key=f"said-{exchange.prompt_id}"):
        untrusted.markdown(exchange.prompt)
        attached.draw(exchange.files)
    names = [untrusted.plain(side_name(exchange, answer)) for answer in exchange.sides]
    for tab, answer in zip(st.tabs(names), exchange.sides, strict=True):
        with tab:
            _answer(exchange, answer)
    merging.draw(exchange, comparison_id)


def _answer(exchange: Exchange, answer: Answer) -> None:
    if exchange.hidden:
        hidden(exchange.side(answer.lane))
    else:
        show(answer.provider, answer.model)
    with st.container(height=TEXT_HEIGHT, key=f"beside-text-{answer.id}"):
        if exchange.hidden and (answer.failure or answer.running):
            st.caption("Who this is, and how it went, is told after the vote.")
        else:
            one.body(answer)
            one.failure(answer)
    if not exchange.hidden:
        one.figures(answer, exchange.places.get(answer.lane))


def _rows(transcript: Transcript) -> list[dict[str, str]]:
    """Of the last prompt's answers; none where a vote is awaited."""
    if not transcript.exchanges or transcript.exchanges[-1].hidden:
        return []
    last = transcript.exchanges[-1]
    title = {"Comparison": transcript.conversation.title}
    return [title | lane_summary.row(last, answer) for answer in last.sides if answer.latency_ms is not None]
