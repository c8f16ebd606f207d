"""An empty home, no key, no network: everything works on the model that comes along, and outlives a kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Browsing
from tests.e2e.offline import interfaces, loopback_only
from tests.e2e.reading import answered, opened, send, visit
from tests.serving import free_port, serving, streamlit_run

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", autouse=True)
def _alone(browsing: Browsing) -> Iterator[None]:
    """Server, model and browser of this module have loopback only, where the test may arrange that."""
    browsing.close()  # it is started again after the network is gone
    with loopback_only() as moved:
        assert not moved or interfaces() == ["lo"]
        yield
        browsing.close()


def test_a_first_visit_is_still_there_after_a_kill(tmp_path: Path, browser: BrowserContext) -> None:
    """Chat and Compare answer, Health shows those calls; after kill -9 and a restart all of it is there."""
    port = free_port()
    with serving(streamlit_run(port), port, tmp_path / "home") as served:
        page = opened(browser, served.url)
        send(page, "What is the capital of France?")
        answered(page)
        said = page.locator(".st-key-thread").inner_text()
        chat = page.url
        visit(page, "Compare")
        send(page, "Name three fruits.")
        answered(page, 2)
        page.get_by_role("button", name="Stop").wait_for(state="detached")
        comparison = page.url
        visit(page, "Health")
        health_shows(page, calls=3)
        page.close()
        served.process.kill()
        served.process.wait()
    with serving(streamlit_run(port), port, tmp_path / "home") as served:
        page = opened(browser, chat)
        answered(page)
        assert page.locator(".st-key-thread").inner_text() == said
        page.close()
        page = opened(browser, comparison, "Compare")
        answered(page, 2)
        expect(page.get_by_text("How they did")).to_be_visible()
        visit(page, "Health")
        health_shows(page, calls=3)
        page.close()  # or its next refresh finds no server


def health_shows(page: Page, calls: int) -> None:
    """The local model's card, three charts that are drawn, the table, and how many calls there were."""
    expect(page.get_by_text(f"· {calls} requests ·")).to_be_visible()
    expect(page.get_by_text("SmolLM2 (local)").first).to_be_visible()
    for chart in ("latency", "success", "cost"):
        panel = page.locator(f'[data-panel="{chart}"]')
        panel.scroll_into_view_if_needed()
        expect(panel.locator(".main-svg").first).to_be_visible()
    expect(page.locator("table.calls tbody tr")).to_have_count(calls)
