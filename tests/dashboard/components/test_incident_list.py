"""The list of incidents in words, and on the page."""

from __future__ import annotations

import time
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from conductor_core.conductor import Conductor
from conductor_core.kinds import IncidentKind
from conductor_core.store.records import Incident
from dashboard.components.incident_list import SHOWN, rows, what, when
from tests.dashboard.app_pages.pages import Install
from tests.store.rows import fresh_id, incident

ZONE = ZoneInfo("Europe/Zurich")
NOON = 1_795_435_200_000
"""Midday of 23 November 2026 in UTC, one o'clock in Zurich."""
MINUTE = 60_000


def made(kind: IncidentKind = IncidentKind.BREAKER, began: int = -3 * MINUTE, ended: int | None = None) -> Incident:
    """An incident; times in ms from noon on."""
    return incident(kind=kind, started_at=NOON + began, ended_at=None if ended is None else NOON + ended)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (made(), "12:57 · lasting"),
        (made(ended=0), "12:57 · 3 min"),
        (made(began=-24 * 60 * MINUTE, ended=-23 * 60 * MINUTE), "22 Nov 13:00 · 1 h"),
        (made(IncidentKind.BUDGET, ended=11 * 60 * MINUTE), "12:57 · until 00:00"),
        (made(IncidentKind.BUDGET, ended=(11 + 7 * 24) * 60 * MINUTE), "12:57 · until 1 Dec"),
        (made(IncidentKind.FALLBACK, ended=-2 * MINUTE), "12:57"),
    ],
)
def test_when_it_was_reads_by_the_readers_clock(one: Incident, said: str) -> None:
    """The hour, of another day with its date; how long, or that it lasts, or until when."""
    assert when(one, ZONE, NOON) == said


@pytest.mark.parametrize(
    ("kind", "provider", "model", "said"),
    [
        (IncidentKind.BREAKER, "openai", "gpt-4o", "Openai gpt-4o passed over"),
        (IncidentKind.RATE_LIMITS, "openai", "", "Openai rate-limited"),
        (IncidentKind.FALLBACK, "openai", "gpt-4o", "Openai gpt-4o replaced"),
        (IncidentKind.BUDGET, "", "", "All providers out of budget"),
    ],
)
def test_what_happened_is_said_in_words(kind: IncidentKind, provider: str, model: str, said: str) -> None:
    """Who, then what."""
    assert what(incident(kind=kind, provider=provider, model=model), str.title) == said


def test_names_from_elsewhere_stay_on_their_line() -> None:
    """Hidden characters and line breaks of a model's name or a reason do not get out."""
    [(_, said, reason)] = rows([incident(model="a\u202eb\nc", reason="x\u200by")], ZONE, NOON, str)
    assert (said, reason) == ("openai ab c passed over", "xy")


def drawn() -> None:
    from datetime import UTC

    from conductor_core.metrics.figures import Filter
    from conductor_core.metrics.span import Range
    from dashboard import runtime
    from dashboard.components.health_figures import health_figures
    from dashboard.components.health_view import HealthView
    from dashboard.components.incident_list import incident_list

    drill = runtime.get_conductor().settings.drill
    figures = health_figures(HealthView(Range.HOUR, 0, 0, "provider", Filter(drill=drill), UTC))
    incident_list(figures.incidents, UTC)


def page_words() -> str:
    page = AppTest.from_function(drawn).run()
    assert not page.exception
    said = [str(one.value) for one in (*page.markdown, *page.caption)]
    return "\n".join([*said, *(str(one.proto.body) for one in page.get("html"))])


def keep(conductor: Conductor, **fields: object) -> None:
    conductor.store.save_incident(incident(started_at=int(time.time() * 1000), **fields)).result(5)


def test_the_page_shows_the_newest_with_their_reasons(install: Install) -> None:
    """No more than fit, HTML of a reason as text, none as a sentence."""
    conductor = install()
    assert "None in this range." in page_words()
    keep(conductor, reason="refused <img src=x>")
    said = page_words()
    assert "<b>OpenAI gpt-4o passed over</b> refused &lt;img src=x&gt;" in said
    for _ in range(SHOWN):
        keep(conductor, id=fresh_id())
    said = page_words()
    assert said.count("passed over") == SHOWN
    assert f"The newest {SHOWN}." in said


def test_a_drill_has_a_list_of_its_own(install: Install) -> None:
    """Its incidents are shown during a drill and only then."""
    conductor = install()
    keep(conductor, provider="drill_swift", model="simulated")
    keep(conductor)
    assert "simulated" not in page_words()
    conductor = install(CONDUCTOR_DRILL="1")
    assert "simulated" in page_words()
    assert "gpt-4o" not in page_words()
