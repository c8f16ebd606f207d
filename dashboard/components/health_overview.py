"""The parts of the Health page that speak of all providers: first line, and the page before any call."""

from __future__ import annotations

import time
from functools import cache

import streamlit as st

from conductor_core.kinds import ProviderState
from conductor_core.metrics.figures import Filter, Overview
from conductor_core.metrics.span import Span
from conductor_core.models import SystemStatus
from conductor_core.pricing import price_table_version
from conductor_core.providers import Registry
from dashboard import drill_actions, runtime
from dashboard.components import numbers, untrusted
from dashboard.components.chart_sentences import cost_words
from dashboard.components.health_view import HealthView

_WORDS = {
    ProviderState.HEALTHY: "All well",
    ProviderState.DEGRADED: "Not all is well",
    ProviderState.OPEN: "Every provider in use is failing",
    ProviderState.RECOVERING: "Recovering",
    ProviderState.UNKNOWN: "No call in the last hour",
    ProviderState.NOT_CONFIGURED: "Nothing is configured",
}
_UNWELL = (ProviderState.DEGRADED, ProviderState.OPEN, ProviderState.RECOVERING)


def any_call(status: SystemStatus, view: HealthView) -> bool:
    """Whether there ever was a call, here or in another copy of the app on the same database."""
    if any(provider.last_check for provider in status.providers):
        return True
    ever = Span((0, time.time_ns() // 1_000_000))
    return bool(runtime.get_conductor().health.calls(ever, Filter(drill=view.filter.drill), limit=1).calls)


def nothing_yet(*, drill: bool) -> None:
    """Before the first call: what this page is for, and the ways to fill it."""
    st.markdown(
        "**No calls yet.** Health is measured on your own calls: speed, success and cost appear with the first one."
    )
    with st.container(horizontal=True, gap="small"):
        ask = st.button("Send a first prompt", type="primary", icon=":material/chat_bubble:")
        drilled = not drill and st.button(
            "Run a drill", icon=":material/experiment:", help="Simulated providers, offline; your figures stay empty."
        )
    if drilled:
        drill_actions.start()
    if ask or drilled:
        st.switch_page("app_pages/chat.py")


def line(status: SystemStatus, overview: Overview) -> None:
    """How all of it stands, and in small what the figures rest on."""
    said, basis = overall_words(status, overview), basis_words(overview)
    # One element instead of a container with two: it is drawn every other second.
    st.html(f'<div class="overall"><p>{untrusted.line(said)}</p><p>{untrusted.line(basis)}</p></div>')


def overall_words(status: SystemStatus, overview: Overview) -> str:
    """`All well · 3 of 4 configured · 1,204 requests · 99.2 % answered · 1.4 % of attempts failed · p50 0.8 s · $0.84`.

    Names those who are not well.
    """
    total = overview.total
    unwell = [f"{provider.label} {provider.state}" for provider in status.providers if provider.state in _UNWELL]
    configured = sum(provider.state is not ProviderState.NOT_CONFIGURED for provider in status.providers)
    parts = [
        ": ".join(part for part in (_WORDS[status.state], ", ".join(unwell)) if part),
        f"{configured} of {len(status.providers)} configured",
        "1 request" if total.asked == 1 else f"{numbers.count(total.asked)} requests",
        f"{numbers.percent(total.success_rate)} answered",
        f"{numbers.percent(total.error_rate)} of {numbers.attempts(total.calls)} failed",
        f"p50 {numbers.seconds(total.latency.p50)}",
        cost_words(total),
    ]
    return " · ".join(parts)


def basis_words(overview: Overview) -> str:
    """`Prices known for 97 % of tokens (genai-prices 0.0.48) · percentiles within 1 % · 12 calls are …`."""
    coverage = overview.total.coverage
    parts = []
    if coverage is not None:
        parts.append(f"prices known for {numbers.percent(coverage)} of tokens")
    parts += [f"price table {_price_table()}", f"percentiles {'exact' if overview.exact else 'within 1 %'}"]
    if overview.stale:
        parts.append(f"{numbers.count(overview.stale)} calls are still being added up")
    elif overview.pending:
        parts.append(f"{numbers.count(overview.pending)} newest calls counted one by one")
    said = " · ".join(parts)
    return said[0].upper() + said[1:]


@cache
def _price_table() -> str:
    """Which one; it is looked up among the installed packages."""
    return price_table_version()


def not_configured(providers: Registry) -> None:
    """One line for the providers that lack something, with the variable each lacks."""
    every = (providers.get(name) for name in providers.current())
    listed = [f"{untrusted.plain(one.vendor.label)} `{one.endpoint.missing}`" for one in every if not one.configured]
    if listed:
        st.caption(f"Not configured: {' · '.join(listed)}. Set the variable, or enter the key in Settings.")
