"""Replay on the Health page: the last calls routed once more under another strategy, beside what happened."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from conductor_core.kinds import Source
from conductor_core.models import Provider
from conductor_core.routing.replay import Outlook, Replay, replay
from conductor_core.routing.strategies import STRATEGIES
from dashboard import runtime
from dashboard.components import numbers, untrusted
from dashboard.components.who import name_of

LAST = 500
"""Calls that are routed again; as many more before them are looked at, so that the first of them have a past."""


@st.fragment
def draw() -> None:
    """A strategy to choose, and what it would have made of the last calls. Nothing is computed before one is chosen."""
    conductor = runtime.get_conductor()
    if not conductor.store.recent_calls(1):
        return
    st.markdown("**Replay**")
    chosen = st.selectbox(
        "Replay the last calls under",
        list(STRATEGIES),
        index=None,
        key="replay",
        format_func=lambda name: name.replace("_", " "),
        placeholder="Route the last calls once more under another strategy",
        label_visibility="collapsed",
    )
    if not chosen:
        return
    drill = conductor.settings.drill
    calls = [call for call in conductor.store.recent_calls(2 * LAST) if (call.source is Source.DRILL) is drill]
    found = replay(calls, chosen, LAST, local=frozenset({str(Provider.LOCAL)}), label=name_of)
    if found.calls:
        untrusted.table(rows(found), "The same calls under another strategy")
        untrusted.caption(moved(found, name_of))
    untrusted.caption(found.caveat)


def rows(found: Replay) -> list[dict[str, str]]:
    """What happened, and beside it what is expected of the strategy."""
    then, instead = _column(found.happened), _column(found.expected)
    return [
        {"": name, "As it happened": then[name], f"Under {found.strategy.replace('_', ' ')}": instead[name]}
        for name in then
    ]


def moved(found: Replay, label: Callable[[str], str]) -> str:
    """`12 of 40 calls would have gone elsewhere. In all: OpenAI 30, Groq 10.`"""
    shares = sorted(found.shares.items(), key=lambda share: -share[1])
    told = ", ".join(f"{label(provider)} {count:,}" for provider, count in shares)
    return f"{found.changed:,} of {found.calls:,} calls would have gone elsewhere. In all: {told}."


def _column(outlook: Outlook) -> dict[str, str]:
    cost = numbers.money(outlook.cost_usd) if outlook.cost_usd is not None else "price unknown"
    return {
        "Mean time": numbers.seconds(outlook.latency_ms),
        "Success": numbers.percent(outlook.success_rate),
        "Mean cost": f"{cost} (of {outlook.priced:,} priced)",
    }
