"""One call in a dialog: its attempts on a common clock, what it cost and took, its error, and the way to its thread."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

import streamlit as st

from conductor_core.errors import NotFound
from conductor_core.kinds import FAILURES
from conductor_core.metrics.call import Call
from conductor_core.metrics.words import error_words
from dashboard import health_actions, runtime
from dashboard.components import chat_thread, numbers, untrusted, who
from dashboard.components.call_table import asked_from
from dashboard.components.clock import reader_zone
from dashboard.components.health_view import CALL
from dashboard.components.receipt import receipt


def opened() -> None:
    """Opens the call that the address names, if any."""
    id = st.query_params.get(CALL)
    if not id:
        return
    try:
        call = runtime.get_conductor().health.call(id)
    except NotFound:
        health_actions.close_call()
        st.toast("There is no such call.")
        return
    _dialog(call)


@st.dialog("Call", width="large", on_dismiss=health_actions.close_call)
def _dialog(call: Call) -> None:
    attempts = runtime.get_conductor().health.attempts(call)
    who.show(call.provider, call.model)
    st.html(_facts(facts(call)))
    if call.error:
        untrusted.raw(call.error)
    st.markdown("**Attempts**" if len(attempts) > 1 else "**Timing**")
    st.html(f'<div class="waterfall">{_waterfall(attempts, call.id)}</div>')
    _thread(call)


def facts(call: Call) -> list[tuple[str, str]]:
    """What is known of a call, in words; what does not apply is left out."""
    moment = datetime.fromtimestamp(call.started_at / 1000, reader_zone())
    found = [
        ("When", moment.strftime("%-d %B %Y %H:%M:%S")),
        ("Ended", error_words(call.outcome, call.http_status)),
        ("First token", numbers.seconds(call.ttft_ms)),
        ("Whole answer", numbers.seconds(call.latency_ms)),
        ("Pace", numbers.rate(call.tokens_per_second)),
        ("Tokens", numbers.tokens(call.prompt_tokens, call.completion_tokens)),
        ("Thinking", numbers.count(call.thinking_tokens) if call.thinking_tokens else ""),
        ("Cost", numbers.money(call.cost_usd, call.cost_kind)),
        ("Model served", call.model_served if call.model_served and call.model_served != call.model else ""),
        ("Finished", str(call.finish_reason or "")),
        ("Asked from", asked_from(call)),
        ("Strategy", call.strategy or ""),
        ("In place of", who.name_of(call.fallback_from) if call.fallback_from else ""),
        ("Request", call.request_id),
    ]
    return [(name, untrusted.isolated(value)) for name, value in found if value]


def _facts(found: Sequence[tuple[str, str]]) -> str:
    return (
        f'<div class="figures">{"".join(f"<span>{escape(a)}</span><span>{escape(b)}</span>" for a, b in found)}</div>'
    )


def bars(attempts: Sequence[Call]) -> list[tuple[Call, float, float, float]]:
    """Each attempt with where it begins, where its first token came and where it ended, as shares of the request."""
    first = min(call.started_at for call in attempts)
    ends = [call.started_at - first + (call.latency_ms or 0.0) for call in attempts]
    whole = max(ends) or 1.0
    found = []
    for call, end in zip(attempts, ends, strict=True):
        begin = float(call.started_at - first)
        token = begin + min(call.ttft_ms, call.latency_ms or 0.0) if call.ttft_ms is not None else end
        found.append((call, begin / whole, token / whole, end / whole))
    return found


def _waterfall(attempts: Sequence[Call], opened: str) -> str:
    return "".join(_bar(*bar, opened=bar[0].id == opened and len(attempts) > 1) for bar in bars(attempts))


def _bar(call: Call, begin: float, token: float, end: float, *, opened: bool) -> str:
    look = who.look_of(call.provider)
    name = untrusted.line(f"{who.name_of(call.provider)} {call.model}")
    failed = " failed" if call.outcome in FAILURES else ""
    words = escape(
        f"{error_words(call.outcome, call.http_status)} · first {numbers.seconds(call.ttft_ms)} · "
        f"{numbers.seconds(call.latency_ms)}"
    )
    wait = f"left:{begin:.2%};width:{max(token - begin, 0.002):.2%};background:{look.colour}"
    rest = f"left:{token:.2%};width:{max(end - token, 0.0):.2%};background:{look.colour}"
    return (
        f'<div class="attempt{" opened" if opened else ""}"><span>{escape(look.mark)} {name}</span>'
        f'<span class="track"><i class="waits{failed}" style="{wait}"></i><i class="writes" style="{rest}"></i></span>'
        f"<span>{words}</span></div>"
    )


def _thread(call: Call) -> None:
    """The receipt, and the conversation it belongs to while there is one."""
    if not call.conversation_id:
        return
    store = runtime.get_conductor().store
    try:
        conversation = store.conversation(call.conversation_id)
    except NotFound:
        _run(call.conversation_id)
        return
    answers = (message for message in store.messages(conversation.id) if message.id == call.lane_id)
    told = next((message.facts.get("receipt") for message in answers), None)
    if told:
        st.markdown("**Why this provider**")
        receipt(told)
    compared = conversation.kind == "compare"
    st.page_link(
        f"app_pages/{'compare' if compared else 'chat'}.py",
        label=untrusted.plain(conversation.title),
        icon=":material/chat_bubble:",
        query_params={"cmp": conversation.id}
        if compared
        else {"c": conversation.id, chat_thread.ANSWER: call.lane_id or ""},
    )


def _run(run_id: str) -> None:
    """The way to the run of a prompt set it belongs to."""
    try:
        run = runtime.get_conductor().store.sets.run(run_id)
    except NotFound:
        st.caption("Its conversation was deleted.")
        return
    name = runtime.get_conductor().store.sets.prompt_set(run.set_id).name
    st.page_link(
        "app_pages/prompt_sets.py",
        label=untrusted.plain(name),
        icon=":material/checklist:",
        query_params={"run": run_id},
    )
