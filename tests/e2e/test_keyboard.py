"""Everything that is done often, done with the keyboard alone in a phone's window; where the focus is, is seen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import PHONE, answered, box, copies, opened, until
from tests.e2e.test_branches import thread
from tests.e2e.test_compare import lanes
from tests.upstream import Plan

pytestmark = pytest.mark.e2e

MOST_STEPS = 90
LOOK = """found => {
    const chain = [];
    for (let at = found; at && chain.length < 5; at = at.parentElement) {
        const { outline, boxShadow, borderColor, backgroundColor } = getComputedStyle(at);
        chain.push([outline, boxShadow, borderColor, backgroundColor].join());
    }
    return chain.join();
}"""
LIES_FREE = """found => {
    const shown = found.closest("label") ?? found;
    const { x, y, width, height } = shown.getBoundingClientRect();
    const above = document.elementFromPoint(x + width / 2, y + height / 2);
    const bar = '[data-testid="stBottomBlockContainer"]';
    return !!above && (!above.closest(bar) || !!found.closest(bar));
}"""
"""Its middle is in the window, and not below the message box. (A switch is as large as its label.)"""


def reach(page: Page, target: Locator, key: str = "Tab") -> None:
    """Goes there step by step; what has the focus looks otherwise than before, and lies free in the window."""
    expect(target).to_have_count(1)
    before = target.evaluate(LOOK)
    for _ in range(MOST_STEPS):
        page.keyboard.press(key)
        if target.evaluate("found => found === document.activeElement"):
            break
    else:
        raise AssertionError(f"no {key} leads to {target}")
    until(page, lambda: bool(target.evaluate(LIES_FREE)), f"{target} lay free")
    until(page, lambda: bool(target.evaluate(LOOK) != before), f"the focus on {target} was seen")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    reach(page, target)
    page.keyboard.press(key)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def take(page: Page, label: str, option: str) -> None:
    """Chooses in a list by typing what is wanted."""
    field = page.get_by_role("combobox", name=label).first
    reach(page, field)
    page.keyboard.type(option)
    expect(page.get_by_role("option").first).to_contain_text(option)
    page.keyboard.press("Enter")
    expect(field).to_have_value(re.compile(option))


def write(page: Page, text: str) -> None:
    """To the message box by its key, and what is typed there sent."""

    def is_focused() -> bool:
        page.keyboard.press("Shift+Escape")
        focused: bool = box(page).evaluate("box => box === document.activeElement")
        return focused

    until(page, is_focused, "the keys were listened to")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_a_chat(simulated: Simulated, browser: BrowserContext) -> None:
    """Who answers, send, stop, copy, edit, branches, a thumb and why, fork, and the export in the menu."""
    browser.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened(browser, simulated.url, size=PHONE)
    take(page, "Provider", "OpenAI")
    take(page, "Model", "gpt-4.1-mini")
    simulated.behave("words-60 gap-60")
    write(page, "Tell me slowly")
    expect(thread(page)).to_contain_text("Grüße aus Köln")
    page.keyboard.press("Escape")
    expect(page.get_by_text("· stopped")).to_be_visible()

    simulated.behave("")
    press(page, button(page, "Edit"))
    reach(page, page.get_by_label("Your message"))
    page.keyboard.press("Control+A")
    page.keyboard.type("Tell me at once")
    press(page, button(page, "Send"))
    expect(thread(page)).to_contain_text("2 / 2")
    answered(page)
    press(page, copies(page))
    expect(copies(page)).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == Plan.of("").text
    press(page, button(page, "Previous branch"))
    expect(thread(page)).to_contain_text("Tell me slowly")
    press(page, button(page, "Next branch"))
    expect(thread(page)).to_contain_text("Tell me at once")

    answered(page)
    thumbs = page.locator('[class*="st-key-feedback-"] button')
    reach(page, thumbs.first)
    reach(page, thumbs.last, "ArrowRight")
    page.keyboard.press("Enter")
    press(page, button(page, "Add a note"))
    reach(page, page.get_by_label("Why?"))
    page.keyboard.type("Too short")
    page.keyboard.press("Control+Enter")
    expect(button(page, "Note")).to_be_visible()
    page.keyboard.press("Escape")

    press(page, page.get_by_role("button", name="Menu of this conversation"))
    export = page.get_by_role("button", name="Export as Markdown")
    reach(page, export)
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert "Tell me at once" in download.value.path().read_text(encoding="utf-8")
    page.keyboard.press("Escape")

    address = page.url
    press(page, button(page, "Fork"))
    expect(page).not_to_have_url(address)
    answered(page)
    page.close()


def test_a_comparison(simulated: Simulated, browser: BrowserContext) -> None:
    """How many lanes and who, send, one lane alone and back, vote, merge."""
    page = opened(browser, f"{simulated.url}/compare", "Compare", size=PHONE)
    reach(page, page.get_by_role("radio", name="2 lanes"))
    reach(page, page.get_by_role("radio", name="3 lanes"), "ArrowRight")
    reach(page, page.get_by_role("radio", name="2 lanes"), "ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator('[class*="st-key-picker-"]')).to_have_count(2)
    take(page, "Provider", "Anthropic")
    simulated.behave("words-4")
    write(page, "Name three rivers")
    expect(button(page, "Tie")).to_be_visible()

    press(page, page.get_by_role("button", name="Menu of lane 1"))
    alone = page.get_by_role("menuitem", name="Show alone")
    reach(page, alone, "ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"[?&]lane=1(&|$)"))
    expect(lanes(page)).to_have_count(1)
    press(page, button(page, "All lanes"))
    expect(page).not_to_have_url(re.compile(r"lane="))

    for target in (page.get_by_role("switch", name="Word by word"), page.get_by_role("region", name="How they did")):
        reach(page, target)
    press(page, page.get_by_role("button", name=re.compile("^1 · .* is better$")))
    expect(page.get_by_text(re.compile("^Your vote: "))).to_be_visible()
    press(page, button(page, "Merge").first)
    press(page, button(page, "Merge").last)
    expect(page.locator('[class*="st-key-answer-"]')).to_contain_text("Fused")
    page.close()


def test_a_prompt_set(simulated: Simulated, browser: BrowserContext) -> None:
    """Pasted, read, and asked."""
    page = opened(browser, f"{simulated.url}/prompt_sets", "Prompt sets", size=PHONE)
    reach(page, page.get_by_role("tab", name="Upload"))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Paste")).to_have_attribute("aria-selected", "true")
    reach(page, page.get_by_label("Prompts as CSV or JSON lines"))
    page.keyboard.type("prompt,expected\nWhere from?,Köln\nWhere to?,Paris")
    press(page, button(page, "Read these prompts"))
    press(page, page.get_by_role("button", name=re.compile("^Ask 2 prompts of 4 lanes")))
    expect(page).to_have_url(re.compile(r"/prompt_sets\?run=[0-9a-f]{32}$"))
    page.close()
