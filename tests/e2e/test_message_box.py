"""The message box in a browser: drafts stay where they were written, prompts come back, keys lead to it and away."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import PHONE, answered, box, choose, looked_after, opened, send, until, visit

pytestmark = pytest.mark.e2e


def kept(page: Page) -> dict[str, str]:
    """The drafts that the browser keeps, by place."""
    found: dict[str, str] = page.evaluate(
        """Object.fromEntries(Object.keys(localStorage).filter(key => key.startsWith("conductor.draft."))
             .map(key => [key.slice(16), JSON.parse(localStorage[key]).text]))"""
    )
    return found


def row(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebar").get_by_role("button", name=title, exact=True).click()


def test_a_draft_is_there_after_a_reload_and_gone_once_sent(simulated: Simulated, browser: BrowserContext) -> None:
    """Of a new chat and of one that was begun; in its own place only; nothing of it is told to the server's pages."""
    page = opened(browser, simulated.url)
    box(page).fill("Not yet\nsent 😀")
    page.reload()
    expect(box(page)).to_have_value("Not yet\nsent 😀")
    visit(page, "Compare")
    expect(box(page)).to_have_value("")
    looked_after(page)
    box(page).fill("For all lanes")
    visit(page, "Chat")
    expect(box(page)).to_have_value("Not yet\nsent 😀")
    choose(page, "OpenAI")
    box(page).press("Enter")
    answered(page)
    expect(box(page)).to_have_value("")
    assert kept(page) == {"compare:new": "For all lanes"}
    page.reload()
    answered(page)
    expect(box(page)).to_have_value("")
    visit(page, "Compare")
    expect(box(page)).to_have_value("For all lanes")
    page.close()


def test_each_conversation_keeps_its_own_draft(simulated: Simulated, browser: BrowserContext) -> None:
    """Going from one to the other and back; deleted, its draft is gone, too."""
    page = opened(browser, simulated.url)
    choose(page, "OpenAI")
    send(page, "Mountains of Asia")
    answered(page)
    box(page).fill("Which is the highest")
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_text("Ask anything")).to_be_visible()
    expect(box(page)).to_have_value("")
    send(page, "Deserts of Asia")
    answered(page)
    box(page).fill("Which is the driest")
    row(page, "Mountains of Asia")
    expect(box(page)).to_have_value("Which is the highest")
    row(page, "Deserts of Asia")
    expect(box(page)).to_have_value("Which is the driest")
    assert sorted(kept(page).values()) == ["Which is the driest", "Which is the highest"]
    page.locator(".st-key-conversation-menu button:visible").first.click()
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Ask anything")).to_be_visible()
    expect(box(page)).to_have_value("")
    assert list(kept(page).values()) == ["Which is the highest"]
    page.close()


def test_what_is_typed_while_a_chat_begins_stays_with_it(simulated: Simulated, browser: BrowserContext) -> None:
    """Between the first message and its answer; a new chat afterwards begins empty."""
    page = opened(browser, simulated.url)
    choose(page, "OpenAI")
    simulated.behave("words-30 gap-40")
    send(page, "Begin")
    box(page).press_sequentially("And then", delay=20)
    answered(page)
    expect(box(page)).to_have_value("And then")
    page.reload()
    answered(page)
    expect(box(page)).to_have_value("And then")
    page.keyboard.press("Control+Shift+O")
    expect(page.get_by_text("Ask anything")).to_be_visible()
    expect(box(page)).to_have_value("")
    page.close()


def test_what_is_typed_while_another_chat_opens_belongs_to_it(simulated: Simulated, browser: BrowserContext) -> None:
    """The one that was left keeps the draft it had."""
    page = opened(browser, simulated.url)
    send(page, "An old question")
    answered(page)
    box(page).fill("Half a thought")
    old = page.url
    page.get_by_role("button", name="New chat").click()
    box(page).press_sequentially(" and a new one", delay=5)
    expect(page.get_by_text("Ask anything")).to_be_visible()
    expect(box(page)).to_have_value(" and a new one")
    page.goto(old)
    answered(page)
    expect(box(page)).to_have_value("Half a thought")
    page.close()


def test_what_was_refused_is_given_back_once(simulated: Simulated, browser: BrowserContext) -> None:
    """It is a draft again, over a reload, too; sent at last it is gone."""
    page = opened(browser, simulated.url)
    choose(page, "OpenAI")
    simulated.behave("words-60 gap-40")
    send(page, "First")
    expect(page.locator(".st-key-stop")).to_be_visible()
    send(page, "Too early")
    expect(page.get_by_test_id("stAlert")).to_be_visible()
    expect(box(page)).to_have_value("Too early")
    until(page, lambda: "Too early" in (kept(page) | {"chat:new": ""}).values(), "it was the conversation's draft")
    page.reload()
    expect(box(page)).to_have_value("Too early")
    answered(page)
    simulated.behave("")
    box(page).press("Enter")
    answered(page, 2)
    page.reload()
    answered(page, 2)
    expect(box(page)).to_have_value("")
    assert kept(page) == {}
    page.close()


def test_drafts_are_bounded(simulated: Simulated, browser: BrowserContext) -> None:
    """In number, in age and in length; what is not ours in the browser's storage stays."""
    page = opened(browser, simulated.url)
    page.evaluate(
        """() => {
            const put = (place, at) =>
                localStorage.setItem("conductor.draft." + place, JSON.stringify({ text: "x", at }));
            for (let n = 0; n < 60; n += 1) put("chat:" + n, Date.now() - 1000 * (60 - n));
            put("chat:old", Date.now() - 31 * 24 * 3600 * 1000);
            localStorage.setItem("conductor.draft.broken", "{");
            localStorage.setItem("other", "stays");
        }"""
    )
    page.reload()
    looked_after(page)
    box(page).fill("The newest")
    expect(box(page)).to_have_value("The newest")
    found = kept(page)
    assert len(found) == 50
    assert (found["chat:new"], "chat:59" in found, "chat:10" in found) == ("The newest", True, False)
    assert page.evaluate("localStorage.getItem('other')") == "stays"
    box(page).fill("x" * 100_001)
    page.wait_for_function("!('conductor.draft.chat:new' in localStorage)")
    page.close()


def test_the_arrows_bring_back_what_was_sent(simulated: Simulated, browser: BrowserContext) -> None:
    """In the empty box only; changed, a prompt is a text of its own."""
    page = opened(browser, simulated.url)
    choose(page, "OpenAI")
    for count, text in enumerate(("One", "Two\nlines"), 1):
        send(page, text)
        answered(page, count)
    page.reload()
    answered(page, 2)
    field = box(looked_after(page))
    for key, expected in (
        ("ArrowUp", "Two\nlines"),
        ("ArrowUp", "One"),
        ("ArrowUp", "One"),
        ("ArrowDown", "Two\nlines"),
        ("ArrowDown", ""),
        ("ArrowUp", "Two\nlines"),
    ):
        field.press(key)
        expect(field).to_have_value(expected)
    field.press_sequentially("!")
    field.press("ArrowUp")
    expect(field).to_have_value("Two\nlines!")
    field.press("Enter")
    answered(page, 3)
    assert simulated.beside.upstream.last.body
    assert simulated.beside.upstream.last.body["messages"][-1]["content"] == "Two\nlines!"
    page.close()


def test_keys_lead_to_the_search_to_the_box_and_to_a_new_chat(simulated: Simulated, browser: BrowserContext) -> None:
    """On a phone the sidebar opens for the search; the list of keys says so."""
    page = opened(browser, simulated.url, size=PHONE)
    search = page.get_by_role("searchbox")

    def found() -> bool:
        page.keyboard.press("Control+k")
        return search.count() == 1

    until(page, found, "the keys were listened to")
    expect(search).to_be_focused()
    expect(search).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Keyboard").click()
    listed = page.locator(".keys-list")
    for words in ("Ctrl + K", "Search", "Ctrl + Shift + O", "New chat or comparison", "Esc", "Stop the answer"):
        expect(listed).to_contain_text(words)
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+Escape")
    expect(box(page)).to_be_focused()
    page.close()
