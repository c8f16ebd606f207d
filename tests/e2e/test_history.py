"""Past conversations in a browser: found, opened at the message, pinned, archived, deleted and brought back."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import PHONE, WAIT_MS, answered, every_window, opened, send

pytestmark = pytest.mark.e2e

MOST_KEYS = 12


def sidebar(page: Page) -> Locator:
    """The list, brought out where the window is too narrow to keep it."""
    bar = page.get_by_test_id("stSidebar")
    if bar.get_attribute("data-collapsed") == "true":
        page.get_by_test_id("stExpandSidebarButton").click()
        expect(bar).not_to_have_attribute("data-collapsed", "true")
    return bar


def search(page: Page, words: str) -> None:
    field = sidebar(page).get_by_label("Search titles and messages")
    field.fill(words)
    field.press("Enter")


def choose(page: Page, title: str, entry: str) -> None:
    """Takes an entry of a conversation's menu in the list, with the keyboard alone."""
    row = sidebar(page).locator('[class*="st-key-row-"]').filter(has_text=title)
    menu = row.locator('[class*="st-key-menu-"] button')
    menu.focus()
    menu.press("Enter")
    items = page.get_by_role("menuitem")
    wanted = page.get_by_role("menuitem", name=entry)
    expect(wanted).to_be_visible()
    for _ in range(MOST_KEYS):
        page.wait_for_timeout(100)  # a key that is pressed while the menu still opens is lost
        if wanted.get_attribute("data-focused"):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(items).to_have_count(0)


@every_window
def test_a_conversation_is_found_kept_and_deleted(
    simulated: Simulated, browser: BrowserContext, size: tuple[int, int]
) -> None:
    """A hit leads to its message, far down in the thread; pin, archive, delete and Undo do what they say."""
    needle = f"needle{size[0]}"
    page = opened(browser, simulated.url)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    title = f"Rivers {size[0]}"
    send(page, title)
    answered(page)
    for number in range(2, 5):
        send(page, f"Question {number}: " + "long " * 120)
        answered(page, number)
    send(page, f"Where is the {needle}?")
    answered(page, 5)
    address = page.url
    asked = page.locator('[class*="st-key-said-"]').filter(has_text=needle)

    page.goto(simulated.url)
    expect(page.get_by_text("Ask anything")).to_be_visible(timeout=WAIT_MS)
    search(page, needle.upper()[:-1])
    hits = sidebar(page).locator('[class*="st-key-hit-"] button')
    expect(hits).to_have_count(1)
    expect(hits.last).to_contain_text(f"Where is the {needle}?")
    hits.last.focus()
    hits.last.press("Enter")
    expect(asked).to_be_in_viewport()
    expect(page).to_have_url(address)
    if size == PHONE:
        expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE[0]
    page.wait_for_timeout(2_000)
    expect(asked).to_be_in_viewport()

    search(page, "")
    row = sidebar(page).get_by_role("button", name=title, exact=True)
    choose(page, title, "Pin")
    expect(sidebar(page).get_by_text("Pinned")).to_be_visible()
    choose(page, title, "Archive")
    expect(row).to_have_count(0)
    sidebar(page).get_by_role("button", name="Archive", exact=False).last.click()
    expect(row).to_be_visible()
    choose(page, title, "Unarchive")
    expect(row).to_have_count(0)
    sidebar(page).get_by_role("button", name="Back from the archive").click()
    expect(row).to_be_visible()

    choose(page, title, "Delete")
    dialog = page.get_by_role("dialog", name="Delete this conversation?")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(row).to_have_count(0)
    sidebar(page).get_by_role("button", name="Undo").click()
    expect(row).to_be_visible()
    expect(page).to_have_url(address)

    choose(page, title, "Delete")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(sidebar(page).get_by_role("button", name="Undo")).to_be_visible()
    expect(sidebar(page).get_by_role("button", name="Undo")).to_have_count(0)  # after a while, by itself
    page.goto(address)
    expect(page.get_by_text("This conversation does not exist, or it was deleted.")).to_be_visible(timeout=WAIT_MS)
