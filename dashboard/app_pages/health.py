"""Health: how every provider stands, measured on your own calls."""

from __future__ import annotations

import time
from pathlib import Path

import streamlit as st

from conductor_core.kinds import ProviderState
from conductor_core.metrics.frames import Range
from dashboard import runtime
from dashboard.components import health_overview as overview
from dashboard.components import replay
from dashboard.components.call_table import call_table
from dashboard.components.health_figures import health_figures
from dashboard.components.incident_list import incident_list
from dashboard.components.provider_card import provider_card
from dashboard.components.who import name_of

LIVE_SECONDS = 3

st.html(Path(__file__).parents[1] / "components" / "assets" / "health.css")

with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
    st.header("Health", anchor=False)
    with st.container(horizontal=True, width="content", vertical_alignment="center"):
        chosen = st.segmented_control(
            "Time range",
            [str(option) for option in Range],
            default=str(Range.DAY),
            required=True,
            key="range",
            bind="query-params",
            label_visibility="collapsed",
        )
        live = st.toggle("Live", value=True, key="live", help=f"Refreshes every {LIVE_SECONDS} s.")


@st.fragment(run_every=LIVE_SECONDS if live else None)
def panel() -> None:
    conductor = runtime.get_conductor()
    status = conductor.status()
    if not any(provider.last_check for provider in status.providers):
        overview.nothing_yet(drill=conductor.settings.drill)
        overview.not_configured(conductor.providers)
        return
    figures = health_figures(Range(chosen))
    overview.line(status, figures.everything)
    with st.grid(min_column_width=270, gap="small"):
        for one in status.providers:
            if one.state is not ProviderState.NOT_CONFIGURED or one.name in figures.providers:
                provider_card(one, figures.providers.get(one.name), figures.sparks.get(one.name, []), figures.zone)
    overview.not_configured(conductor.providers)
    overview.charts_over_time(figures)
    incident_list(int(time.time() * 1000) - Range(chosen).span_ms, figures.zone)
    st.markdown("**Recent calls**")
    call_table(figures.calls, figures.zone, name_of, key="calls")


panel()
replay.draw()
