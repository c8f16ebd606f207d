"""One answer, in Chat and in Compare: who, the text, the facts, and what can be done about it."""

from __future__ import annotations

import time

import streamlit as st

from conductor_core.answers import Answer
from conductor_core.kinds import LaneState
from conductor_core.models import Provider
from conductor_core.providers.local_provider import LocalProvider
from dashboard import runtime, state
from dashboard.components import facts, numbers, untrusted


def notices(answer: Answer) -> None:
    """How the answer came about when not as asked: who failed, and who answers instead."""
    for notice in answer.notices:
        untrusted.caption(notice)


def body(answer: Answer) -> None:
    """The text so far, or what is being waited for; thinking folded."""
    if answer.setup.get("first_turn"):
        st.caption("The oldest messages of this conversation were not sent along.")
    if answer.thinking:
        with st.expander(
            untrusted.plain(facts.thinking(answer)), icon=":material/psychology:", key=f"thinking-{answer.id}"
        ):
            untrusted.markdown(answer.thinking)
    if answer.text:
        draw = untrusted.source if answer.id in state.reading().raw else untrusted.markdown
        whole = draw(answer.text)
        if not whole and not answer.running:
            st.download_button(
                "Download the whole answer",
                answer.text,
                "answer.md",
                "text/markdown",
                key=f"whole-{answer.id}",
                on_click="ignore",
            )
    elif answer.running and not answer.failure:
        with st.container(key=f"facts-waiting-{answer.id}"):
            untrusted.caption(facts.waiting(answer, _loading_seconds(answer)))
    elif not answer.failure:
        st.caption("Stopped before the first word." if answer.state is LaneState.STOPPED else "(empty answer)")


def kept(answer: Answer) -> None:
    """What earlier answers to the same prompt had written before they broke off."""
    for number, text in enumerate(answer.kept):
        with st.expander("An earlier answer, as far as it came", key=f"kept-{answer.id}-{number}"):
            untrusted.markdown(text)


def figures(answer: Answer, place: int | None = None) -> None:
    """The facts line; its space is kept while the answer runs, so that nothing jumps.

    Args:
        place: 1 for the lane that was done first.
    """
    with st.container(key=f"facts-{answer.id}"):
        line = facts.line(answer) if answer.latency_ms is not None else numbers.MISSING
        line = f"{numbers.ordinal(place)} · {line}" if place else line
        st.caption(numbers.unbroken(untrusted.plain(line)))


def failure(answer: Answer) -> None:
    """What went wrong, in our words; what upstream said on demand."""
    if answer.state is LaneState.INTERRUPTED:
        st.info(
            "Conductor was closed while this answer was running. What had arrived is above.", icon=":material/power:"
        )
    if not answer.failure:
        return
    untrusted.error(answer.failure.sentence)
    if answer.failure.detail or answer.request_id:
        with st.expander("Details"):
            untrusted.raw(answer.failure.detail or "The provider gave no further reason.")
            untrusted.caption(f"Request {answer.request_id}" if answer.request_id else "Nothing was sent.")


def _loading_seconds(answer: Answer) -> float | None:
    if answer.provider == Provider.AUTO:  # it waits for its turn
        return None
    provider = runtime.get_conductor().providers.get(answer.provider)
    if isinstance(provider, LocalProvider) and provider.loading_since is not None:
        return time.monotonic() - provider.loading_since
    return None
