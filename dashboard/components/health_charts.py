"""The charts of the Health page: one component with all panels. What it tells becomes a range, or a list of calls."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import health_actions, state
from dashboard.components.browser import component
from dashboard.components.chart_columns import page_of
from dashboard.components.chart_page import message
from dashboard.components.health_figures import HealthFigures

KEY = "charts"


def health_charts(figures: HealthFigures) -> None:
    """Draws them; a zoom or a click draws the whole page anew, since it changes what is around them."""
    health = state.health()
    data, health.sent = message(page_of(figures), health.sent)
    told = component("charts", css="charts.css")(
        key=KEY,
        data=data,
        on_zoom_change=_zoomed,
        on_reset_change=health_actions.reset,
        on_point_change=lambda: health_actions.point(_told("point"), figures.view.filter),
        on_resync_change=_forget,
    )
    if told.zoom or told.reset or told.point:
        st.rerun()


def _told(name: str) -> Any:
    return st.session_state[KEY][name]


def _zoomed() -> None:
    zoom = _told("zoom")
    health_actions.look_at(int(zoom["since"]), int(zoom["until"]))


def _forget() -> None:
    """The browser lacks what the last refresh built on."""
    state.health().sent = None
