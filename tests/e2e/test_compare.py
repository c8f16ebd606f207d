"""The Compare page in a browser: lanes side by side, stopped one by one, tabs on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import WAIT_MS, answered, box, opened, send

pytestmark = pytest.mark.e2e


def started(simulated: Simulated, browser: BrowserContext, words: str) -> Page:
    """Three lanes with an answer under way in each."""
    page = opened(browser, f"{simulated.url}/compare", "Compare")
    page.get_by_role("radio", name="3 lanes").click()
    expect(page.locator('[class*="st-key-picker-"]')).to_have_count(3)
    simulated.behave(words)
    send(page, "Tell me slowly")
    expect(lanes(page)).to_have_count(3)
    return page


def lanes(page: Page) -> Locator:
    return page.locator('[class*="st-key-lane-"]:not([class*="st-key-lane-text-"])')


def test_one_lane_stops_and_the_others_go_on(simulated: Simulated, browser: BrowserContext) -> None:
    """Its own Stop ends one; the others end by themselves, and the table tells them apart."""
    page = started(simulated, browser, "words-60 gap-60")
    expect(lanes(page).nth(1)).to_contain_text("Grüße aus Köln")
    lanes(page).nth(1).get_by_role("button", name="Stop").click()
    expect(lanes(page).nth(1)).to_contain_text("· stopped")
    answered(page, 3)
    states = page.locator(".table").locator("tbody tr td:nth-child(3)")
    expect(states).to_have_text(["done", "stopped", "done"])


def test_lanes_keep_their_height_and_the_box_its_place(simulated: Simulated, browser: BrowserContext) -> None:
    """From the first word to the last, and with the facts there."""
    page = started(simulated, browser, "words-25 gap-40 delay-300")
    before = [bounds(lanes(page).nth(lane)) for lane in range(3)]
    composer = bounds(box(page))
    answered(page, 3)
    after = [bounds(lanes(page).nth(lane)) for lane in range(3)]
    assert [height for *_, height in before] == [height for *_, height in after]
    assert len({height for *_, height in after}) == 1
    assert bounds(box(page)) == composer


def test_a_comparison_is_opened_by_its_address_and_goes_on(simulated: Simulated, browser: BrowserContext) -> None:
    """In another tab: answers, table and charts on demand are there; the next prompt goes to the same lanes."""
    page = started(simulated, browser, "words-3")
    answered(page, 3)
    other = opened(browser, page.url, "Compare")
    answered(other, 3)
    expect(other.locator(".js-plotly-plot")).to_have_count(0)
    other.get_by_text("Charts", exact=True).click()
    other.locator(".js-plotly-plot .main-svg").first.wait_for()
    send(other, "And again")
    answered(other, 6)
    expect(other.locator(".table")).to_have_count(1)


def test_on_a_phone_lanes_are_tabs(simulated: Simulated, browser: BrowserContext) -> None:
    """Each lane is one tap away, nothing lies beside the screen, and the running lane is seen under its tab."""
    page = opened(browser, f"{simulated.url}/compare", "Compare")
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.get_by_role("tab")).to_have_count(4, timeout=WAIT_MS)
    page.get_by_role("radio", name="3 lanes").click()
    expect(page.get_by_role("tab")).to_have_count(3)
    simulated.behave("words-25 gap-60")
    send(page, "Hello all")
    third = page.get_by_role("tab", name="3 · Anthropic")
    third.click()
    expect(page.get_by_role("tabpanel").filter(has_text="claude-haiku-4-5").last).to_contain_text("Grüße aus Köln")
    answered(page)  # the others' buttons are under their tabs
    expect(third).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="2 · OpenAI").click()
    expect(page.get_by_role("tabpanel").filter(has_text="gpt-4.1-mini").last).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    page.locator(".st-key-conversation-menu button:visible").first.click()
    expect(page.get_by_role("button", name="Export as Markdown")).to_be_visible()


def bounds(place: Locator) -> tuple[int, int, int, int]:
    """Left, top, width, height in whole pixels."""
    found = place.bounding_box()
    assert found
    return round(found["x"]), round(found["y"]), round(found["width"]), round(found["height"])
