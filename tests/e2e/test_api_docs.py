"""The API's documentation in a browser: drawn from this machine alone, and good enough to try the API with."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Request, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import WAIT_MS

pytestmark = pytest.mark.e2e


def test_it_is_drawn_and_tried_without_anything_from_elsewhere(
    simulated: Simulated, browser: BrowserContext, faults: list[str]
) -> None:
    """Every route is there; a request that is tried goes out with the key that was entered, and is answered."""
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    page.goto(f"{simulated.url}/api/docs")
    expect(page.get_by_text("/api/providers/{name}", exact=True)).to_be_visible()
    expect(page.get_by_text("/v1/chat/completions", exact=True)).to_be_visible()
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("auth-bearer-value").fill("sk-cond-nobodys-0123456789")
    page.get_by_role("button", name="Apply credentials").first.click()
    page.get_by_role("button", name="Close").first.click()
    page.locator("#operations-status-status_api_status_get").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.get_by_text("invalid_api_key").first).to_be_visible()
    tried = next(request for request in asked if request.url.endswith("/api/status"))
    assert tried.headers["authorization"] == "Bearer sk-cond-nobodys-0123456789"
    [refused] = faults
    assert "401" in refused
    faults.clear()
    assert {request.url.partition("/api/")[0] for request in asked if not request.url.startswith("data:")} == {
        simulated.url
    }
