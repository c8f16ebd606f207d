"""Health in a browser: charts that refresh under the reader's hands, and the calls behind each point."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from conductor_core.kinds import Outcome
from conductor_core.store.database import Store
from tests.e2e.reading import WAIT_MS, until
from tests.installation import KEY
from tests.serving import Served, free_port, serving, streamlit_run
from tests.store.rows import finished, fresh_id

pytestmark = pytest.mark.e2e

MINUTE = 60_000
REFRESHES_MS = 7_000
"""Three refreshes, and a little."""
RANGE = "document.querySelector('[data-panel=latency] .js-plotly-plot')._fullLayout.xaxis.range.join()"
HOSTILE = "=1+1 <img src=x onerror=alert(1)> ![x](http://127.0.0.1:9/x)"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose OpenAI and Gemini were asked every minute of the last hour; OpenAI failed now and then."""
    home, port = tmp_path_factory.mktemp("health") / "home", free_port()
    store, now = Store.open(home), int(time.time() * 1000)
    for minutes in range(1, 60):
        at = now // MINUTE * MINUTE - minutes * MINUTE + 20_000
        for provider, model, latency in (("openai", "gpt-4o", 900.0), ("gemini", "gemini-2.5-flash", 400.0)):
            told: dict[str, object] = {"provider": provider, "model": model, "started_at": at, "latency_ms": latency}
            told |= {"id": fresh_id(), "request_id": fresh_id()}
            if provider == "openai" and minutes % 10 == 0:
                told |= {"outcome": Outcome.SERVER_ERROR, "http_status": 500, "error": HOSTILE, "cost_usd": 0.0}
            saved = store.save_call(finished(None, **told))
    saved.result(10)
    store.close()
    with serving(streamlit_run(port), port, home, OPENAI_API_KEY=KEY, GEMINI_API_KEY=KEY) as running:
        yield running


def opened(browser: BrowserContext, served: Served, query: str = "?range=1h") -> Page:
    """The page, with its first charts drawn."""
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{served.url}/health{query}")
    page.get_by_role("heading", name="Health", exact=True).wait_for()
    panel(page, "success").scroll_into_view_if_needed()
    for name in ("latency", "success"):
        panel(page, name).locator(".main-svg").first.wait_for()
    return page


def panel(page: Page, name: str) -> Locator:
    return page.locator(f'[data-panel="{name}"]')


def lines(page: Page, name: str) -> int:
    return panel(page, name).locator(".scatterlayer .trace").count()


def drag(page: Page, name: str) -> None:
    """Zooms to the middle of a chart."""
    layer = panel(page, name).locator(".nsewdrag").first
    layer.hover()  # waits until it rests where it is
    box = layer.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=8)
    page.mouse.up()


def test_zoom_and_hidden_groups_outlast_refreshes(browser: BrowserContext, served: Served) -> None:
    """The zoom is every panel's and becomes the range; what was hidden stays hidden; back leads back."""
    page = opened(browser, served)
    both = lines(page, "latency")
    page.locator(".deck-group", has_text="Gemini").click()
    expect(page.locator(".deck-group", has_text="Gemini")).to_have_attribute("aria-pressed", "false")
    until(page, lambda: lines(page, "latency") < both, "the hidden group leaves")
    whole = page.evaluate(RANGE)
    drag(page, "latency")
    expect(page.get_by_role("button", name="Back")).to_be_visible()
    assert "since=" in page.url
    page.wait_for_timeout(1000)
    zoomed = page.evaluate(RANGE)
    assert zoomed != whole
    other = RANGE.replace("latency", "success")
    assert page.evaluate(other) == zoomed
    page.evaluate("document.querySelector('[data-panel=latency] .js-plotly-plot').dataset.same = 'yes'")
    page.wait_for_timeout(REFRESHES_MS)
    assert page.evaluate(RANGE) == zoomed
    assert page.evaluate("document.querySelector('[data-panel=latency] .js-plotly-plot').dataset.same") == "yes"
    assert lines(page, "latency") < both
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("button", name="Back")).to_have_count(0)
    until(page, lambda: page.evaluate(RANGE) != zoomed, "the range before is back")
    assert "since=" not in page.url
    assert lines(page, "latency") < both


def test_cards_of_a_row_begin_at_the_same_height(browser: BrowserContext, served: Served) -> None:
    """Also the one of a provider that was asked nothing yet, and has no more to show than that."""
    page = opened(browser, served)
    cards = page.locator(".card")
    expect(cards.filter(has_text="No calls in this range.")).not_to_have_count(0)
    heads = cards.locator(".card-head").evaluate_all("heads => heads.map(head => head.getBoundingClientRect().top)")
    assert len(heads) == 3
    assert max(heads) - min(heads) < 2


def test_a_card_lists_its_calls_and_keeps_the_focus(browser: BrowserContext, served: Served) -> None:
    """By keyboard too; a refresh under the reader's hands takes the focus from no button."""
    page = opened(browser, served)
    calls = page.locator('.card[data-provider="openai"]').get_by_role("button", name="Calls")
    calls.focus()
    page.wait_for_timeout(REFRESHES_MS)
    expect(calls).to_be_focused()
    page.keyboard.press("Enter")
    table = page.locator("table.calls")
    expect(table).not_to_contain_text("Gemini", timeout=WAIT_MS)
    expect(table).to_contain_text("OpenAI")
    page.get_by_role("button", name="Show all").click()
    expect(table).to_contain_text("Gemini")


def test_one_crosshair_goes_through_all_charts(browser: BrowserContext, served: Served) -> None:
    """At the same moment in each, and gone with the pointer."""
    page = opened(browser, served)
    layer = panel(page, "latency").locator(".nsewdrag").first
    layer.scroll_into_view_if_needed()
    layer.hover()
    expect(panel(page, "latency").locator(".hoverlayer")).to_contain_text("OpenAI p50")
    expect(panel(page, "success").locator(".deck-cross")).to_be_visible()
    page.mouse.move(5, 5)
    expect(panel(page, "success").locator(".deck-cross")).to_be_hidden()


def test_it_rests_while_nobody_is_there(browser: BrowserContext, served: Served) -> None:
    """After ten minutes without a touch it says so; a touch wakes it."""
    page = browser.new_page()
    page.clock.install()
    page.goto(f"{served.url}/health?range=1h")
    panel(page, "latency").wait_for(timeout=WAIT_MS)
    page.clock.fast_forward("10:05")
    paused = page.get_by_text("Paused: nobody has been here")
    expect(paused).to_be_visible(timeout=WAIT_MS)
    page.mouse.move(300, 300)
    expect(paused).to_have_count(0, timeout=WAIT_MS)


def test_a_double_click_goes_back_to_the_range(browser: BrowserContext, served: Served) -> None:
    """From a zoom at once, and in the address too."""
    page = opened(browser, served)
    drag(page, "latency")
    expect(page.get_by_role("button", name="Back")).to_be_visible()
    panel(page, "latency").locator(".nsewdrag").first.dblclick()
    expect(page.get_by_role("button", name="Back")).to_have_count(0)


def test_a_point_lists_its_calls_and_a_call_opens(browser: BrowserContext, served: Served) -> None:
    """The failed attempts of one minute and no others; what an upstream wrote is text; the address names the call."""
    page = opened(browser, served)
    errors = panel(page, "errors")
    errors.scroll_into_view_if_needed()
    errors.locator(".barlayer").wait_for(state="attached")
    boxes = (bar.bounding_box() for bar in errors.locator(".barlayer .point path").all())
    box = next(box for box in boxes if box and box["height"] > 2)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    table = page.locator("table.calls")
    expect(table.locator("tbody tr")).to_have_count(1, timeout=WAIT_MS)
    expect(table).to_contain_text("server error (500)")
    expect(table).to_contain_text("OpenAI")
    expect(page.get_by_text("server error", exact=False).first).to_be_visible()
    table.locator("tbody tr button").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("server error (500)")
    expect(dialog).to_contain_text(HOSTILE)
    assert "call=" in page.url
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Show all").click()
    expect(table.locator("tbody tr")).to_have_count(25)


def test_calls_are_downloaded_as_they_are_listed(browser: BrowserContext, served: Served) -> None:
    """All of the range, not the page alone, and no cell that a spreadsheet would compute."""
    page = opened(browser, served)
    with page.expect_download() as download:
        page.locator(".calls-button", has_text="CSV").click()
    rows = list(csv.DictReader(StringIO(Path(download.value.path()).read_text())))
    assert len(rows) >= 100
    assert {row["error"] for row in rows} == {"", f"'{HOSTILE}"}


def test_the_figures_of_a_chart_are_a_table_too(browser: BrowserContext, served: Served) -> None:
    """With a CSV of its own; Escape closes it."""
    page = opened(browser, served)
    panel(page, "latency").get_by_role("button", name="Latency: the figures as a table").click()
    dialog = page.locator("dialog.deck-dialog")
    expect(dialog.locator("tbody tr").first).to_be_visible()
    expect(dialog).to_contain_text("OpenAI p50")
    with page.expect_download() as download:
        dialog.get_by_role("link", name="CSV").click()
    assert Path(download.value.path()).read_text().startswith("from,Gemini p50")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_on_a_phone_nothing_is_wider_than_the_page(browser: BrowserContext, served: Served) -> None:
    """The page itself does not scroll sideways."""
    page = browser.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{served.url}/health?range=1h")
    panel(page, "latency").scroll_into_view_if_needed(timeout=WAIT_MS)
    panel(page, "latency").locator(".main-svg").first.wait_for(timeout=WAIT_MS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_dark_theme_reaches_the_charts(chromium: Browser, served: Served) -> None:
    """Text on the axes is the theme's."""
    colours = []
    for scheme in ("light", "dark"):
        context = chromium.new_context(color_scheme=scheme)
        page = opened(context, served)
        colours.append(
            page.evaluate("getComputedStyle(document.querySelector('[data-panel=latency] .xtick text')).fill")
        )
        context.close()
    assert colours[0] != colours[1]
