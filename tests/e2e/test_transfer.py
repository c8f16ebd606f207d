"""Conversations in and out in a browser: an export of another program brought in, and all of it taken out again."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import every_window, opened
from tests.transfer.files import chatgpt, chatgpt_node
from tests.transfer.test_file import zipped

pytestmark = pytest.mark.e2e


def bring(page: Page, data: bytes) -> None:
    field = page.get_by_test_id("stFileUploaderDropzoneInput")
    field.set_input_files({"name": "export.zip", "mimeType": "application/zip", "buffer": data})
    page.get_by_role("button", name="Import", exact=True).click()


@every_window
def test_an_export_comes_in_and_goes_out(simulated: Simulated, browser: BrowserContext, size: tuple[int, int]) -> None:
    """A zip of ChatGPT's, twice; then the conversation's files, and the file of all."""
    title = f"Imported at {size[0]}"
    told = chatgpt(
        chatgpt_node("u", "user", ["How long is the Rhine?"], "a"),
        chatgpt_node("a", "assistant", ["**1,233 km.** <b>Long.</b>"], model_slug="gpt-4o"),
        id=f"c-{size[0]}",
        title=title,
    )
    data = zipped(conversations_json=json.dumps([told]).encode())
    page = opened(browser, f"{simulated.url}/settings", "Settings", size)
    bring(page, data)
    expect(page.get_by_text("Imported 1 conversation with 2 messages.")).to_be_visible()
    bring(page, data)
    expect(page.get_by_text("The conversation of this file is here already. Nothing was changed.")).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0]
    with page.expect_download() as all_of_them:
        page.get_by_role("link", name="Export all as JSON").click()
    exported = json.loads(all_of_them.value.path().read_bytes())
    [chat] = [one for one in exported["conversations"] if one["title"] == title]
    page.close()

    page = opened(browser, f"{simulated.url}/?c={chat['id']}")
    expect(page.get_by_text("1,233 km.")).to_be_visible()
    page.locator(".st-key-conversation-menu button:visible").first.click()
    with page.expect_download() as alone:
        page.get_by_role("button", name="Export as JSON").click()
    assert json.loads(alone.value.path().read_bytes())["conversations"] == [chat]
    with page.expect_download() as drawn:
        page.get_by_role("button", name="Export as HTML").click()
    text = drawn.value.path().read_text(encoding="utf-8")
    assert "<strong>1,233 km.</strong> &lt;b&gt;Long.&lt;/b&gt;" in text
    page.close()

    page = browser.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.set_content(text)
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0]
    page.close()
