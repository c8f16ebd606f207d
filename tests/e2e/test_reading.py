"""How an answer reads: its thinking folded, its source on demand, a diagram as its source."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import answered, opened, send

pytestmark = pytest.mark.e2e

SAYS = ("**Bold** words.", "\n\n```mermaid\ngraph TD;\nA-->B;\n```\n")


@pytest.fixture
def diagram(simulated: Simulated) -> Iterator[Simulated]:
    """An upstream that thinks, and answers with a diagram."""
    upstream = simulated.beside.upstream
    before, upstream.says = upstream.says, SAYS
    simulated.behave("thinking words-2")
    yield simulated
    upstream.says = before


def test_an_answer_is_read_as_text_and_as_it_was_written(diagram: Simulated, browser: BrowserContext) -> None:
    """And back; thinking is folded under how long it took, a diagram is code with a button to copy it."""
    page = opened(browser, diagram.url)
    send(page, "Draw something")
    answered(page)
    thread = page.locator(".st-key-thread")
    fold = thread.get_by_text(re.compile("^Thought for "))
    expect(fold).to_be_visible()
    expect(thread.get_by_text("let me see")).not_to_be_visible()
    fold.click()
    expect(thread.get_by_text("let me see")).to_be_visible()
    expect(thread.locator("strong")).to_have_text("Bold")
    code = thread.get_by_test_id("stCode")
    expect(code).to_contain_text("graph TD;")
    expect(thread.locator("svg[id^=mermaid]")).to_have_count(0)
    code.hover()
    expect(thread.get_by_role("button", name="Copy to clipboard")).to_be_visible()
    page.get_by_role("button", name="Raw", exact=True).click()
    expect(thread.get_by_test_id("stCode")).to_contain_text("**Bold** words.")
    expect(thread.get_by_test_id("stCode")).to_contain_text("```mermaid")
    page.get_by_role("button", name="Rendered", exact=True).click()
    expect(thread.locator("strong")).to_have_text("Bold")
    page.close()
