"""What is done with the answers in a browser: merged, looked at as charts, gone on with in a chat."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import answered, choose, opened, send
from tests.e2e.test_compare import lanes

pytestmark = pytest.mark.e2e


def test_answers_are_merged_and_one_lane_goes_on_as_a_chat(simulated: Simulated, browser: BrowserContext) -> None:
    """The lanes stay while the merge is written; its prompt is there to read; the chat has the history."""
    page = opened(browser, f"{simulated.url}/compare", "Compare")
    page.get_by_role("radio", name="2 lanes").click()
    expect(page.locator('[class*="st-key-picker-"]')).to_have_count(2)
    simulated.behave("words-4")
    send(page, "Name three rivers")
    answered(page, 2)
    simulated.behave("words-12 gap-50")
    page.get_by_role("button", name="Merge", exact=True).click()
    page.get_by_text("Criteria", exact=True).click()
    choose(page, "Anthropic", at=2)
    page.get_by_role("button", name="Merge", exact=True).last.click()
    merge = page.locator('[class*="st-key-answer-"]')
    expect(merge).to_contain_text("Rated by criteria")
    expect(merge.get_by_role("button", name="Stop")).to_be_visible()
    expect(lanes(page)).to_have_count(2)
    answered(page, 3)
    expect(merge).to_contain_text("Anthropic")
    merge.get_by_text("The prompt used").click()
    expect(merge).to_contain_text("[question] Name three rivers [end of question]")
    expect(page.locator(".table").locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Continue with one").click()
    page.get_by_role("menuitem", name="2 · OpenAI").click()
    page.get_by_role("heading", name="Chat", exact=True).wait_for()
    expect(page).to_have_url(re.compile(r"/\?c=[0-9a-f]{32}$"))
    answered(page, 1)
    expect(page.locator(".st-key-thread")).to_contain_text("Name three rivers")
    simulated.behave("words-3")
    send(page, "And three lakes")
    answered(page, 2)
    expect(page.locator(".st-key-thread .who")).to_have_text([re.compile("OpenAI"), re.compile("OpenAI")])
