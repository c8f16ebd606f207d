"""Gemini, OpenAI and Anthropic, simulated: each answers in Chat, all in one comparison, each can be stopped."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import answered, choose, opened, send, until
from tests.upstream import Received

pytestmark = pytest.mark.e2e

VENDORS = {"Gemini": "gemini-2.5-flash", "OpenAI": "gpt-4.1-mini", "Anthropic": "claude-haiku-4-5"}
BEGINNING = "Grüße aus Köln 👋 — it works 日本語"
STOP_WITHIN = 0.3


@pytest.mark.parametrize("label", VENDORS)
def test_each_answers_in_chat(label: str, simulated: Simulated, browser: BrowserContext) -> None:
    """Who, which model, the text, tokens and cost; AUTO was not asked."""
    page = opened(browser, simulated.url)
    choose(page, label)
    send(page, "Hello there")
    answered(page)
    thread = page.locator(".st-key-thread")
    expect(thread).to_contain_text(label)
    expect(thread).to_contain_text(VENDORS[label])
    expect(thread).to_contain_text(BEGINNING)
    expect(thread).to_contain_text("7 → 12 · $0.0000")


def test_all_answer_in_one_comparison(simulated: Simulated, browser: BrowserContext) -> None:
    """Three lanes side by side, then the table and, when asked for, the charts."""
    page = opened(browser, f"{simulated.url}/compare", "Compare")
    page.get_by_role("radio", name="3 lanes").click()
    expect(page.locator('[class*="st-key-picker-"]')).to_have_count(3)
    send(page, "Hello all")
    answered(page, 3)
    for lane, (label, model) in enumerate(VENDORS.items()):
        expect(page.get_by_test_id("stColumn").nth(3 + lane)).to_contain_text(label)
        expect(page.get_by_test_id("stColumn").nth(3 + lane)).to_contain_text(BEGINNING)
        expect(page.locator(".table")).to_contain_text(model)
    page.get_by_text("Charts", exact=True).click()
    page.locator(".js-plotly-plot .main-svg").first.wait_for()


@pytest.mark.parametrize("label", VENDORS)
def test_stop_reaches_a_silent_provider(label: str, simulated: Simulated, browser: BrowserContext) -> None:
    """The upstream sees the connection close within 300 ms of the click, and the page says stopped."""
    page = opened(browser, simulated.url)
    choose(page, label)
    simulated.behave("silent")
    before = len(asked(simulated))
    send(page, "Say nothing")
    until(page, lambda: len(asked(simulated)) > before, "the prompt reached the upstream")
    hung_up = simulated.beside.hung_up(asked(simulated)[-1])
    expect(page.get_by_text("Waiting for the first token …")).to_be_visible()
    clicked = click_stop(page)
    assert hung_up.result(5) - clicked < STOP_WITHIN
    expect(page.get_by_text("· stopped")).to_be_visible()
    expect(page.locator(".st-key-stop")).to_have_count(0)


def asked(simulated: Simulated) -> list[Received]:
    """The prompts that reached the upstream."""
    return [received for received in simulated.beside.upstream.requests if received.method == "POST"]


def click_stop(page: Page) -> float:
    """Clicks Stop; returns when the browser saw the click, in seconds since 1970."""
    page.evaluate("document.addEventListener('click', () => { window.clickedAt = Date.now(); }, true)")
    page.locator(".st-key-stop button").click()
    return float(page.evaluate("window.clickedAt")) / 1000
