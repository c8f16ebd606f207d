"""The lanes of the Compare page: the answers side by side or one alone, the race between them, and how they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from conductor_core.answers import Answer, Exchange, Transcript
from conductor_core.errors import NotFound
from conductor_core.kinds import LaneState
from dashboard import actions, compare_actions, runtime, state
from dashboard.components import answer as one
from dashboard.components import (
    attached,
    going_on,
    lane_setups,
    lane_summary,
    live,
    merging,
    presets,
    race,
    untrusted,
    vote_bar,
    word_diff,
)
from dashboard.components.answer_choices import choices
from dashboard.components.browser import copy_button
from dashboard.components.conversation_menu import menu
from dashboard.components.who import hidden, show, side_name
from dashboard.lanes import first_lanes

LANE_HEIGHT = 340


def opened(compare: state.CompareState) -> Transcript | None:
    """The comparison the address names, else the one this tab had open."""
    wanted = st.query_params.get("cmp") or compare.comparison_id
    if wanted and (wanted != compare.comparison_id or "cmp" not in st.query_params):
        actions.open_comparison(wanted)
    compare.lanes = compare.lanes or first_lanes()
    if not compare.comparison_id:
        return None
    try:
        return runtime.get_conductor().conversations.transcript(compare.comparison_id)
    except NotFound as error:
        actions.open_comparison(None)
        compare.notice = str(error)
        return None


def head(compare: state.CompareState, transcript: Transcript | None) -> None:
    """What stands beside the page's name: the comparison's menu or how many lanes there are, and how they are asked."""
    compare_actions.taken_in()  # some of it is drawn before the control that says it
    if transcript:
        menu(transcript)
    else:
        lane_setups.choose_count(compare.lanes, compare.control("lanes"))
    lane_setups.choose_run(compare)
    presets.draw(compare)
    choose_blind(compare, transcript)


def choose_blind(compare: state.CompareState, transcript: Transcript | None) -> None:
    """Whether the next prompt is answered blind; while a vote is awaited it is, or the lanes would be told."""
    hidden = transcript is not None and transcript.hidden
    compare.blind = compare.blind or hidden
    compare.blind = st.toggle(
        "Blind",
        compare.blind,
        key=compare.control("hidden" if hidden else "blind"),
        disabled=hidden,
        help="Names, times and costs are hidden and the sides shuffled until you vote.",
    )


def draw(transcript: Transcript, compare: state.CompareState) -> None:
    """All exchanges; the last one live while its answers run, else with its summary."""
    comparison_id = transcript.conversation.id
    if not transcript.exchanges:  # the process was killed before its first prompt was saved
        return
    *earlier, last = transcript.exchanges
    for exchange in earlier:
        _prompt(exchange)
        with live.place():
            _lanes(exchange, compare, comparison_id, sent=None)
        vote_bar.draw(exchange, comparison_id)
        with live.place():
            merging.draw(exchange, comparison_id)
    _prompt(last)
    turn, answering = transcript.turn, any(answer.running for answer in last.answers)
    if turn and answering:
        live.watch(turn, lambda now: _last(_with_others(now, last), compare, comparison_id, sent=None))
        return
    with live.place():
        turns = [exchange.turn for exchange in transcript.exchanges]
        _last(last, compare, comparison_id, sent=None if turn else turns)
    vote_bar.draw(last, comparison_id)
    if not last.hidden:
        with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"after-{last.prompt_id}"):
            merging.ask(last, compare, comparison_id, running=bool(turn))
            going_on.ask(last, _shown(last, compare), comparison_id, running=bool(turn))
    if turn:
        live.watch(turn, lambda now: merging.draw(_with_others(now, last), comparison_id))
    else:
        with live.place():
            merging.draw(last, comparison_id)
    word_diff.draw(last)
    if not last.hidden:
        lane_summary.draw(last, [answer.lane for answer in _shown(last, compare)])


def _last(exchange: Exchange, compare: state.CompareState, comparison_id: str, *, sent: Sequence[int] | None) -> None:
    race.draw(exchange, [answer.lane for answer in _shown(exchange, compare)])
    _lanes(exchange, compare, comparison_id, sent=sent)


def _shown(exchange: Exchange, compare: state.CompareState) -> list[Answer]:
    """The answers in the order in which they are shown: shuffled for a vote, else as the lanes were put."""
    if exchange.blind:
        return list(exchange.sides)
    places = {lane: place for place, lane in enumerate(compare.order)}
    return sorted(exchange.answers, key=lambda answer: places.get(answer.lane, answer.lane))


def _lanes(exchange: Exchange, compare: state.CompareState, comparison_id: str, *, sent: Sequence[int] | None) -> None:
    """All lanes, or the one that the address wants to see alone, where there is such a one."""
    shown = _shown(exchange, compare)
    alone = [answer for answer in shown if exchange.side(answer.lane) == st.query_params.get(actions.LANE)]
    if alone:
        with st.container(horizontal=True, vertical_alignment="center", key=f"alone-{exchange.prompt_id}"):
            others = [exchange.side(answer.lane) for answer in shown]
            _alone(exchange, others, exchange.side(alone[0].lane))
    names = [side_name(exchange, answer) for answer in alone or shown]
    for answer, place in zip(alone or shown, lane_setups.places(names, narrow=compare.narrow), strict=True):
        with place, st.container(border=True, height="stretch", key=f"lane-{answer.id}"):
            height = None if alone else LANE_HEIGHT
            if exchange.hidden:
                _hidden_lane(answer, exchange.side(answer.lane), comparison_id, height)
            else:
                side = exchange.side(answer.lane) if exchange.blind else ""
                _lane(exchange, answer, comparison_id, height, sent=sent, side=side)


def _alone(exchange: Exchange, sides: list[str], side: str) -> None:
    """The way back to all lanes, and to the next one."""
    following = sides[(sides.index(side) + 1) % len(sides)]
    for label, icon, to in (
        ("All lanes", ":material/arrow_back:", None),
        ("Next lane", ":material/arrow_forward:", following),
    ):
        if st.button(untrusted.plain(label), key=f"{label}-{exchange.prompt_id}", icon=icon, type="tertiary"):
            compare_actions.focus(to)
            st.rerun()  # also what is drawn outside of a running turn


def _text_place(answer: Answer, height: int | None) -> DeltaGenerator:
    """Where an answer stands: it scrolls by itself where there are others beside it."""
    return st.container(
        height=height or "content",
        border=False,
        key=f"lane-text-{answer.id}",
        autoscroll=bool(height) and answer.running,
    )


def _hidden_lane(answer: Answer, side: str, comparison_id: str, height: int | None) -> None:
    """An answer and nothing that tells whose it is: no name, time or cost, nor a fault in anybody's words."""
    hidden(side)
    with _text_place(answer, height):
        if answer.text or not answer.running:
            one.body(answer)
        else:
            begun = answer.request_id or answer.latency_ms is not None
            st.caption("Answering …" if begun else "Waiting for its turn …")
        if answer.failure or answer.state is LaneState.FAILED:
            st.error("This answer failed. Who it was, and why, is told after the vote.")
    with st.container(key=f"facts-{answer.id}"):
        st.caption("Time and cost are told after the vote.")
    if answer.running:
        _stop(answer, comparison_id)
    elif answer.text:
        with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"choices-{answer.id}"):
            copy_button(answer.text, key=f"copy-{answer.id}")


def _lane(
    exchange: Exchange,
    answer: Answer,
    comparison_id: str,
    height: int | None,
    *,
    sent: Sequence[int] | None,
    side: str,
) -> None:
    show(answer.provider, f"{answer.model} · temp {answer.setup.get('temperature', 0.7):g}", side)
    with _text_place(answer, height):
        one.notices(answer)
        one.kept(answer)
        one.body(answer)
        one.failure(answer)
    places = exchange.places
    one.figures(answer, places.get(answer.lane) if len(places) > 1 else None)
    if answer.running:
        _stop(answer, comparison_id)
    else:
        choices(answer, comparison_id, sent)


def _stop(answer: Answer, comparison_id: str) -> None:
    st.button(
        "Stop",
        key=f"stop-{answer.id}",
        type="tertiary",
        icon=":material/stop_circle:",
        on_click=actions.stop,
        args=(comparison_id, answer.lane),
    )


def _prompt(exchange: Exchange) -> None:
    with st.container(key=f"said-{exchange.prompt_id}"):
        untrusted.markdown(exchange.prompt)
        attached.draw(exchange.files)


def _with_others(now: Exchange, stored: Exchange) -> Exchange:
    """The running exchange, completed by lanes that are not part of the turn (one lane answers again)."""
    running = {answer.lane: answer for answer in (*now.answers, *now.merges)}
    answers, merges = (
        tuple(running.get(answer.lane, answer) for answer in found) for found in (stored.answers, stored.merges)
    )
    return replace(stored, answers=answers, merges=merges)
