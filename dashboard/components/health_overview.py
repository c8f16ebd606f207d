"""The parts of the Health page that speak of all providers: first line, charts, and the page before any call."""

from __future__ import annotations

from html import escape

import streamlit as st

from conductor_core.kinds import ProviderState
from conductor_core.metrics.frames import Summary
from conductor_core.models import SystemStatus
from conductor_core.providers import Registry
from dashboard import drill_actions
from dashboard.components import charts, numbers, untrusted
from dashboard.components.health_figures import HealthFigures
from dashboard.components.who import look_of, name_of

_WORDS = {
    ProviderState.HEALTHY: "All well",
    ProviderState.DEGRADED: "Not all is well",
    ProviderState.OPEN: "Every provider in use is failing",
    ProviderState.RECOVERING: "Recovering",
    ProviderState.UNKNOWN: "No call in the last hour",
    ProviderState.NOT_CONFIGURED: "Nothing is configured",
}
_UNWELL = (ProviderState.DEGRADED, ProviderState.OPEN, ProviderState.RECOVERING)


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


def line(status: SystemStatus, everything: Summary) -> None:
    """`All well · 3 of 13 configured · 1,204 calls · 99.2 % · p50 0.8 s · $0.84`."""
    st.markdown(untrusted.plain(overall_words(status, everything)))


def overall_words(status: SystemStatus, everything: Summary) -> str:
    """How all of it stands in one line; names those who are not well."""
    unwell = [f"{provider.label} {provider.state}" for provider in status.providers if provider.state in _UNWELL]
    configured = sum(provider.state is not ProviderState.NOT_CONFIGURED for provider in status.providers)
    parts = [
        ": ".join(part for part in (_WORDS[status.state], ", ".join(unwell)) if part),
        f"{configured} of {len(status.providers)} configured",
        "1 call" if everything.calls == 1 else f"{numbers.count(everything.calls)} calls",
        numbers.percent(everything.success_rate),
        f"p50 {numbers.seconds(everything.p50_ms)}",
        numbers.total(everything.cost_usd, everything.estimated, everything.unpriced, everything.free),
    ]
    return " · ".join(parts)


def charts_over_time(figures: HealthFigures) -> None:
    """Latency, success rate and cost per provider, with one legend for all three."""
    if not figures.providers:
        st.caption("No calls in this range. A longer one shows the earlier calls.")
        return
    st.html(_legend(list(figures.providers)))
    with st.grid(min_column_width=260, gap="small"):
        drawn = (
            ("Latency", "p50, dotted p95", figures.latency),
            ("Success rate", "stops and mistakes left out", figures.success_rate),
            ("Cost", _unpriced_words(figures.everything), figures.cost),
        )
        for title, what, figure in drawn:
            with st.container(gap=None):
                st.markdown(f"**{title}** :small[{what}]")
                st.plotly_chart(
                    figure, config=charts.CONFIG, key=f"chart-{title}", alt=f"{title} per provider over time"
                )


def not_configured(providers: Registry) -> None:
    """One line for the providers that lack something, with the variable each lacks."""
    every = (providers.get(name) for name in providers.current())
    listed = [f"{untrusted.plain(one.vendor.label)} `{one.endpoint.missing}`" for one in every if not one.configured]
    if listed:
        st.caption(f"Not configured: {' · '.join(listed)}. Set the variable, or enter the key in Settings.")


def _unpriced_words(everything: Summary) -> str:
    if not everything.unpriced:
        return "of all calls"
    return f"without {numbers.count(everything.unpriced)} calls of unknown price"


def _legend(names: list[str]) -> str:
    looks = [(look_of(name), name_of(name)) for name in names]
    entries = "".join(
        f'<span><span style="color:{look.colour}" aria-hidden="true">{look.mark}</span> {escape(label)}</span>'
        for look, label in looks
    )
    return f'<div class="legend">{entries}</div>'
