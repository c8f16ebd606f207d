"""Thumbs and notes in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import answered, opened, send

pytestmark = pytest.mark.e2e


def test_feedback_is_shown_again_after_a_reload(simulated: Simulated, browser: BrowserContext) -> None:
    """A thumb, a note, then the other thumb; pressed once more it is taken back."""
    page = opened(browser, simulated.url)
    send(page, "Is this a good answer?")
    answered(page)
    thumbs = page.locator('[class*="st-key-feedback-"] button')
    expect(thumbs).to_have_count(2)
    thumbs.nth(1).click()
    page.get_by_role("button", name="Add a note").click()
    field = page.get_by_label("Why?")
    field.fill("It is wrong.")
    field.press("Control+Enter")
    expect(page.get_by_role("button", name="Note", exact=True)).to_be_visible()
    page.reload()
    answered(page)
    page.get_by_role("button", name="Note", exact=True).click()
    expect(page.get_by_label("Why?")).to_have_value("It is wrong.")
    page.keyboard.press("Escape")
    thumbs.nth(1).click()
    expect(page.get_by_role("button", name="Note", exact=True)).to_have_count(0)
    page.reload()
    answered(page)
    expect(page.get_by_role("button", name="Note", exact=True)).to_have_count(0)
    page.close()
