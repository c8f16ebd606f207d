"""Looking at a running turn: a fragment draws it at its own pace, and the page once more when it has ended."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from conductor_core.answers import Exchange, Running

REFRESH_SECONDS = 0.15
LONG_REFRESH_SECONDS = 0.3
LONG_CHARACTERS = 4096
"""From this length on, drawing the text again costs the browser more than a slower pace costs the reader."""


def place() -> DeltaGenerator:
    """Where an ended answer goes: as deep in the page as a running one, so that the browser keeps what it shows."""
    return st.container()


def pace(exchange: Exchange) -> float:
    """Seconds from one drawing to the next."""
    long = any(len(answer.text) > LONG_CHARACTERS for answer in (*exchange.answers, *exchange.merges))
    return LONG_REFRESH_SECONDS if long else REFRESH_SECONDS


def watch(turn: Running, draw: Callable[[Exchange], None]) -> None:
    """Draws a turn until it ends, then reruns the page, which reads the saved answers."""
    every = pace(turn.exchange())

    @st.fragment(run_every=every)
    def panel() -> None:
        if not turn.running:
            st.rerun()
        exchange = turn.exchange()
        draw(exchange)
        if pace(exchange) != every:
            st.rerun()

    panel()
