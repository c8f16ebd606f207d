"""The Health page's controls: the range, how calls are grouped, which calls, and whether it goes on by itself."""

from __future__ import annotations

import time
from datetime import datetime, tzinfo

import streamlit as st

from conductor_core.kinds import Outcome, Source
from conductor_core.metrics.figures import Filter
from conductor_core.metrics.span import Range, Span
from conductor_core.metrics.words import OUTCOME_WORDS
from dashboard import health_actions, runtime, state
from dashboard.components import untrusted
from dashboard.components.clock import reader_zone
from dashboard.components.health_view import BY, CUSTOM, RANGE, By, HealthView, by_of, custom_range, filter_of
from dashboard.components.who import name_of

LIVE_SECONDS = 2


def controls() -> tuple[HealthView, bool]:
    """Draws them; returns what the page is to show and whether it is to refresh itself."""
    head = st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="health-head"
    )
    # Always there, so that what comes below keeps its place: charts that move are drawn anew and forget.
    dates = st.container(key="health-dates")
    with head:
        st.header("Health", anchor=False, width="content")
        with st.container(horizontal=True, width="content", vertical_alignment="center", gap="small"):
            chosen = st.segmented_control(
                "Time range",
                [*map(str, Range), CUSTOM],
                default=None if RANGE in st.session_state else str(Range.DAY),
                required=True,
                key=RANGE,
                bind="query-params",
                label_visibility="collapsed",
                on_change=health_actions.range_chosen,
            )
            by = by_of(
                st.segmented_control(
                    "Group by",
                    ["provider", "model"],
                    default="provider",
                    required=True,
                    key=BY,
                    bind="query-params",
                    label_visibility="collapsed",
                )
            )
            filter = _filter()
            live = st.toggle("Live", value=True, key="live", bind="query-params", help="Refreshes every 2 s.")
    with dates:
        return _view(chosen or str(Range.DAY), by, filter), live


def _view(chosen: str, by: By, filter: Filter) -> HealthView:
    health, zone = state.health(), reader_zone()
    if chosen != CUSTOM:
        health.preset = Range(chosen)
        return HealthView(health.preset, 0, 0, by, filter, zone)
    since, until = custom_range(health.preset, int(time.time() * 1000))
    _dates(since, until, zone)
    return HealthView(None, since, until, by, filter, zone)


def _dates(since: int, until: int, zone: tzinfo) -> None:
    """From when to when, by the reader's clock, and the way back."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.button("Back", icon=":material/arrow_back:", key="range-back", on_click=health_actions.back)
        for label, name, at in (("From", "from", since), ("Until", "until", until)):
            moment = datetime.fromtimestamp(at / 1000, zone).replace(tzinfo=None, microsecond=0)
            # A key per range: a zoom changes it, and a keyed input would keep what it held before.
            key = f"{name}-{since}-{until}"
            args = (since, until, name, key, zone)
            st.datetime_input(
                label, moment, key=key, step=60, width=210, on_change=health_actions.date_chosen, args=args
            )


def _filter() -> Filter:
    conductor = runtime.get_conductor()
    drill = conductor.settings.drill
    with st.popover("Filter", icon=":material/filter_list:", key="health-filter"):
        seen = _seen(drill)
        providers = _choice("Provider", "provider", sorted({name for name, _ in seen}), name_of)
        models = _choice("Model", "model", sorted({model for _, model in seen}), str)
        asked_from = [str(source) for source in Source if source is not Source.DRILL]
        sources = [] if drill else _choice("Asked from", "source", asked_from, str)
        outcomes = [str(outcome) for outcome in Outcome if outcome is not Outcome.RUNNING]
        ended = _choice("Ended as", "outcome", outcomes, lambda value: OUTCOME_WORDS[Outcome(value)])
        conversation = st.text_input("Conversation", key="conversation", bind="query-params", placeholder="its id")
        st.button("Show all calls", on_click=health_actions.clear_filter, key="filter-clear")
    return filter_of(providers, models, sources, ended, conversation or "", drill=drill)


def _choice(label: str, name: str, options: list[str], words: object) -> list[str]:
    # What the address names stays a choice, also where the range holds no call of it.
    known = [*options, *(value for value in st.session_state.get(name) or [] if value not in options)]
    return st.multiselect(
        label,  # one of the four above
        known,
        key=name,
        bind="query-params",
        format_func=lambda value: untrusted.isolated(words(value)) if callable(words) else value,
        placeholder="all",
    )


def _seen(drill: bool) -> list[tuple[str, str]]:
    """Providers and models with a call in the last 90 days, and those in use."""
    conductor = runtime.get_conductor()
    span = Span.ending(int(time.time() * 1000), Range.SEASON)
    found = conductor.health.overview(Span((span.since, span.until)), "model", Filter(drill=drill)).groups
    return [(key.provider, key.model) for key in found]
