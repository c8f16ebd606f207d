"""The table of calls: what every chart and card leads to. It reads one page at a time, however many calls there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

import streamlit as st

from conductor_core.conductor import Conductor
from conductor_core.kinds import FAILURES, SUCCESSES
from conductor_core.metrics.call import Call
from conductor_core.metrics.figures import Figures, Filter
from conductor_core.metrics.span import Span
from conductor_core.metrics.words import OUTCOME_WORDS, error_words
from conductor_core.store.call_rows import NEWEST_FIRST, CallOrder, CallPage, Cursor
from dashboard import call_downloads, health_actions, runtime, state
from dashboard.components import numbers, untrusted
from dashboard.components.browser import component
from dashboard.components.health_figures import HealthFigures
from dashboard.components.kept import Kept
from dashboard.components.packed import packed
from dashboard.components.who import look_of, name_of

PAGE = 25
PAGES_KEPT = 16
ROWS_KEPT = 8 * PAGE
KEY = "calls"
COLUMNS: tuple[dict[str, Any], ...] = (
    {"name": "When", "sort": "started_at"},
    {"name": "Provider", "who": True},
    {"name": "Model", "cut": "calls-name"},
    {"name": "Ended", "state": True},
    {"name": "First token", "sort": "ttft_ms", "number": True},
    {"name": "Latency", "sort": "latency_ms", "number": True},
    {"name": "Tokens", "number": True},
    {"name": "Cost", "sort": "cost_usd", "number": True},
    {"name": "From", "cut": "calls-name"},
    {"name": "Error", "cut": "calls-wide"},
)


def call_table(figures: HealthFigures) -> None:
    """Draws one page of the calls of the range, or of what was picked in it, with the ways to the others."""
    health = state.health()
    pick = health.pick
    span = Span((pick.since, pick.until)) if pick else Span((figures.span.since, figures.span.until))
    asked = pick.filter if pick else figures.view.filter
    if pick:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown("**Calls**", width="content")
            st.caption(untrusted.plain(pick_words(span, asked, figures.view.zone)), width="content")
            st.button("Show all", key="calls-all", type="tertiary", on_click=health_actions.show_all)
    else:
        st.markdown("**Calls**")
    after = health.cursors[-1] if health.cursors else None
    number, conductor = len(health.cursors) + 1, runtime.get_conductor()

    def read() -> tuple[bytes, Cursor | None]:
        page = conductor.health.calls(span, asked, health.order, after, PAGE)
        place = {"newer": number > 1, "said": _said(number, page), "shows": health.shows}
        return packed(_data(page, health.order, span, asked, figures.view.zone) | place), page.next

    key = (span, asked, health.order, after, number, health.shows, str(figures.view.zone))
    data, following = _tables().of(key, (conductor, figures.providers.total), read)
    told = component("calls", css="calls.css")(
        key=KEY,
        data=data,
        on_sort_change=lambda: health_actions.sort(str(_told("sort"))),
        on_turn_change=lambda: health_actions.turn(int(_told("turn")), following),
        on_open_change=lambda: health_actions.open_call(str(_told("open"))),
    )
    if told.open:
        st.rerun()


@st.cache_resource(show_spinner=False)
def _tables() -> Kept[tuple[Conductor, Figures], tuple[bytes, Cursor | None]]:
    """What was last sent of each page of calls, and where the next one begins."""
    return Kept(most=PAGES_KEPT)


@st.cache_resource(show_spinner=False)
def _rows() -> Kept[Call, dict[str, Any]]:
    """Rows of finished calls: a new call is one row more, all others are as they were."""
    return Kept(most=ROWS_KEPT)


def _data(page: CallPage, order: CallOrder, span: Span, asked: Filter, zone: tzinfo) -> dict[str, Any]:
    """What the browser draws of the calls themselves."""
    rows = _rows()
    return {
        "columns": COLUMNS,
        "rows": [rows.of((call.id, str(zone)), call, partial(row, call, zone)) for call in page.calls],
        "order": order.by,
        "descending": order.descending,
        "chronological": order == NEWEST_FIRST,
        "older": page.next is not None,
        "caption": "Calls, one a row. A row opens its call.",
        "downloads": downloads(span, asked),
    }


def _said(number: int, page: CallPage) -> str:
    """Which page it is, and what was not sorted."""
    return f"page {number}" + (f" of the newest {numbers.count(page.of_newest)} calls" if page.of_newest else "")


def downloads(span: Span, filter: Filter) -> list[dict[str, str]]:
    """Links to the calls as files."""
    limit = f"All of these calls, at most {numbers.count(call_downloads.AT_MOST)}; your browser shows how far it is."
    return [
        {"name": name, "address": call_downloads.address(kind, span, filter), "words": limit}
        for kind, name in (("csv", "CSV"), ("jsonl", "JSONL"))
    ]


def row(call: Call, zone: tzinfo) -> dict[str, Any]:
    """A call as people read it; times by the reader's clock."""
    look = look_of(call.provider)
    moment = datetime.fromtimestamp(call.started_at / 1000, zone)
    return {
        "id": call.id,
        "mark": look.mark,
        "colour": look.colour,
        "state": "failed" if call.outcome in FAILURES else "well" if call.outcome in SUCCESSES else "neutral",
        "cells": [
            moment.strftime("%-d %b %H:%M:%S"),
            untrusted.isolated(name_of(call.provider)),
            untrusted.isolated(call.model),
            error_words(call.outcome, call.http_status),
            numbers.seconds(call.ttft_ms),
            numbers.seconds(call.latency_ms),
            numbers.tokens(call.prompt_tokens, call.completion_tokens),
            numbers.money(call.cost_usd, call.cost_kind),
            untrusted.isolated(asked_from(call)),
            untrusted.isolated(call.error or ""),
        ],
    }


def asked_from(call: Call) -> str:
    """`chat`; of a call with an API key `api · my-program`."""
    if not call.api_key_id:
        return str(call.source)
    return f"{call.source} · {runtime.get_conductor().keys.name_of(call.api_key_id)}"


def pick_words(span: Span, filter: Filter, zone: tzinfo, name: Callable[[str], str] = name_of) -> str:
    """`Gemini · 14:00 to 14:15 · rate limited`."""
    since, until = (datetime.fromtimestamp(at / 1000, zone) for at in (span.since, span.until))
    clock = "%H:%M" if span.since % 60_000 == span.until % 60_000 == 0 else "%H:%M:%S"
    until_words = until.strftime(clock if since.date() == until.date() else f"%-d %b {clock}")
    when = f"{since.strftime(f'%-d %b {clock}')} to {until_words}"
    who = " ".join([*map(name, filter.providers), *filter.models])
    answered = set(filter.outcomes) == SUCCESSES
    ends = "answered" if answered else ", ".join(OUTCOME_WORDS[outcome] for outcome in filter.outcomes)
    return " · ".join(part for part in (who, when, ends) if part)


def _told(name: str) -> Any:
    return st.session_state[KEY][name]
