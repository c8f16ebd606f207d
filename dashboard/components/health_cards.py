"""The cards of the Health page: one component with a card per provider that is configured or has calls in the range."""

from __future__ import annotations

import operator
from typing import Any

import streamlit as st

from conductor_core.kinds import ProviderState
from conductor_core.metrics.figures import Filter, Key, Overview
from conductor_core.metrics.span import HOUR
from conductor_core.models import ProviderStatus, SystemStatus
from dashboard import actions, health_actions
from dashboard.components.browser import component
from dashboard.components.health_figures import HealthFigures
from dashboard.components.kept import Kept
from dashboard.components.packed import packed
from dashboard.components.provider_card import SPARK_BOX, CardFigures, card, card_of

KEY = "cards"

_ONES = 200
"""Cards of a few views, one by one."""

Told = dict[str, dict[str, Any]]
"""Of each provider with calls in the range, what its card tells of them."""


class _Cards:
    """Cards last made, for all sessions of this process."""

    def __init__(self) -> None:
        self._told: Kept[Overview, Told] = Kept(operator.is_)
        self._of_one: Kept[tuple[Any, ...], dict[str, Any]] = Kept(most=_ONES)
        self._packed: Kept[list[dict[str, Any]], bytes] = Kept()

    def of(self, status: SystemStatus, figures: HealthFigures) -> bytes:
        told = self._told.of(figures.view, figures.providers, lambda: self._told_anew(figures))
        drawn = [card(one, told.get(one.name)) for one in status.providers if _shown(one, told)]
        return self._packed.of(figures.view, drawn, lambda: packed({"cards": drawn, "box": SPARK_BOX}))

    def _told_anew(self, figures: HealthFigures) -> Told:
        """Most cards are as they were: a new call is one provider's."""
        return {key.provider: self._told_of(figures, key) for key in figures.providers.groups}

    def _told_of(self, figures: HealthFigures, key: Key) -> dict[str, Any]:
        overview, view = figures.providers, figures.view
        now, before, error = (
            overview.groups[key],
            overview.groups_before.get(key),
            overview.last_errors.get(key.provider),
        )
        spark = overview.lines[key].latency[0]
        # By the hour, because of how an error's time is written.
        version = (now, before, error, spark.tobytes(), figures.now // HOUR)
        return self._of_one.of(
            (view, key.provider),
            version,
            lambda: card_of(CardFigures(now, before, view.words, error, spark.tolist()), view.zone),
        )


@st.cache_resource(show_spinner=False)
def _cards() -> _Cards:
    return _Cards()


def health_cards(status: SystemStatus, figures: HealthFigures) -> None:
    """Draws them; whoever asks for a provider's calls has the whole page drawn anew, since the table is below it."""
    told = component("cards", css="cards.css")(
        key=KEY,
        data=_cards().of(status, figures),
        on_calls_change=lambda: _list_calls(figures, str(st.session_state[KEY]["calls"])),
        on_recover_change=lambda: actions.recover(str(st.session_state[KEY]["recover"])),
    )
    if told.calls:
        st.rerun()


def _shown(status: ProviderStatus, told: Told) -> bool:
    return status.state is not ProviderState.NOT_CONFIGURED or status.name in told


def _list_calls(figures: HealthFigures, provider: str) -> None:
    asked = figures.view.filter
    only = Filter((provider,), asked.models, asked.sources, asked.outcomes, asked.conversation, asked.drill)
    health_actions.show(figures.span.since, figures.span.until, only)
