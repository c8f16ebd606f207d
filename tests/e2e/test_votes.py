"""A blind comparison in a browser: nothing tells who answers until the vote; the leaderboard counts it."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import answered, opened, send, visit

pytestmark = pytest.mark.e2e

TELLING = ("gemini", "openai", "gpt", "google", "anthropic", "claude", "◆", "▲", "■", "tok/s", "temp 0")
COLOURS = ("#0072b2", "#009e73", "#d55e00", "rgb(0, 114, 178)", "rgb(0, 158, 115)", "rgb(213, 94, 0)")
ALL_BUT_STYLES = """() => {
  const told = [document.title, location.href, document.body.innerText];
  for (const one of document.querySelectorAll('body *:not(style):not(script)'))
    for (const attribute of one.attributes) told.push(attribute.value);
  return told.join('\\n').toLowerCase();
}"""
"""Every text a reader or a curious one finds: titles, alternatives, classes, keys, colours, address."""


def leaks(page: Page) -> list[str]:
    told = page.evaluate(ALL_BUT_STYLES)
    return [word for word in (*TELLING, *COLOURS) if word in told]


def test_a_blind_vote_reveals_and_counts(simulated: Simulated, browser: BrowserContext) -> None:
    """Two providers answer unseen, while they write and after; the vote is cast by keyboard."""
    page = opened(browser, f"{simulated.url}/compare", "Compare")
    page.get_by_role("radio", name="2 lanes").click()
    expect(page.locator('[class*="st-key-picker-"]')).to_have_count(2)
    assert leaks(page)  # or an empty list means nothing
    page.get_by_text("Blind", exact=True).click()
    expect(page.get_by_role("switch", name="Blind")).to_be_checked()
    simulated.behave("words-20 gap-60")
    send(page, "Tell me something")
    expect(page.locator(".who").filter(has_text="told after the vote")).to_have_count(2)
    expect(page.locator('[class*="st-key-picker-"]')).to_have_count(0)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(2)
    assert leaks(page) == []
    answered(page, 2)
    expect(page.get_by_role("button", name="A is better")).to_be_visible()
    assert leaks(page) == []
    other = opened(browser, page.url, "Compare")
    answered(other, 2)
    assert leaks(other) == []
    other.close()

    page.get_by_role("button", name="A is better").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("It counts on the leaderboard.")).to_be_visible()
    expect(page.locator(".table").locator("tbody tr")).to_have_count(2)
    expect(page.locator(".who").filter(has_text="A · ")).to_have_count(1)
    assert leaks(page)

    visit(page, "Leaderboard")
    expect(page.get_by_text("1 vote counts.")).to_be_visible()
    expect(page.get_by_text("1 of 10 votes")).to_have_count(2)


def test_word_by_word(simulated: Simulated, browser: BrowserContext) -> None:
    """Two answers beside each other: what only one says is marked by a sign."""
    page = opened(browser, f"{simulated.url}/compare", "Compare")
    page.get_by_role("radio", name="2 lanes").click()
    expect(page.locator('[class*="st-key-picker-"]')).to_have_count(2)
    simulated.behave("words-6")
    send(page, "Hello")
    answered(page, 2)
    page.get_by_text("Word by word").click()
    expect(page.locator(".word-diff")).to_contain_text("Grüße aus Köln")
    expect(page.locator(".word-diff ins, .word-diff del")).to_have_count(0)
