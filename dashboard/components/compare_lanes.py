"""The lanes of the Compare page: who answers, the answers side by side, and how they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from conductor_core.answers import Answer, Exchange, Transcript
from conductor_core.errors import NotFound
from conductor_core.kinds import LaneState
from conductor_core.models import Provider
from conductor_core.turns import LaneSetup
from dashboard import actions, runtime, state
from dashboard.components import answer as one
from dashboard.components import attached, lane_summary, live, untrusted, vote_bar, word_diff
from dashboard.components.answer_choices import choices
from dashboard.components.browser import copy_button
from dashboard.components.picker import pick
from dashboard.components.who import hidden, show, side_name

MOST_LANES = 4
LANE_HEIGHT = 340
FIRST_TEMPERATURES = (0.2, 1.0, 0.6, 1.4)
"""With one provider only, the lanes differ by temperature, so that there is something to compare."""


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


def first_lanes() -> list[LaneSetup]:
    """Up to four configured providers, the local one last; alone it gets two lanes of different temperatures."""
    names = [provider.name for provider in runtime.get_conductor().providers.available()][:MOST_LANES]
    if len(names) >= 2:
        return [LaneSetup(provider=name) for name in names]
    name = names[0] if names else Provider.LOCAL
    return [LaneSetup(provider=name, temperature=temperature) for temperature in FIRST_TEMPERATURES[:2]]


def choose_count(lanes: list[LaneSetup], counts: Sequence[int] = (2, 3, 4), key: str = "lanes") -> None:
    """How many lanes there are; one that is added differs from the others."""
    count = st.segmented_control(
        "Lanes",
        counts,
        default=len(lanes),
        required=True,
        format_func=lambda number: f"{number} lane{'' if number == 1 else 's'}",
        key=key,
        label_visibility="collapsed",
    )
    while len(lanes) < count:
        lanes.append(_another(lanes))
    del lanes[count:]


def choose_blind(compare: state.CompareState, transcript: Transcript | None) -> None:
    """Whether the next prompt is answered blind; while a vote is awaited it is, or the lanes would be told."""
    hidden = transcript is not None and transcript.hidden
    compare.blind = compare.blind or hidden
    compare.blind = st.toggle(
        "Blind",
        compare.blind,
        key=f"blind-{compare.comparison_id}-{hidden}",
        disabled=hidden,
        help="Names, times and costs are hidden and the sides shuffled until you vote.",
    )


def setups(lanes: list[LaneSetup], key: str, *, narrow: bool) -> None:
    """Provider, model and parameters of every lane."""
    for index, place in enumerate(_places([f"Lane {index + 1}" for index in range(len(lanes))], narrow=narrow)):
        with place:
            lanes[index] = pick(lanes[index], f"{key}-{index}")


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
    _prompt(last)
    if transcript.turn:
        live.watch(transcript.turn, lambda now: _lanes(_with_others(now, last), compare, comparison_id, sent=None))
        return
    with live.place():
        _lanes(last, compare, comparison_id, sent=[exchange.turn for exchange in transcript.exchanges])
    vote_bar.draw(last, comparison_id)
    word_diff.draw(last)
    if not last.hidden:
        lane_summary.draw(last)


def _lanes(exchange: Exchange, compare: state.CompareState, comparison_id: str, *, sent: Sequence[int] | None) -> None:
    names = [side_name(exchange, answer) for answer in exchange.sides]
    for answer, place in zip(exchange.sides, _places(names, narrow=compare.narrow), strict=True):
        with place, st.container(border=True, height="stretch", key=f"lane-{answer.id}"):
            if exchange.hidden:
                _hidden_lane(answer, exchange.side(answer.lane), comparison_id)
            else:
                side = exchange.side(answer.lane) if exchange.blind else ""
                _lane(answer, comparison_id, sent=sent, side=side)


def _hidden_lane(answer: Answer, side: str, comparison_id: str) -> None:
    """An answer and nothing that tells whose it is: no name, time or cost, nor a fault in anybody's words."""
    hidden(side)
    with st.container(height=LANE_HEIGHT, border=False, key=f"lane-text-{answer.id}", autoscroll=answer.running):
        if answer.text or not answer.running:
            one.body(answer)
        else:
            st.caption("Answering …")
        if answer.failure or answer.state is LaneState.FAILED:
            st.error("This answer failed. Who it was, and why, is told after the vote.")
    with st.container(key=f"facts-{answer.id}"):
        st.caption("Time and cost are told after the vote.")
    if answer.running:
        _stop(answer, comparison_id)
    elif answer.text:
        with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"choices-{answer.id}"):
            copy_button(answer.text, key=f"copy-{answer.id}")


def _lane(answer: Answer, comparison_id: str, *, sent: Sequence[int] | None, side: str = "") -> None:
    show(answer.provider, f"{answer.model} · temp {answer.setup.get('temperature', 0.7):g}", side)
    with st.container(height=LANE_HEIGHT, border=False, key=f"lane-text-{answer.id}", autoscroll=answer.running):
        one.notices(answer)
        one.kept(answer)
        one.body(answer)
        one.failure(answer)
    one.figures(answer)
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


def _places(names: Sequence[str], *, narrow: bool) -> Sequence[Any]:
    """One place per lane: side by side, or tabs where the window is narrow."""
    if narrow:
        return st.tabs([untrusted.plain(name) for name in names])
    return st.columns(len(names), gap="small")


def _with_others(now: Exchange, stored: Exchange) -> Exchange:
    """The running exchange, completed by lanes that are not part of the turn (one lane answers again)."""
    running = {answer.lane: answer for answer in now.answers}
    answers = tuple(running.get(answer.lane, answer) for answer in stored.answers)
    return replace(stored, answers=answers)


def _another(lanes: list[LaneSetup]) -> LaneSetup:
    used = {lane.provider for lane in lanes}
    names = [provider.name for provider in runtime.get_conductor().providers.available()]
    unused = next((name for name in names if name not in used), None)
    if unused:
        return LaneSetup(provider=unused)
    return lanes[0].model_copy(update={"temperature": FIRST_TEMPERATURES[len(lanes) % len(FIRST_TEMPERATURES)]})
