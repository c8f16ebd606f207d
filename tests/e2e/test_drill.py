"""A drill in a browser: one simulated provider is killed while AUTO is asked, and comes back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.reading import WAIT_MS, choose, copies, send, visit
from tests.serving import free_port, serving, streamlit_run

pytestmark = pytest.mark.e2e

MARK = "Drill: answers are simulated"
QUICK = {"CONDUCTOR_BREAKER_PAUSE": "8", "CONDUCTOR_RETRY_BASE": "0.01"}
"""A breaker that lets a call through again while the reader still watches."""
QUESTIONS = 8
"""AUTO now and then asks somebody else first, to learn how that one does."""


def test_one_is_killed_and_comes_back(browser: BrowserContext, tmp_path: Path) -> None:
    """The next answers are others', the thread and the receipt say why, Health counts down, one call closes it."""
    port = free_port()
    with serving(streamlit_run(port), port, tmp_path / "home", **QUICK) as served:
        page = _in_a_drill(browser, f"{served.url}/health")
        killed, asked = _favourite(page)
        _tell(page, killed, "failing")
        _ask_until_told(page, killed, asked)
        _is_passed_over(page, killed)
        _tell(page, killed, "as usual")
        _closed_by_one_call(page, killed)
        page.get_by_role("button", name="End the drill").click()
        expect(page.get_by_text("No calls yet.")).to_be_visible(timeout=WAIT_MS)
        expect(page.get_by_text(MARK)).to_have_count(0)
        page.close()  # or its next refresh finds no server


def _in_a_drill(browser: BrowserContext, health: str) -> Page:
    """From Health before any call, as somebody new would begin."""
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(health)
    page.get_by_role("button", name="Run a drill").click()
    page.get_by_role("heading", name="Chat", exact=True).wait_for()
    expect(page.get_by_text(MARK)).to_be_visible(timeout=WAIT_MS)
    return page


def _favourite(page: Page) -> tuple[str, int]:
    """Asks AUTO until it has tried everybody and stays with one; returns that one and how many answers there are."""
    answered = [_ask_one_that_answers(page, 1)]
    while len(answered) < 2 or answered[-1] != answered[-2]:
        assert answered[-1].startswith("Drill · ")
        assert len(answered) < QUESTIONS, answered
        answered.append(_ask_one_that_answers(page, len(answered) + 1))
    return answered[-1], len(answered)


def _ask_until_told(page: Page, killed: str, asked: int) -> None:
    """Asks AUTO until it tried the killed one; all the while others answer."""
    visit(page, "Chat")
    notice = page.get_by_text(re.compile(rf"^{killed} .+; answered by Drill · \w+\.$"))
    for count in range(asked + 1, asked + QUESTIONS):
        assert _ask_one_that_answers(page, count) != killed
        if notice.count():
            why, attempt = page.get_by_role("button", name="Why").last, page.get_by_text(f"Attempt 1: {killed}.")
            why.click()
            expect(attempt).to_be_visible()
            why.click()
            expect(attempt).not_to_be_visible()
            return
    raise AssertionError(f"AUTO never tried {killed}")


def _is_passed_over(page: Page, killed: str) -> None:
    """Asked by its name it fails as often as it may; then its card has the reason, and the seconds go down."""
    page.get_by_role("button", name="New chat").click()
    expect(_answers(page)).to_have_count(0, timeout=WAIT_MS)
    choose(page, killed)
    _ask(page, 1)
    visit(page, "Health")
    everything = page.locator("body")
    expect(everything).to_contain_text(f"{killed} open", timeout=WAIT_MS)
    expect(everything).to_contain_text(re.compile(r"lately: unavailable \(503\)\. Passed over for \d+ s\."))
    left = re.search(r"Passed over for (\d) s\.", everything.inner_text())
    assert left
    expect(everything).to_contain_text(re.compile(f"Passed over for [1-{int(left[1]) - 1}] s\\."), timeout=WAIT_MS)
    expect(everything).to_contain_text(f"{killed} recovering", timeout=WAIT_MS)


def _closed_by_one_call(page: Page, killed: str) -> None:
    visit(page, "Chat")
    assert _ask(page, 2) == killed
    visit(page, "Health")
    expect(page.locator("body")).to_contain_text(f"{killed} degraded", timeout=WAIT_MS)


def _ask(page: Page, count: int) -> str:
    """Asks, waits until that many answers stand, and returns who gave the last one."""
    send(page, "Who is there?")
    expect(_answers(page)).to_have_count(count, timeout=WAIT_MS)
    expect(page.locator(".st-key-stop")).to_have_count(0, timeout=WAIT_MS)
    return _answers(page).last.inner_text()


def _ask_one_that_answers(page: Page, count: int) -> str:
    """Stop is drawn after the thread, so that it may be yet to come: Copy is there once an answer has ended."""
    name = _ask(page, count)
    expect(copies(page)).to_have_count(count, timeout=WAIT_MS)
    return name


def _answers(page: Page) -> Locator:
    return page.locator(".st-key-thread .who b")


def _tell(page: Page, label: str, behaviour: str) -> None:
    """In Settings, makes a simulated provider do something from now on."""
    visit(page, "Settings")
    expect(page.get_by_text(MARK)).to_be_visible(timeout=WAIT_MS)
    control = page.locator(f".st-key-behaviour-drill_{label.removeprefix('Drill · ')}")
    control.get_by_role("radio", name=behaviour).click()
    expect(control.get_by_role("radio", name=behaviour)).to_be_checked(timeout=WAIT_MS)
