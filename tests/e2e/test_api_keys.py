"""API keys in a browser: shown once, copied, used by their hash only, and taken back."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from hashlib import sha256

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import every_window, opened, unfold, until

pytestmark = pytest.mark.e2e

TOKEN = re.compile(r"sk-cond-[\w-]{43}")


def copied(page: Page) -> str:
    """Takes the token out of the dialog by its copy button and closes it."""
    dialog = page.get_by_role("dialog", name="Copy this token now")
    box = dialog.get_by_test_id("stCode")
    expect(box).to_contain_text(TOKEN)
    box.hover()
    box.get_by_role("button", name="Copy to clipboard").click()
    token = str(page.evaluate("navigator.clipboard.readText()"))
    assert TOKEN.fullmatch(token)
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0)
    expect(page.locator("body")).not_to_contain_text(token)
    return token


def revoked_at(simulated: Simulated, token: str) -> list[tuple[int | None]]:
    """What the server's database says of the key with this token."""
    file = simulated.served.log.parent / "home" / "conductor.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        digest = sha256(token.encode()).hexdigest()
        return database.execute("SELECT revoked_at FROM api_keys WHERE digest = ?", (digest,)).fetchall()


@every_window
def test_a_key_is_made_copied_and_revoked(simulated: Simulated, browser: BrowserContext, size: tuple[int, int]) -> None:
    """Its token is on the page once, in the database as a hash, and in the log never."""
    browser.grant_permissions(["clipboard-read", "clipboard-write"])
    name = f"program of {size[0]}"
    page = opened(browser, f"{simulated.url}/settings", "Settings", size)
    unfold(page, "Make a key")
    page.get_by_label("Name", exact=True).and_(page.get_by_placeholder("my-program")).fill(name)
    page.get_by_role("button", name="Make key").click()
    token = copied(page)
    assert revoked_at(simulated, token) == [(None,)]
    page.reload()
    card = page.locator('[class*="st-key-api-key-"]').filter(has_text=name)
    expect(card).to_contain_text(f"{token[:12]}… · chat, read")
    expect(card).to_contain_text("600 requests a minute")
    expect(card).to_contain_text("not used yet")
    expect(page.locator("body")).not_to_contain_text(token)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0]

    page.get_by_text("Use a key", exact=True).click()
    expect(page.get_by_text("From a shell:")).to_be_visible()
    card.get_by_role("button", name="Revoke …").click()
    question = page.get_by_role("dialog", name="Revoke this key?")
    expect(question).to_contain_text(name)
    question.get_by_role("button", name="Revoke", exact=True).click()
    expect(card).to_have_count(0)
    page.get_by_text(re.compile(r"Revoked and expired")).wait_for()
    expect(page.get_by_text("From a shell:")).to_be_visible()  # what was open stays open, though the page grew
    until(page, lambda: revoked_at(simulated, token)[0][0] is not None, "the key is revoked")
    page.get_by_text(re.compile(r"Revoked and expired \(\d+\)")).click()
    expect(page.locator(".st-key-over-keys")).to_contain_text(f"{name} · {token[:12]}… · revoked ")
    assert token not in simulated.served.log.read_text()
