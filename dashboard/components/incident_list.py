"""The list of incidents: what went wrong for a while, when and why. Under the charts of the Health page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from html import escape

import streamlit as st

from conductor_core.kinds import IncidentKind
from conductor_core.metrics.words import seconds_words
from conductor_core.store.records import Incident
from dashboard.components import untrusted
from dashboard.components.clock import moment_words
from dashboard.components.who import name_of

SHOWN = 20

_WORDS = {
    IncidentKind.BREAKER: "passed over",
    IncidentKind.RATE_LIMITS: "rate-limited",
    IncidentKind.FALLBACK: "replaced",
    IncidentKind.BUDGET: "out of budget",
}


def incident_list(found: Sequence[Incident], zone: tzinfo) -> None:
    """Draws what went wrong, the newest first.

    Args:
        zone: the reader's time zone.
    """
    if found:
        now = int(time.time() * 1000)
        told = f'<div class="incidents">{_lines(rows(found[:SHOWN], zone, now, name_of))}</div>'
        if len(found) > SHOWN:
            told += f"<p>The newest {SHOWN}. A shorter range shows fewer.</p>"
    else:
        told = "<p>None in this range.</p>"
    # One element instead of three: it is drawn every other second.
    st.html(f'<div class="incident-list"><b>Incidents</b>{told}</div>')


def rows(
    incidents: Iterable[Incident], zone: tzinfo, now: int, name_of: Callable[[str], str]
) -> list[tuple[str, str, str]]:
    """When, what, and why of each, in words."""
    return [(when(one, zone, now), what(one, name_of), untrusted.isolated(one.reason)) for one in incidents]


def what(incident: Incident, name_of: Callable[[str], str]) -> str:
    """`OpenAI gpt-4.1-mini passed over`; a budget of the whole installation names nobody."""
    name = name_of(incident.provider) if incident.provider else "All providers"
    named = " ".join(part for part in (name, incident.model) if part)
    return untrusted.isolated(f"{named} {_WORDS[incident.kind]}")


def when(incident: Incident, zone: tzinfo, now: int) -> str:
    """`14:02 · 3 min`, `22 Nov 14:02 · lasting`, `14:02 · until 00:00`; what took no time has only its begin."""
    began = datetime.fromtimestamp(incident.started_at / 1000, zone)
    begin = moment_words(began, datetime.fromtimestamp(now / 1000, zone))
    if incident.kind is IncidentKind.FALLBACK:
        return begin
    if incident.ended_at is None:
        return f"{begin} · lasting"
    if incident.lasts(now):
        end = datetime.fromtimestamp(incident.ended_at / 1000, zone)
        far = incident.ended_at - now > 86_400_000
        return f"{begin} · until {f'{end.day} {end:%b}' if far else f'{end:%H:%M}'}"
    return f"{begin} · {seconds_words(incident.ended_at - incident.started_at)}"


def _lines(found: Iterable[tuple[str, str, str]]) -> str:
    return "".join(
        f"<span>{escape(when)}</span><span><b>{escape(what)}</b> {escape(reason)}</span>"
        for when, what, reason in found
    )
