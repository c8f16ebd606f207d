"""What is said of the next message, in a browser: it follows what is typed."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import answered, box, choose, every_window, opened, send

pytestmark = pytest.mark.e2e


@every_window
def test_the_line_follows_what_is_typed(simulated: Simulated, browser: BrowserContext, size: tuple[int, int]) -> None:
    """Tokens and money grow with the draft, what will not fit is warned of, and once sent the draft is gone from it."""
    page = opened(browser, simulated.url)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    choose(page, "SmolLM2")
    line, warning = page.locator(".st-key-outlook"), page.get_by_text("This will not fit")
    box(page).fill("x" * 4_000)
    expect(line).to_contain_text("context ~1,000 of 2,048 tokens (48.8 %) · next answer free")
    expect(warning).to_have_count(0)
    box(page).press("End")
    box(page).press_sequentially("yyyyy", delay=30)
    expect(line).to_contain_text("context ~1,002 of")
    expect(box(page)).to_have_value("x" * 4_000 + "yyyyy")
    box(page).fill("x" * 8_000)
    expect(warning).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0]
    box(page).fill("")
    expect(warning).to_have_count(0)
    choose(page, "Anthropic")
    top = line.bounding_box()
    send(page, "😀" * 400)
    answered(page)
    expect(line).to_contain_text(" of 200,000 tokens (< 0.1 %) · next answer ~$0.000")
    assert line.bounding_box() == top
    expect(
        page.get_by_role("button", name="Fork", exact=True)
    ).to_be_visible()  # the page was drawn anew, with its menu
    page.locator(".st-key-conversation-menu button:visible").first.click()
    expect(page.get_by_text("1 answer · 7 → 12 tokens · $0.000067")).to_be_visible()
    page.close()
