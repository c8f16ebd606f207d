"""What axe finds on every page, in both themes and on a phone's screen: nothing serious."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.conftest import SCALE
from tests.e2e.conftest import Simulated
from tests.e2e.reading import DESKTOP, PHONE, answered, copies, opened, send

pytestmark = pytest.mark.e2e

SERIOUS = ("serious", "critical")
VIEWS: list[tuple[tuple[int, int], Literal["light", "dark"]]] = [
    (DESKTOP, "light"),
    (PHONE, "dark"),
    (DESKTOP, "dark"),
    (PHONE, "light"),
]
"""The first; at full counts each size in each theme."""


def complaints(page: Page, place: str) -> list[str]:
    """What axe takes for serious, a line each."""
    found: dict[str, Any] = Axe().run(page).response
    return [
        f"{place}: {violation['id']}: {node['any'][0]['message'] if node['any'] else ''} {node['html'][:200]}"
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


def chat(page: Page) -> None:
    send(page, "Rivers")
    answered(page)


def compare(page: Page) -> None:
    """Without the local model's lane: what it writes is another each time."""
    page.get_by_role("radio", name="3 lanes").click()
    expect(page.locator('[class*="st-key-picker-"]')).to_have_count(3)
    send(page, "Rivers")
    expect(copies(page).first).to_be_visible()


def health(page: Page) -> None:
    latency = page.locator("[data-panel=latency]")
    latency.scroll_into_view_if_needed()
    latency.locator(".xtick").first.wait_for(state="attached")


def settled(page: Page) -> None:
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)


PAGES: dict[str, Callable[[Page], None]] = {
    "Chat": chat,
    "Compare": compare,
    "Health": health,
    "Prompt sets": settled,
    "Leaderboard": settled,
    "Settings": settled,
}


@pytest.mark.parametrize(("size", "scheme"), VIEWS if SCALE > 1 else VIEWS[:1], ids=str)
def test_axe_finds_nothing_serious(
    chromium: Browser, simulated: Simulated, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    """Every page as it is when it is used."""
    width, height = size
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
    page = opened(context, simulated.url)
    found = []
    for title, use in PAGES.items():
        page.goto(simulated.url + ("/" + title.lower().replace(" ", "_") if title != "Chat" else ""))
        page.get_by_role("heading", name=title, exact=True).wait_for()
        use(page)
        found += complaints(page, title)
    context.close()
    assert not found, "\n".join(found)
