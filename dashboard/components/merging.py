"""Merges: what a model of the reader's choice makes of the answers to one prompt, and where that is asked for."""

from __future__ import annotations

import streamlit as st

from conductor_core.answers import Answer, Exchange
from conductor_core.kinds import MergeKind
from conductor_core.merges import LEAST_ANSWERS, answers_of
from dashboard import actions, compare_actions, state
from dashboard.components import answer as one
from dashboard.components import untrusted
from dashboard.components.answer_choices import choices
from dashboard.components.picker import pick
from dashboard.components.who import show

NAMES = {MergeKind.FUSE: "Fused", MergeKind.CHECKLIST: "By a checklist", MergeKind.CRITERIA: "Rated by criteria"}
_KINDS = {
    MergeKind.FUSE: ("Fuse", "One answer with the best of all."),
    MergeKind.CHECKLIST: ("Checklist", "First what a good answer needs, then that answer."),
    MergeKind.CRITERIA: ("Criteria", "A table that rates each answer."),
}


def ask(exchange: Exchange, compare: state.CompareState, comparison_id: str, *, running: bool) -> None:
    """Which kind of merge, by whom; while one runs, only its place is kept."""
    if len(answers_of(exchange)) < LEAST_ANSWERS:
        return
    key = f"merge-{exchange.prompt_id}"
    # Its being open is state, so that the action can close it: it would cover what it began.
    with st.popover("Merge", key=key, icon=":material/merge:", disabled=running, on_change="rerun"):
        if running:
            return
        kinds = list(MergeKind)
        kind = st.radio(
            "Make of the answers",
            kinds,
            format_func=lambda kind: _KINDS[kind][0],
            captions=[_KINDS[kind][1] for kind in kinds],
            key=f"merge-kind-{exchange.prompt_id}",
        )
        compare.merging = pick(compare.merging, key)
        st.caption("The answers stay as they are. Who wrote them is not told to the model.")
        st.button(
            "Merge",
            key=f"merge-now-{exchange.prompt_id}",
            type="primary",
            on_click=compare_actions.merge,
            args=(comparison_id, exchange.turn, kind, key),
        )


def draw(exchange: Exchange, comparison_id: str) -> None:
    """Every merge there is, each with the prompt it was made with."""
    for answer in exchange.merges:
        with st.container(border=True, key=f"answer-{answer.id}"):
            _merge(answer, comparison_id)


def _merge(answer: Answer, comparison_id: str) -> None:
    assert answer.merge
    show(answer.provider, answer.model, NAMES[answer.merge.kind])
    one.notices(answer)
    one.body(answer)
    one.failure(answer)
    one.figures(answer)
    with st.expander("The prompt used", key=f"merge-prompt-{answer.id}"):
        untrusted.verbatim(answer.merge.prompt)
    if answer.running:
        st.button(
            "Stop",
            key=f"stop-{answer.id}",
            type="tertiary",
            icon=":material/stop_circle:",
            on_click=actions.stop,
            args=(comparison_id, answer.lane),
        )
    else:
        choices(answer, comparison_id, None)
