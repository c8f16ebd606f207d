"""The Health page as a reader meets it, on a real store."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from streamlit.testing.v1 import AppTest

from conductor_core.bridge import Bridge
from conductor_core.conductor import Conductor
from conductor_core.kinds import CostKind, Outcome, Source
from conductor_core.metrics.call import Call
from dashboard import runtime
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


def record(conductor: Conductor, minutes_ago: float = 0.0, **fields: object) -> None:
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


def words(page: AppTest) -> str:
    """Everything written on the page."""
    drawn = [*page.markdown, *page.caption]
    return "\n".join([*(str(one.value) for one in drawn), *(str(one.proto.body) for one in page.get("html"))])


def test_before_any_call_it_says_what_to_do(conductor: Conductor) -> None:
    """One button leads to Chat; there are no charts of nothing."""
    page = health()
    assert "No calls yet." in words(page)
    assert not page.get("plotly_chart")
    page.button[0].click().run()
    assert not page.exception
    assert not page.header or page.header[0].value != "Health"


def test_calls_appear_on_card_charts_and_table(conductor: Conductor) -> None:
    """Success with its interval and n, percentiles, cost, last error in our words, three charts, one row per call."""
    record(conductor)
    record(conductor, outcome=Outcome.RATE_LIMITED, http_status=429, cost_usd=0.0, error="Gemini is rate-limited.")
    page = health()
    said = words(page)
    for figure in ("50.0 % [9.5–90.5] n 2", "p50 0.80 s", "0.20 s · 100 tok/s", "$0.0004", "rate limited (429)"):
        assert figure in said
    assert "1 of the last 2 calls failed, lately" in said
    assert len(page.get("plotly_chart")) == 3
    assert list(page.dataframe[0].value["Outcome"]) == ["rate limited (429)", "answered"]


def test_the_first_line_sums_everything_up(conductor: Conductor) -> None:
    """How many are configured, how many calls, how many succeeded, how fast, how dear."""
    record(conductor)
    assert page_line(health()).startswith("All well · 2 of 13 configured · 1 call · 100 % · p50 0.80 s · ")


def page_line(page: AppTest) -> str:
    return str(page.markdown[0].value)


def test_a_provider_without_a_key_is_one_line_naming_its_variable(conductor: Conductor) -> None:
    """And has no card."""
    record(conductor)
    said = words(health())
    assert "Anthropic `ANTHROPIC_API_KEY`" in said
    assert "`GEMINI_API_KEY`" not in said


def test_the_range_comes_from_the_address(conductor: Conductor) -> None:
    """A link to the last hour shows the last hour: the older call is not in it."""
    record(conductor, minutes_ago=90)
    record(conductor)
    assert len(health(range="1h").dataframe[0].value) == 1
    assert len(health(range="24h").dataframe[0].value) == 2


def test_a_range_without_calls_says_so(conductor: Conductor) -> None:
    """The cards stay, with what is known live; nothing is drawn as nought."""
    record(conductor, minutes_ago=90)
    page = health(range="15m")
    assert "No calls in this range." in words(page)
    assert not page.get("plotly_chart")


def test_a_refresh_shows_the_calls_since(conductor: Conductor) -> None:
    """What Live does every few seconds."""
    record(conductor)
    page = health()
    record(conductor)
    page.run()
    assert len(page.dataframe[0].value) == 2
    assert "2 calls" in page_line(page)


def test_three_failures_are_told_with_the_seconds_left(conductor: Conductor) -> None:
    """The card and the first line agree on the state."""
    for _ in range(3):
        record(conductor, outcome=Outcome.TIMEOUT, cost_usd=None, cost_kind=CostKind.UNKNOWN)
    said = words(health())
    assert "Passed over for" in said
    assert "Gemini open" in said
    assert "price unknown" in said


def test_what_an_upstream_wrote_is_only_ever_a_cell(conductor: Conductor) -> None:
    """An error that carries Markdown and HTML reaches neither."""
    hostile = "![x](http://evil.test/x) <img src=x> $a$"
    record(conductor, outcome=Outcome.SERVER_ERROR, error=hostile, model="<b>m</b>")
    page = health()
    assert "evil.test" not in words(page)
    assert "<b>m</b>" not in words(page)
    assert page.dataframe[0].value["Error"][0] == hostile


def test_opening_the_dashboard_elsewhere_loads_neither_pandas_nor_plotly() -> None:
    """The modules of this page are free of them until it draws. Streamlit loads plotly's empty shell by itself."""
    modules = "dashboard.components.charts, dashboard.components.call_table, dashboard.components.health_figures"
    heavy = {"pandas", "plotly.graph_objs._figure"}
    code = f"import sys, {modules}; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
