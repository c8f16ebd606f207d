"""The Chat page in a browser: answers outlive their tab, nothing typed is lost, nothing jumps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import WAIT_MS, answered, box, choose, copies, opened, send, until
from tests.upstream import Plan

pytestmark = pytest.mark.e2e

WORDS = 45
SLOW = f"words-{WORDS} gap-40"
WHOLE = " ".join(Plan.of(SLOW).text.split())


def started(simulated: Simulated, browser: BrowserContext, words: str = SLOW) -> Page:
    """A chat with an answer under way."""
    page = opened(browser, simulated.url)
    choose(page, "OpenAI")
    simulated.behave(words)
    send(page, "Tell me slowly")
    expect(thread(page)).to_contain_text("Grüße aus Köln")
    return page


def thread(page: Page) -> Locator:
    return page.locator(".st-key-thread")


def text(page: Page) -> str:
    return " ".join(page.locator(".st-key-thread").inner_text().split())


def test_an_answer_outlives_its_tab(simulated: Simulated, browser: BrowserContext) -> None:
    """Closed in mid-answer and opened again by its address: the answer is there, whole."""
    page = started(simulated, browser)
    address = page.url
    page.close()
    upstream = simulated.beside.upstream
    page = browser.new_page()
    until(page, upstream.last.answered.is_set, "the answer was complete")
    page.close()
    page = opened(browser, address)
    answered(page)
    assert WHOLE in text(page)


def test_a_second_tab_sees_the_running_answer(simulated: Simulated, browser: BrowserContext) -> None:
    """Both grow and both end."""
    long = "words-150 gap-60"
    first = started(simulated, browser, long)
    second = opened(browser, first.url)
    expect(second.locator(".st-key-stop")).to_be_visible()
    expect(second.locator(".st-key-thread")).to_contain_text("Grüße aus Köln")
    for page in (first, second):
        answered(page)
        assert " ".join(Plan.of(long).text.split()) in text(page)


def test_a_draft_outlives_the_answer(simulated: Simulated, browser: BrowserContext) -> None:
    """What is typed while an answer runs is still in the box when it has ended."""
    page = started(simulated, browser)
    box(page).press_sequentially("And then what", delay=60)
    answered(page)
    expect(box(page)).to_have_value("And then what")
    box(page).press("Enter")
    answered(page, 2)


def test_a_message_sent_too_early_is_given_back(simulated: Simulated, browser: BrowserContext) -> None:
    """Enter while an answer runs: the text comes back with the reason, and the answer goes on."""
    page = started(simulated, browser)
    send(page, "Too early")
    expect(page.get_by_test_id("stAlert")).to_be_visible()
    expect(box(page)).to_have_value("Too early")
    answered(page)
    assert WHOLE in text(page)
    expect(box(page)).to_have_value("Too early")


def test_escape_stops(simulated: Simulated, browser: BrowserContext) -> None:
    """From the keyboard, with the cursor still in the box; what had arrived stays."""
    page = started(simulated, browser)
    box(page).press("Escape")
    expect(page.get_by_text("· stopped")).to_be_visible()
    assert "Grüße aus Köln" in text(page)
    assert WHOLE not in text(page)


def test_nothing_jumps_while_an_answer_streams(simulated: Simulated, browser: BrowserContext) -> None:
    """The head and the box stay within a pixel from the first word to the facts line."""
    page = opened(browser, simulated.url)
    choose(page, "OpenAI")
    send(page, "First")
    answered(page)
    simulated.behave("words-20 gap-40 delay-300")
    watch(page, ".st-key-chat-head", '[data-testid="stChatInput"]')
    send(page, "Second")
    answered(page, 2)
    assert drift(page) <= 1


def watch(page: Page, *selectors: str) -> None:
    """Measures on every frame how far these have moved from where they are now."""
    page.evaluate(
        """selectors => {
            const boxes = () => selectors.map(one => {
                const found = document.querySelector(one)?.getBoundingClientRect();
                return found ? [found.x, found.y, found.width, found.height] : [0, 0, 0, 0];
            });
            const first = boxes();
            window.drift = 0;
            const look = () => {
                const moved = boxes().flatMap((box, i) => box.map((value, j) => Math.abs(value - first[i][j])));
                window.drift = Math.max(window.drift, ...moved);
                requestAnimationFrame(look);
            };
            look();
        }""",
        list(selectors),
    )


def drift(page: Page) -> float:
    """The furthest any of them was from its place, in pixels."""
    return float(page.evaluate("window.drift"))


def test_copy_puts_the_answer_on_the_clipboard(simulated: Simulated, browser: BrowserContext) -> None:
    """The text as it came, not as it is drawn."""
    browser.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened(browser, simulated.url)
    send(page, "Hello")
    answered(page)
    copies(page).click()
    expect(copies(page)).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == Plan.of("").text


def test_rename_export_delete(simulated: Simulated, browser: BrowserContext, tmp_path: Path) -> None:
    """The list follows the new title, the file carries everything, and after Delete it is gone."""
    page = opened(browser, simulated.url)
    choose(page, "Anthropic")
    send(page, "Hello")
    answered(page)
    address = page.url
    menu = page.locator(".st-key-conversation-menu button").first
    menu.click()
    page.get_by_label("Title", exact=True).fill("Greetings from Cologne")
    page.get_by_label("Title", exact=True).press("Enter")
    expect(
        page.get_by_test_id("stSidebar").get_by_role("button", name="Greetings from Cologne", exact=True)
    ).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as Markdown").click()
    assert download.value.suggested_filename == "greetings-from-cologne.md"
    exported = download.value.path().read_text(encoding="utf-8")
    assert exported.startswith("# Greetings from Cologne\n")
    assert f"## You\n\nHello\n\n## anthropic · claude-haiku-4-5\n\n{Plan.of('').text}\n" in exported
    page.get_by_role("button", name="Delete …").click()
    dialog = page.get_by_role("dialog", name="Delete this conversation?")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Ask anything")).to_be_visible()
    expect(page.get_by_role("button", name="Greetings from Cologne")).to_have_count(0)
    page.goto(address)
    expect(page.get_by_text("This conversation does not exist, or it was deleted.")).to_be_visible(timeout=WAIT_MS)


def test_a_failure_offers_another_provider(simulated: Simulated, browser: BrowserContext) -> None:
    """The card says what happened; the same prompt is answered by the provider chosen there."""
    page = opened(browser, simulated.url)
    choose(page, "OpenAI")
    simulated.behave("status-401")
    send(page, "Hello")
    expect(page.get_by_text("OpenAI refused the key (401). Check OPENAI_API_KEY in Settings.")).to_be_visible()
    simulated.behave("")
    page.get_by_role("button", name="Use another").click()
    page.get_by_role("menuitem", name="with Anthropic").click()
    answered(page)
    expect(page.locator(".st-key-thread")).to_contain_text("claude-haiku-4-5")


def test_a_phone_reaches_everything(simulated: Simulated, browser: BrowserContext) -> None:
    """At 390 px nothing lies beside the screen; picker, parameters, menu, list and box can be used."""
    page = opened(browser, simulated.url)
    page.set_viewport_size({"width": 390, "height": 800})
    choose(page, "Gemini")
    send(page, "Hello")
    answered(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    for reached in (box(page), page.locator(".st-key-conversation-menu"), page.get_by_role("combobox").first):
        bounds = reached.bounding_box()
        assert bounds
        assert bounds["x"] >= 0
        assert bounds["x"] + bounds["width"] <= 390
    page.locator('[class*="st-key-parameters-"] button:visible').first.click()
    expect(page.get_by_label("System prompt")).to_be_visible()


def test_what_is_unfolded_stays_so_when_the_answer_ends(simulated: Simulated, browser: BrowserContext) -> None:
    """The thoughts opened while it wrote are still open after its last word."""
    page = started(simulated, browser, "words-20 gap-60 thinking")
    page.get_by_text(re.compile("^(Thinking|Thought for .*)$")).click()
    expect(page.get_by_text("let me see")).to_be_visible()
    answered(page)
    expect(page.get_by_text("let me see")).to_be_visible()
