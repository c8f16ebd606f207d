"""A provider's mark and name, the same wherever it is shown."""

from __future__ import annotations

from functools import lru_cache
from html import escape

import streamlit as st

from conductor_core.answers import Answer, Exchange
from dashboard import runtime
from dashboard.components.identity import Identity, Palette


def look_of(provider: str) -> Identity:
    """The colour and mark of a provider."""
    return _palette(tuple(runtime.get_conductor().providers.names())).of(provider)


def name_of(provider: str) -> str:
    """The name people read; `AUTO` for the choice left to Conductor."""
    return "AUTO" if provider == "auto" else runtime.get_conductor().providers.label(provider)


def side_name(exchange: Exchange, answer: Answer) -> str:
    """`2 · OpenAI`; of a blind comparison `B`, and after the vote `B · OpenAI`."""
    side = exchange.side(answer.lane)
    return side if exchange.hidden else f"{side} · {name_of(answer.provider)}"


def hidden(side: str) -> None:
    """`A`, as high as what takes its place after the vote."""
    st.html(f'<div class="who"><b>{escape(side)}</b> <small>told after the vote</small></div>')


def show(provider: str, model: str, side: str = "") -> None:
    """`◆ Gemini  gemini-2.5-flash`, the mark in the provider's colour; before it the side it was, if any."""
    look = look_of(provider)
    mark = f'<span style="color:{look.colour}" aria-hidden="true">{look.mark}</span>'
    name, detail = escape(name_of(provider)), escape(model)
    mark = f"<b>{escape(side)}</b> · {mark}" if side else mark
    st.html(f'<div class="who" title="{detail}">{mark} <b>{name}</b> <small>{detail}</small></div>')


@lru_cache(maxsize=8)
def _palette(names: tuple[str, ...]) -> Palette:
    return Palette(names)
