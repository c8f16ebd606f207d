"""What a reader does on the pages and what they wait for."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from dashboard.components.message_box import HINT
from tests.conftest import SCALE

WAIT_MS = 30_000
"""Two cores shared with the browser, and a model to load."""

DESKTOP, PHONE = (1280, 800), (390, 844)
every_window = pytest.mark.parametrize("size", [DESKTOP, PHONE][SCALE == 1 :], ids=lambda size: f"{size[0]}px")
"""The narrow window, where room is scarce; at full counts the wide one too."""


def opened(browser: BrowserContext, url: str, heading: str = "Chat", size: tuple[int, int] | None = None) -> Page:
    """A tab with a page in it, drawn, connected and with whatever looks after its message box."""
    page = browser.new_page()
    if size:
        page.set_viewport_size({"width": size[0], "height": size[1]})
    page.set_default_timeout(WAIT_MS)
    page.goto(url)
    page.get_by_role("heading", name=heading, exact=True).wait_for()
    if heading in ("Chat", "Compare"):
        looked_after(page)
    return page


def box(page: Page) -> Locator:
    """Where one writes."""
    return page.get_by_test_id("stChatInputTextArea")


def looked_after(page: Page) -> Page:
    """The page, once its script has found the box and says which keys there are."""
    expect(box(page)).to_have_attribute("title", HINT)
    return page


def send(page: Page, text: str) -> None:
    box(page).fill(text)
    box(page).press("Enter")


def copies(page: Page) -> Locator:
    """The Copy button of every ended answer that has a text."""
    return page.get_by_role("button", name="Copy this answer")


def answered(page: Page, count: int = 1) -> None:
    """Waits until that many answers stand complete on the page, and nothing runs."""
    expect(copies(page)).to_have_count(count, timeout=WAIT_MS)
    expect(page.locator(".st-key-stop")).to_have_count(0, timeout=WAIT_MS)


def choose(page: Page, label: str, at: int = 0) -> None:
    """Takes a provider from the picker; `at` is the lane."""
    picker = page.locator('[class*="st-key-picker-"]').nth(at)
    boxes = picker.get_by_role("combobox")
    expect(boxes).to_have_count(2)
    provider, model = boxes.nth(0), boxes.nth(1)
    provider.click()
    page.get_by_role("option", name=label).click()
    expect(provider).to_have_value(re.compile(re.escape(label)))
    expect(model).to_be_enabled()


def unfold(page: Page, label: str) -> None:
    """Opens an expander and waits until it has its full height: what is in it would move from under a click.

    A height of its own is on it while it grows, and again when its content turns out higher than it seemed.
    """
    page.get_by_text(label, exact=True).click()
    page.locator('details[open]:not([style*="height"])').filter(has_text=label).wait_for()


def visit(page: Page, title: str) -> None:
    """Another page, from the navigation."""
    page.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
    page.get_by_role("heading", name=title, exact=True).wait_for()


def until(page: Page, condition: Callable[[], bool], what: str) -> None:
    """Waits for something outside the browser while the browser goes on."""
    for _ in range(WAIT_MS // 10):
        if condition():
            return
        page.wait_for_timeout(10)
    raise AssertionError(f"this never happened: {what}")
