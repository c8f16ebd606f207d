"""Lanes in a browser: set up for all at once, kept as a preset, raced, shown alone, put in another order."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import WAIT_MS, answered, opened, send
from tests.e2e.test_compare import lanes

pytestmark = pytest.mark.e2e


def three(simulated: Simulated, browser: BrowserContext) -> Page:
    page = opened(browser, f"{simulated.url}/compare", "Compare")
    page.get_by_role("radio", name="3 lanes").click()
    expect(pickers(page)).to_have_count(3)
    return page


def pickers(page: Page) -> Locator:
    return page.locator('[class*="st-key-picker-"]')


def lane_menu(page: Page, lane: int, entry: str) -> None:
    page.get_by_role("button", name=f"Menu of lane {lane}").click()
    page.get_by_role("menuitem", name=entry).click()


def test_what_is_typed_for_one_lane_goes_to_all(simulated: Simulated, browser: BrowserContext) -> None:
    """A system prompt still in its box, copied by one click, is in every lane."""
    page = three(simulated, browser)
    page.locator('[class*="st-key-parameters-"]:not([class*="to-all"]) button:visible').first.click()
    page.get_by_label("System prompt").fill("Answer in one word.")
    page.get_by_role("button", name="System prompt").click()
    expect(page.get_by_text("Every lane has this system prompt now.")).to_be_visible()
    page.locator('[class*="st-key-parameters-"]:not([class*="to-all"]) button:visible').last.click()
    expect(page.get_by_label("System prompt")).to_have_value("Answer in one word.")


def test_a_race_is_watched_and_its_lanes_are_moved(simulated: Simulated, browser: BrowserContext) -> None:
    """Three rows while it runs and after, with places in the end; one lane alone has an address of its own."""
    page = three(simulated, browser)
    simulated.behave("words-15 gap-60")
    send(page, "On your marks")
    expect(page.locator(".racer")).to_have_count(3)
    expect(page.locator(".racer").first).to_contain_text(re.compile(r"writing\s·\s.*\sfirst\s·\s.*\stok/s"))
    answered(page, 3)
    expect(page.locator(".racer b").filter(has_text="1st")).to_have_count(1)
    expect(page.locator(".racer b").filter(has_text="3rd")).to_have_count(1)
    lane_menu(page, 1, "Move right")
    expect(page.locator(".racer").nth(1)).to_contain_text("Gemini")
    expect(lanes(page).nth(1)).to_contain_text("Gemini")
    lane_menu(page, 1, "Show alone")
    expect(lanes(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"[?&]lane=1(&|$)"))
    other = opened(browser, page.url, "Compare")
    expect(lanes(other)).to_have_count(1)
    expect(lanes(other)).to_contain_text("Gemini")
    other.get_by_role("button", name="All lanes").click()
    expect(lanes(other)).to_have_count(3)
    expect(lanes(other).nth(1)).to_contain_text("Gemini")


def test_a_preset_begins_a_comparison_of_lanes_that_take_turns(simulated: Simulated, browser: BrowserContext) -> None:
    """Kept in one tab, begun with in another; the second lane waits while the first one writes."""
    page = three(simulated, browser)
    page.locator(".st-key-run button").click()
    page.get_by_text("One after another").click()
    expect(page.locator(".st-key-run button")).to_contain_text("In turn")
    page.keyboard.press("Escape")
    page.locator(".st-key-presets button").click()
    page.get_by_label("Keep these lanes as").fill("Three in turn")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("button", name="Three in turn · 3 lanes")).to_be_visible()
    other = opened(browser, f"{simulated.url}/compare", "Compare")
    expect(pickers(other)).to_have_count(4, timeout=WAIT_MS)
    other.locator(".st-key-presets button").click()
    other.get_by_role("button", name="Three in turn · 3 lanes").click()
    expect(pickers(other)).to_have_count(3)
    expect(other.locator(".st-key-run button")).to_contain_text("In turn")
    simulated.behave("words-12 gap-60")
    send(other, "One by one")
    expect(other.locator(".racer").nth(2)).to_contain_text("waits for its turn")
    answered(other, 3)
