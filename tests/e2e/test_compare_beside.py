"""Two comparisons side by side in a browser, and a comparison as a page that works on its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import answered, box, opened, send

pytestmark = pytest.mark.e2e


def compared(simulated: Simulated, browser: BrowserContext, prompt: str) -> Page:
    page = opened(browser, f"{simulated.url}/compare", "Compare")
    page.get_by_role("radio", name="2 lanes").click()
    expect(page.locator('[class*="st-key-picker-"]')).to_have_count(2)
    simulated.behave("words-6")
    send(page, prompt)
    answered(page, 2)
    return page


def test_two_comparisons_stand_side_by_side(simulated: Simulated, browser: BrowserContext) -> None:
    """From the menu in the history, by an address that another tab opens, and back to one."""
    compared(simulated, browser, "Of the beside pair one").close()
    page = compared(simulated, browser, "Of the beside pair two")
    page.get_by_role("button", name="Menu of Of the beside pair one").first.click()
    page.get_by_role("menuitem", name="Show beside the open one").click()
    expect(page).to_have_url(re.compile(r"[?&]with=[0-9a-f]{32}"))
    other = browser.new_page()
    other.goto(page.url)
    for seen in (page, other):
        expect(seen.get_by_role("tab")).to_have_text(["1 · Gemini", "2 · OpenAI"] * 2)
        expect(seen.locator(".table").locator("tbody tr")).to_have_count(4)
        expect(box(seen)).to_have_count(0)
    other.get_by_role("button", name="Back to one").click()
    expect(box(other)).to_be_visible()
    expect(other.locator('[class*="st-key-said-"]')).to_have_text("Of the beside pair two")
    other.close()


def test_a_comparison_is_a_page_of_its_own(simulated: Simulated, browser: BrowserContext, tmp_path: Path) -> None:
    """Downloaded, and opened without a server: the texts are there, and what looks like HTML is text."""
    page = compared(simulated, browser, "Is <b>this</b> <script>alert(1)</script> a rule?")
    page.locator(".st-key-conversation-menu button:visible").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as HTML").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.suffix == ".html"
    alone = browser.new_page()
    alone.set_content(file.read_text())
    expect(alone.get_by_role("heading", level=1)).to_have_text("Is <b>this</b> <script>alert(1)</script> a rule?")
    expect(alone.locator("script, img, b")).to_have_count(0)
    said: list[str | re.Pattern[str]] = ["You", re.compile("1 · Gemini"), re.compile("2 · OpenAI")]
    expect(alone.get_by_role("heading", level=2)).to_have_text(said)
    expect(alone.get_by_text("Grüße aus Köln").first).to_be_visible()
    alone.close()
