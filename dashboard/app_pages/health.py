"""Health: how every provider stands, measured on your own calls."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import runtime, state
from dashboard.components import call_details, replay
from dashboard.components import health_overview as overview
from dashboard.components.attendance import attended
from dashboard.components.call_table import call_table
from dashboard.components.health_cards import health_cards
from dashboard.components.health_charts import health_charts
from dashboard.components.health_controls import LIVE_SECONDS, controls
from dashboard.components.health_figures import health_figures
from dashboard.components.incident_list import incident_list

st.html(Path(__file__).parents[1] / "components" / "assets" / "health.css")

view, live = controls()
live = attended(live) and live
state.health().sent = None


@st.fragment(run_every=LIVE_SECONDS if live and view.live else None)
def panel() -> None:
    conductor = runtime.get_conductor()
    status = conductor.status()
    if not overview.any_call(status, view):
        overview.nothing_yet(drill=conductor.settings.drill)
        overview.not_configured(conductor.providers)
        return
    figures = health_figures(view)
    overview.line(status, figures.providers)
    health_cards(status, figures)
    overview.not_configured(conductor.providers)
    health_charts(figures)
    incident_list(figures.incidents, view.zone)
    call_table(figures)


panel()
call_details.opened()
replay.draw()
