"""The race of a comparison's lanes: state, time to first token, speed and cost of each, and who was done first."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import streamlit as st

from conductor_core.answers import Answer, Exchange
from conductor_core.kinds import LaneState
from dashboard.components import facts, numbers, untrusted
from dashboard.components.who import look_of, name_of

_WORDS = {
    LaneState.WAITING: "waiting",
    LaneState.STREAMING: "writing",
    LaneState.DONE: "done",
    LaneState.STOPPED: "stopped",
    LaneState.FAILED: "failed",
    LaneState.INCOMPLETE: "incomplete",
    LaneState.INTERRUPTED: "interrupted",
}


def draw(exchange: Exchange, order: Iterable[int]) -> None:
    """A row per lane. Nothing where nobody may know who answers, or where there is nobody to race against.

    Args:
        order: of the lanes, as they are shown.
    """
    if exchange.hidden or len(exchange.answers) < 2:
        return
    by_lane = {answer.lane: answer for answer in exchange.answers}
    shown = [by_lane[lane] for lane in order if lane in by_lane]
    longest = max((answer.latency_ms or 0.0 for answer in shown), default=0.0) or 1.0
    places = exchange.places
    rows = "".join(_row(exchange, answer, places.get(answer.lane), longest) for answer in shown)
    st.html(f'<div class="race">{rows}</div>')


def words(answer: Answer) -> str:
    """`writing · 0.42 s first · 84 tok/s · ~$0.0004 · 1.9 s`; a figure that is not there yet is a dash."""
    if answer.running and answer.latency_ms is None and not answer.request_id:
        return "waits for its turn"
    state = "thinking" if answer.state is LaneState.WAITING and answer.thinking else _WORDS[answer.state]
    figures = (
        f"{numbers.seconds(answer.ttft_ms)} first",
        numbers.rate(answer.tokens_per_second),
        numbers.money(answer.cost_usd, facts.cost_kind(answer)),
        numbers.seconds(answer.latency_ms),
    )
    return " · ".join((state, *figures))


def _row(exchange: Exchange, answer: Answer, place: int | None, longest: float) -> str:
    look = look_of(answer.provider)
    name = untrusted.line(name_of(answer.provider))
    latency = answer.latency_ms or 0.0
    first = min(answer.ttft_ms if answer.ttft_ms is not None else latency, latency)
    track = (
        f'<i class="waits" style="width:{first / longest:.2%};background:{look.colour}"></i>'
        f'<i class="writes" style="left:{first / longest:.2%};width:{(latency - first) / longest:.2%};'
        f'background:{look.colour}"></i>'
    )
    told = escape(numbers.unbroken(words(answer)))
    return (
        f'<div class="racer{" won" if place == 1 else ""}"><b>{numbers.ordinal(place) if place else ""}</b>'
        f"<span>{escape(exchange.side(answer.lane))} · "
        f'<span style="color:{look.colour}" aria-hidden="true">{escape(look.mark)}</span> {name} '
        f"<small>{untrusted.line(answer.model)}</small></span>"
        f'<span class="track" aria-hidden="true">{track}</span><span class="told">{told}</span></div>'
    )
