"""A drill in a browser: one simulated provider is killed while AUTO is asked, and comes back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.serving import free_port, serving, streamlit_run

pytestmark = pytest.mark.e2e

CHROMIUM = "/usr/bin/chromium"
WAIT_MS = 30_000
MARK = "Drill: answers are simulated"
QUICK = {"CONDUCTOR_BREAKER_PAUSE": "4", "CONDUCTOR_RETRY_BASE": "0.01"}
"""A breaker that lets a call through again while the reader still watches."""


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A tab at an installation nobody has used yet."""
    port = free_port()
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with serving(streamlit_run(port), port, tmp_path / "home", **QUICK) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        opened = browser.new_page(viewport={"width": 1280, "height": 800})
        opened.set_default_timeout(WAIT_MS)
        opened.goto(f"{served.url}/health")
        yield opened
        browser.close()
        assert "page_failed" not in served.log.read_text()


def visit(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
    page.get_by_role("heading", name=title, exact=True).wait_for()
    expect(page.get_by_text(MARK)).to_be_visible()


def ask(page: Page, count: int) -> str:
    """Asks, waits until that many answers stand, and returns who gave the last one."""
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill("Who is there?")
    box.press("Enter")
    expect(answers(page)).to_have_count(count, timeout=WAIT_MS)
    expect(page.locator(".st-key-stop")).to_have_count(0, timeout=WAIT_MS)
    return answers(page).last.inner_text()


def answers(page: Page) -> Locator:
    return page.locator(".st-key-thread .who b")


def choose(page: Page, label: str) -> None:
    picker = page.locator('[class*="st-key-picker-"]').get_by_role("combobox").first
    picker.click()
    page.get_by_role("option", name=label).click()
    expect(picker).to_have_value(re.compile(re.escape(label)))


def tell(page: Page, label: str, behaviour: str) -> None:
    """In Settings, makes a simulated provider do something from now on."""
    visit(page, "Settings")
    control = page.locator(f".st-key-behaviour-drill_{label.removeprefix('Drill · ')}")
    control.get_by_role("radio", name=behaviour).click()
    expect(control.get_by_role("radio", name=behaviour)).to_be_checked()


def test_one_is_killed_and_comes_back(page: Page) -> None:
    """Another answers, Health shows the reason and counts down, and one call closes the breaker."""
    page.get_by_role("button", name="Run a drill").click()
    page.get_by_role("heading", name="Chat", exact=True).wait_for()
    expect(page.get_by_text(MARK)).to_be_visible()
    killed = ask(page, 1)
    assert killed.startswith("Drill · ")

    tell(page, killed, "failing")
    visit(page, "Chat")
    assert ask(page, 2) != killed
    choose(page, killed)
    ask(page, 3)
    expect(page.locator(".st-key-thread")).to_contain_text("not available right now (503)")

    visit(page, "Health")
    expect(page.locator("body")).to_contain_text(f"{killed} open")
    expect(page.locator("body")).to_contain_text(re.compile(r"lately: unavailable \(503\)\. Passed over for \d+ s\."))
    expect(page.locator("body")).to_contain_text(f"{killed} recovering", timeout=WAIT_MS)

    tell(page, killed, "as usual")
    visit(page, "Chat")
    assert ask(page, 4) == killed
    visit(page, "Health")
    expect(page.locator("body")).to_contain_text(f"{killed} degraded")

    page.get_by_role("button", name="End the drill").click()
    expect(page.get_by_text("No calls yet.")).to_be_visible()
    expect(page.get_by_text(MARK)).to_have_count(0)
