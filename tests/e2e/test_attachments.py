"""Files in a browser: put beside a message, sent, shown, and kept when a message is refused."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from playwright.sync_api import BrowserContext, FilePayload, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import answered, box, choose, opened
from tests.files import PNG

pytestmark = pytest.mark.e2e

PICTURE: FilePayload = {"name": "pixel.png", "mimeType": "image/png", "buffer": PNG}
PROGRAM: FilePayload = {"name": "setup.txt", "mimeType": "text/plain", "buffer": b"MZ\x90\x00\x03\xff"}
NOTES: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Rivers run"}


def test_a_picture_and_a_text_go_with_a_message(simulated: Simulated, browser: BrowserContext) -> None:
    """They reach the model and stand in the thread; what can't be taken is told by name, and the text stays."""
    page = opened(browser, simulated.url)
    choose(page, "OpenAI")
    page.locator("input[type=file]").first.set_input_files([PROGRAM])
    expect(page.get_by_text("setup.txt")).to_be_visible()
    box(page).fill("What is this?")
    submit = page.get_by_test_id("stChatInputSubmitButton")
    expect(submit).to_be_enabled()  # once it is uploaded
    submit.click()
    expect(page.get_by_text("setup.txt is neither a text nor an image", exact=False)).to_be_visible()
    expect(box(page)).to_have_value("What is this?")
    page.locator("input[type=file]").first.set_input_files([PICTURE, NOTES])
    expect(page.get_by_text("notes.txt")).to_be_visible()
    expect(submit).to_be_enabled()
    submit.click()
    answered(page)
    sent = json.dumps(simulated.beside.upstream.last.body)
    assert b64encode(PNG).decode() in sent
    assert "Rivers run" in sent
    shown = page.locator(".attached")
    expect(shown.get_by_role("img", name="pixel.png")).to_be_visible()
    width = shown.get_by_role("img", name="pixel.png").evaluate(
        "image => image.decode().then(() => image.naturalWidth)"
    )
    assert width == 1
    with page.expect_download() as download:
        shown.get_by_role("link", name="notes.txt").click()
    assert download.value.path().read_bytes() == b"Rivers run"
    page.close()
