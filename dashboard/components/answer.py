"""One answer, in Chat and in Compare: who, the text, the facts, and what can be done about it."""

from __future__ import annotations

import time

import streamlit as st

from conductor_core.answers import Answer
from conductor_core.kinds import LaneState
from conductor_core.providers.local_provider import LocalProvider
from conductor_core.turns import LaneSetup
from dashboard import actions, runtime
from dashboard.components import facts, numbers, untrusted
from dashboard.components.browser import copy_button
from dashboard.components.who import name_of


def body(answer: Answer, key: str) -> None:
    """The text so far, or what is being waited for; thinking folded."""
    if answer.thinking:
        with st.expander("Thinking", icon=":material/psychology:"):
            untrusted.markdown(answer.thinking)
    if answer.text:
        whole = untrusted.markdown(answer.text)
        if not whole and not answer.running:
            st.download_button(
                "Download the whole answer",
                answer.text,
                "answer.md",
                "text/markdown",
                key=f"whole-{key}",
                on_click="ignore",
            )
    elif answer.running and not answer.failure:
        with st.container(key=f"facts-waiting-{key}"):
            untrusted.caption(facts.waiting(answer, _loading_seconds(answer)))
    elif not answer.failure:
        st.caption("(empty answer)")


def figures(answer: Answer, key: str) -> None:
    """The facts line; its place is kept while the answer runs, so that nothing jumps."""
    with st.container(key=f"facts-{key}"):
        untrusted.caption(facts.line(answer) if answer.latency_ms is not None else numbers.MISSING)


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


def receipt(answer: Answer, key: str) -> None:
    """Why AUTO chose this provider: one sentence, then the candidates as they stood."""
    if not answer.receipt:
        return
    with st.popover("why", key=f"why-{key}", type="tertiary"):
        untrusted.text(answer.receipt["sentence"])
        st.table(
            [
                {
                    "Provider": untrusted.plain(candidate["label"]),
                    "State": candidate["state"].replace("_", " "),
                    "First token": numbers.seconds(candidate["ttft_ms"]),
                    "Whole answer": numbers.seconds(candidate["latency_ms"]),
                }
                for candidate in answer.receipt["candidates"]
            ]
        )
        for other in answer.receipt["passed_over"]:
            untrusted.caption(f"Passed over: {other['label']}. {other['reason']}")


def choices(answer: Answer, conversation_id: str, key: str, *, last: bool) -> None:
    """Copy, and for the last answer: once more, with the same provider or another one."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"choices-{key}"):
        if answer.text:
            copy_button(answer.text, key=f"copy-{key}")
        receipt(answer, key)
        if last:
            _again(answer, conversation_id, key)


def _again(answer: Answer, conversation_id: str, key: str) -> None:
    providers = runtime.get_conductor().providers
    others = [provider.name for provider in providers.available() if provider.name != answer.provider]
    if answer.state is not LaneState.DONE or answer.failure:
        if st.button("Retry", key=f"retry-{key}", type="tertiary", icon=":material/refresh:"):
            _answer_with(answer, conversation_id, None)
        label, names = "Use another", others
    else:
        label, names = "Again", ["", *others]
    chosen = st.menu_button(
        label,
        names,
        key=f"again-{key}",
        type="tertiary",
        format_func=lambda name: untrusted.plain(f"with {name_of(name)}") if name else "with the same choice",
    )
    if chosen is not None:
        _answer_with(answer, conversation_id, chosen or None)


def _answer_with(answer: Answer, conversation_id: str, provider: str | None) -> None:
    """Once more, as it was asked or with another provider's default model."""
    setup = LaneSetup.model_validate(answer.setup or {"provider": answer.provider})
    if provider:
        setup = setup.model_copy(update={"provider": provider, "model": None})
    actions.answer_again(conversation_id, {answer.lane: setup})
    st.rerun()


def _loading_seconds(answer: Answer) -> float | None:
    provider = runtime.get_conductor().providers.get(answer.provider)
    if isinstance(provider, LocalProvider) and provider.loading_since is not None:
        return time.monotonic() - provider.loading_since
    return None
