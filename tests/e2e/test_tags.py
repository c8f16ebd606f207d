"""Tags in a browser: given in a conversation's menu, seen in the list, filtered and found by."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import answered, opened, send
from tests.e2e.test_history import search, sidebar

pytestmark = pytest.mark.e2e


def test_a_conversation_is_tagged_and_found(simulated: Simulated, browser: BrowserContext) -> None:
    """The tag stands small below the title; the filter leaves only what has it."""
    page = opened(browser, simulated.url)
    send(page, "Mountains of Europe")
    answered(page)
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_text("Ask anything")).to_be_visible()
    send(page, "Untagged question")
    answered(page)
    sidebar(page).get_by_role("button", name="Mountains of Europe", exact=True).click()
    expect(page.locator('[class*="st-key-said-"]')).to_contain_text("Mountains of Europe")
    page.locator(".st-key-conversation-menu button:visible").first.click()
    page.get_by_role("button", name="Tags …").last.click()
    dialog = page.get_by_role("dialog", name="Tags of this conversation")
    field = dialog.get_by_role("combobox")
    field.fill("Geography")
    field.press("Enter")
    field.press("Tab")  # an open list hides the rest from assistive technology, and so from here
    dialog.get_by_role("button", name="Save").click()
    rows = sidebar(page).locator('[class*="st-key-row-"]')
    expect(rows.filter(has_text="Mountains of Europe")).to_contain_text("#geography")
    chooser = sidebar(page).get_by_label("Only with the tag")
    chooser.click()
    page.get_by_role("option", name="geography").click()
    expect(rows).to_have_count(1)
    search(page, "geogr")
    expect(sidebar(page).locator('[class*="st-key-hit-"] button')).to_have_count(1)
    page.close()
