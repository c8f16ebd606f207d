"""Branches of a chat in a browser: edited, answered again, gone through with mouse and keyboard, found, kept."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import WAIT_MS, answered, choose, every_window, opened, send

pytestmark = pytest.mark.e2e


def thread(page: Page) -> Locator:
    return page.locator(".st-key-thread")


def rewrite(page: Page, at: int, text: str) -> None:
    page.get_by_role("button", name="Edit", exact=True).nth(at).click()
    field = page.get_by_label("Your message")
    field.fill(text)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(field).to_have_count(0)


@every_window
def test_branches_are_made_and_gone_through(
    simulated: Simulated, browser: BrowserContext, size: tuple[int, int]
) -> None:
    """At the message for edits, at the answer for answers; the choice survives a reload; nothing lies off the page."""
    page = opened(browser, simulated.url)
    choose(page, "OpenAI")  # AUTO might have Anthropic answer, and the menu below would not name it
    page.set_viewport_size({"width": size[0], "height": size[1]})
    send(page, "The first question")
    answered(page)
    send(page, "The second question")
    answered(page, 2)
    rewrite(page, 0, "The first question, otherwise")
    answered(page)
    expect(thread(page)).not_to_contain_text("The second question")
    expect(thread(page)).to_contain_text("2 / 2")

    back = page.get_by_role("button", name="Previous branch")
    back.focus()
    back.press("Enter")
    expect(thread(page)).to_contain_text("The second question")
    expect(thread(page)).to_contain_text("1 / 2")
    answered(page, 2)

    simulated.behave("words-3")
    page.get_by_role("button", name="Again", exact=True).last.click()
    page.get_by_role("menuitem", name="with Anthropic").click()
    expect(thread(page)).to_contain_text("2 / 2")
    answered(page, 2)
    expect(thread(page)).to_contain_text("claude-haiku-4-5")
    page.reload()
    answered(page, 2)
    expect(thread(page)).to_contain_text("The second question")
    expect(thread(page)).to_contain_text("claude-haiku-4-5")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0]
    page.get_by_role("button", name="Previous branch").last.click()
    expect(thread(page)).not_to_contain_text("claude-haiku-4-5")

    page.locator(".st-key-conversation-menu button:visible").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as Markdown").click()
    exported = download.value.path().read_text(encoding="utf-8")
    assert "(2 other branches of this conversation not included)" in exported
    assert "otherwise" not in exported
    page.close()


def test_an_answer_is_forked_and_another_model_goes_on(simulated: Simulated, browser: BrowserContext) -> None:
    """In the fork; the way back leads to an original that is as it was."""
    page = opened(browser, simulated.url)
    choose(page, "OpenAI")
    send(page, "Rivers of Europe")
    answered(page)
    original = page.url
    page.get_by_role("button", name="Fork", exact=True).click()
    row = page.get_by_test_id("stSidebar").get_by_role("button", name="Fork of Rivers of Europe", exact=True)
    expect(row).to_be_visible()
    expect(page).not_to_have_url(original)
    answered(page)
    choose(page, "Anthropic")
    send(page, "And lakes?")
    answered(page, 2)
    expect(thread(page)).to_contain_text("gpt-4.1-mini")
    expect(thread(page)).to_contain_text("claude-haiku-4-5")
    page.goto(original)
    answered(page)
    expect(thread(page)).not_to_contain_text("And lakes?")
    page.close()


def test_a_lane_of_a_comparison_is_forked_into_a_chat(simulated: Simulated, browser: BrowserContext) -> None:
    """The Chat page opens it, the original stays."""
    page = opened(browser, f"{simulated.url}/compare", "Compare")
    send(page, "Which lake is the deepest?")
    page.get_by_role("button", name="Continue with one").click(timeout=WAIT_MS)
    page.get_by_role("menuitem", name=re.compile("^2 · ")).click()
    page.get_by_role("heading", name="Chat", exact=True).wait_for()
    answered(page)
    expect(thread(page)).to_contain_text("Which lake is the deepest?")
    page.close()
