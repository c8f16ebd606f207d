"""The Health page as a reader meets it, on a real store."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

import pytest
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from conductor_core.bridge import Bridge
from conductor_core.conductor import Conductor
from conductor_core.kinds import CostKind, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.figures import Filter
from conductor_core.metrics.span import Range, Span
from dashboard import runtime
from dashboard.components.call_table import PAGE
from dashboard.components.chart_columns import MODELS_EVERY_MS, page_of
from dashboard.components.health_figures import health_figures
from dashboard.components.health_view import HealthView
from tests.dashboard.app_pages.told import cards, component, texts
from tests.installation import KEY, environment_for

MAIN = Path(__file__).parents[3] / "dashboard" / "main.py"


@pytest.fixture
def conductor(tmp_path: Path) -> Iterator[Conductor]:
    """An installation with a key for Gemini, behind the pages' door."""
    runtime.install(Bridge.in_thread(environment_for(tmp_path, None, GEMINI_API_KEY=KEY)))
    yield runtime.get_conductor()
    runtime.close()


def health(**parameters: str) -> AppTest:
    """The page, opened with these parameters in its address."""
    page = AppTest.from_file(str(MAIN), default_timeout=30)
    for name, value in parameters.items():
        page.query_params[name] = value
    page.run()
    return opened(page)


def opened(page: AppTest) -> AppTest:
    page.switch_page("app_pages/health.py").run()
    assert [heading.value for heading in page.header] == ["Health"]
    assert not page.exception
    return page


def record(conductor: Conductor, minutes_ago: float = 0.0, **fields: object) -> Call:
    """A finished call, as an attempt leaves it: in the live figures, told to the breakers, and committed."""
    call = Call(
        id=token_hex(16),
        request_id=token_hex(16),
        attempt=0,
        source=Source.CHAT,
        conversation_id=None,
        lane_id=None,
        provider="gemini",
        model="gemini-2.5-flash",
        model_served=None,
        strategy=None,
        fallback_from=None,
        started_at=int((time.time() - minutes_ago * 60) * 1000),
        latency_ms=800.0,
        ttft_ms=200.0,
        prompt_tokens=10,
        completion_tokens=60,
        cost_usd=0.0004,
        cost_kind=CostKind.REPORTED,
        outcome=Outcome.OK,
    )
    for name, value in fields.items():
        setattr(call, name, value)
    conductor.live.record(call)
    conductor.gateway.recorded(call)
    conductor.store.save_call(call).result(10)
    return call


def words(page: AppTest) -> str:
    """Everything written on the page."""
    drawn = [*page.markdown, *page.caption]
    return "\n".join(
        [*(str(one.value) for one in drawn), *(str(one.proto.body) for one in page.get("html")), *texts(cards(page))]
    )


def click(page: AppTest, name: str, event: str, value: str) -> None:
    """What one of our components tells when somebody clicks in it."""
    (found,) = (one.proto for one in page.get("bidi_component") if one.proto.component_name == f"conductor.{name}")
    told = json.dumps([{"event": event, "value": value}])
    states = page._tree.get_widget_states()  # AppTest has no way of its own to a component's triggers
    states.widgets.append(WidgetState(id=_make_trigger_id(found.id, "events"), json_trigger_value=told))
    page._run(states)
    assert not page.exception


def listed(page: AppTest, column: int = 3) -> list[str]:
    """One column of the table; by default how each call ended."""
    return [row["cells"][column] for row in component(page, "calls")["rows"]]


def first_line(page: AppTest) -> str:
    lines = (str(one.proto.body) for one in page.get("html"))
    return next(line.removeprefix('<div class="overall"><p>') for line in lines if 'class="overall"' in line)


def test_before_any_call_it_says_what_to_do(conductor: Conductor) -> None:
    """One button leads to Chat; there are no charts of nothing."""
    page = health()
    assert "No calls yet." in words(page)
    assert "conductor.charts" not in [one.proto.component_name for one in page.get("bidi_component")]
    next(button for button in page.button if button.label == "Send a first prompt").click().run()
    assert not page.exception
    assert not page.header or page.header[0].value != "Health"


def test_calls_appear_on_card_charts_and_table(conductor: Conductor) -> None:
    """Success with its interval and n, percentiles, cost, last error in our words, a line, one row per call."""
    record(conductor)
    record(conductor, outcome=Outcome.RATE_LIMITED, http_status=429, cost_usd=0.0, error="Gemini is rate-limited.")
    page = health()
    said = words(page)
    for figure in ("50.0 %", "[9.5–90.5] n 2", "0.80 s · 0.80 s", "100 tok/s", "$0.0004", "rate limited (429)"):
        assert figure in said
    charts = component(page, "charts")
    assert [group["name"] for group in charts["groups"]] == ["Gemini"]
    assert sum(charts["columns"][charts["names"].index("requests|gemini")]) == 2
    assert sum(charts["columns"][charts["names"].index("failed.rate_limited")]) == 1
    assert sorted(listed(page)) == ["answered", "rate limited (429)"]


def test_the_first_line_sums_everything_up(conductor: Conductor) -> None:
    """Both rates by their names, how fast, how dear; below it what the figures rest on."""
    record(conductor)
    page = health()
    line = first_line(page)
    assert line.startswith("All well · 2 of 13 configured · 1 request · 100 % answered · 0 % of 1 attempt failed")
    assert "Prices known for 100 % of tokens · price table genai-prices" in words(page)


def test_the_range_is_in_the_address(conductor: Conductor) -> None:
    """A shorter one leaves out what is older; one that makes no sense is the usual one."""
    record(conductor, minutes_ago=30.0)
    record(conductor)
    assert len(listed(health(range="1h"))) == 2
    assert len(listed(health(range="15m"))) == 1
    assert health(range="1y").segmented_control(key="range").value == "24h"


def test_a_custom_range_is_from_then_to_then(conductor: Conductor) -> None:
    """The way back leads to the range before it."""
    record(conductor, minutes_ago=30.0)
    record(conductor)
    since, until = (
        datetime.fromtimestamp(time.time() - 60 * ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for ago in (40, 20)
    )
    page = health(range="custom", since=since, until=until)
    assert len(listed(page)) == 1
    assert component(page, "charts")["key"] != "24h"
    page.button(key="range-back").click().run()
    assert page.segmented_control(key="range").value == "24h"
    assert "since" not in page.query_params
    assert len(listed(page)) == 2


def test_filters_are_in_the_address_and_hold_for_all_of_the_page(conductor: Conductor) -> None:
    """Line, cards, charts and table speak of the same calls."""
    record(conductor)
    record(conductor, provider="local", model="SmolLM2", source=Source.API)
    page = health(provider="SmolLM2 (local)")
    assert "1 request ·" in first_line(page)
    assert listed(page, 1) == ["SmolLM2 (local)"]
    page = health(outcome="timed out")
    assert "0 requests" in first_line(page)
    assert listed(page) == []


def test_by_model_each_model_has_its_line(conductor: Conductor) -> None:
    """In the registry's order of providers; the cards stay with the providers."""
    record(conductor)
    record(conductor, model="gemini-2.5-pro")
    page = health(by="model")
    names = [group["name"] for group in component(page, "charts")["groups"]]
    assert names == ["Gemini gemini-2.5-flash", "Gemini gemini-2.5-pro"]
    assert words(page).count("Requests answered") == 1


def test_a_card_lists_its_calls(conductor: Conductor) -> None:
    """The table says whose they are and leads back to all."""
    record(conductor)
    record(conductor, provider="local", model="SmolLM2")
    page = health()
    click(page, "cards", "calls", "local")
    assert listed(page, 1) == ["SmolLM2 (local)"]
    assert "SmolLM2 (local) · " in words(page)
    page.button(key="calls-all").click().run()
    assert len(listed(page)) == 2


def test_the_table_is_read_page_by_page(conductor: Conductor) -> None:
    """The newest first; from the last page there is no way on."""
    for ago in range(PAGE + 3):
        record(conductor, minutes_ago=float(ago))
    page = health()
    first = component(page, "calls")
    assert (len(first["rows"]), first["newer"], first["older"]) == (PAGE, False, True)
    kept = page.session_state["_health"]
    order, span = kept.order, Span.ending(int(time.time() * 1000), Range.DAY)
    kept.cursors.append(conductor.health.calls(Span((span.since, span.until)), Filter(), order, None, PAGE).next)
    page.run()
    last = component(page, "calls")
    assert (len(last["rows"]), last["newer"], last["older"]) == (3, True, False)
    assert not {row["id"] for row in first["rows"]} & {row["id"] for row in last["rows"]}


def test_a_call_opens_by_its_address(conductor: Conductor) -> None:
    """With its figures and every attempt of its request; what an upstream said is code, never markup."""
    hostile = "![x](http://evil.test/x) <img src=x> $a$"
    told = record(conductor, outcome=Outcome.SERVER_ERROR, http_status=500, error=hostile, superseded=True)
    record(conductor, request_id=told.request_id, attempt=1, provider="local", model="SmolLM2")
    page = health(call=told.id)
    said = words(page)
    assert "**Attempts**" in said
    assert "server error (500)" in said
    assert said.count('class="track"') == 2
    assert hostile in [str(code.value) for code in page.code]
    assert "evil.test" not in said


def test_a_call_that_is_not_there_is_no_fault(conductor: Conductor) -> None:
    """An old link opens the page all the same."""
    record(conductor)
    page = health(call="0" * 32)
    assert "call" not in page.query_params


def test_drills_are_counted_apart(conductor: Conductor) -> None:
    """Simulated calls never mix with real ones."""
    record(conductor)
    record(conductor, source=Source.DRILL)
    assert "1 request ·" in first_line(health())


def test_a_new_call_shows_on_the_next_refresh(conductor: Conductor) -> None:
    """The browser is sent what changed, put on what it has."""
    record(conductor)
    page = health()
    record(conductor)
    page.run()
    assert len(listed(page)) == 2
    assert "2 requests" in first_line(page)


def test_models_are_compared_anew_every_few_seconds_while_calls_come_in(conductor: Conductor) -> None:
    """All else shows a call at once; the dots of the models follow, though nothing more may come."""
    record(conductor)
    view = HealthView(Range.DAY, 0, 0, "provider", Filter(), UTC)
    figures = health_figures(view)
    assert [model["n"] for model in page_of(figures).head["models"]] == [1]
    record(conductor)
    at_once, later = (replace(health_figures(view), now=figures.now + ms) for ms in (1, MODELS_EVERY_MS))
    assert page_of(at_once).columns["requests|gemini"].sum() == 2
    assert [model["n"] for model in page_of(at_once).head["models"]] == [1]
    assert [model["n"] for model in page_of(later).head["models"]] == [2]
    assert page_of(later) is page_of(later)


def test_three_failures_are_told_with_the_seconds_left(conductor: Conductor) -> None:
    """The card and the first line agree on the state; it can be recovered at once."""
    for _ in range(3):
        record(conductor, outcome=Outcome.TIMEOUT, cost_usd=None, cost_kind=CostKind.UNKNOWN)
    page = health()
    said = words(page)
    assert "Passed over for" in said
    assert "Gemini open" in said
    assert "price unknown" in said
    assert [name for name, card in cards(page).items() if card["recover"]] == ["gemini"]
    click(page, "cards", "recover", "gemini")
    assert not cards(page)["gemini"]["recover"]
    assert "Gemini open" not in words(page)


def test_opening_the_dashboard_elsewhere_loads_neither_pandas_nor_numpy() -> None:
    """The modules of this page are free of them until it draws, and it never needs pandas or plotly in Python."""
    parts = ("health_overview", "health_charts", "call_table", "call_details")
    modules = ", ".join(f"dashboard.components.{part}" for part in parts)
    heavy = {"pandas", "numpy", "plotly.graph_objs._figure"}
    code = f"import sys, {modules}; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
