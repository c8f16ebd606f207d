"""The pace at which a running turn is drawn, and its last drawing."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from conductor_core.answers import Answer, Exchange
from conductor_core.kinds import LaneState
from dashboard.components.live import LONG_CHARACTERS, LONG_REFRESH_SECONDS, REFRESH_SECONDS, pace


def exchange(*texts: str) -> Exchange:
    return Exchange(0, "Hello", "p", 0, tuple(answer(text) for text in texts))


def answer(text: str) -> Answer:
    return Answer(id="a", lane=0, provider="openai", model="m", state=LaneState.STREAMING, text=text)


def test_one_long_text_slows_the_pace_of_all() -> None:
    """Drawing much text again costs the browser more than a slower pace costs the reader."""
    assert pace(exchange("", "x" * LONG_CHARACTERS)) == REFRESH_SECONDS
    assert pace(exchange("", "x" * (LONG_CHARACTERS + 1))) == LONG_REFRESH_SECONDS


def _page(lengths: list[int], running: bool) -> None:
    from types import SimpleNamespace

    import streamlit as st

    from dashboard.components import live
    from tests.dashboard.components.test_live import exchange

    st.session_state.setdefault("runs", 0)
    st.session_state["runs"] += 1
    growing = iter(lengths)
    turn = SimpleNamespace(running=running, exchange=lambda: exchange("x" * next(growing)))
    if running or st.session_state["runs"] == 1:
        live.watch(turn, lambda now: st.text(str(len(now.answers[0].text))))  # type: ignore[arg-type] # a turn's face


def runs(lengths: list[int], *, running: bool = True) -> int:
    """How often the page ran: its first time, and again when the panel asked for it."""
    page = AppTest.from_function(_page, args=(lengths, running)).run()
    assert not page.exception
    return int(page.session_state["runs"])


def test_a_text_drawn_at_its_pace_does_not_rerun_the_page() -> None:
    """Short and still short, long and still long: only the panel is drawn again."""
    assert runs([10, 20]) == 1
    assert runs([LONG_CHARACTERS + 1, LONG_CHARACTERS + 2]) == 1


def test_when_it_has_ended_the_page_reads_it_back() -> None:
    """Once, as a whole."""
    assert runs([10], running=False) == 2
