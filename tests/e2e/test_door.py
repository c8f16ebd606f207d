"""The door and the dashboard side by side: a program's call is on Health as soon as its reader looks again."""

from __future__ import annotations

from functools import partial

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.conftest import Simulated
from tests.e2e.reading import WAIT_MS, unfold, until

pytestmark = pytest.mark.e2e

NAME = "nightly report"
MODEL = "any-words-5-of-september"
REFRESH_MS = 5_000
"""Health refreshes every other second; the rest is for a busy machine."""
_IN_SIGHT = """cell => {
    const [own, table] = [cell, cell.closest(".calls-scroll")].map((one) => one?.getBoundingClientRect());
    return own.width > 0 && own.right <= table?.right;
}"""


def _is_in_sight(cell: Locator) -> bool:
    """At once with where the table ends: a refresh may put another row in its place."""
    in_sight: bool = cell.evaluate(_IN_SIGHT)
    return in_sight


def made_key(page: Page, url: str) -> str:
    """Makes a key in Settings, as a person does, and reads its token."""
    page.goto(f"{url}/settings")
    unfold(page, "Make a key")
    page.get_by_label("Name", exact=True).and_(page.get_by_placeholder("my-program")).fill(NAME)
    page.get_by_role("button", name="Make key").click()
    dialog = page.get_by_role("dialog", name="Copy this token now")
    token = dialog.get_by_test_id("stCode").inner_text().strip()
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0)
    return token


def ask(url: str, token: str, model: str, *, stream: bool) -> None:
    """What any program made for OpenAI sends."""
    body = {"model": f"openai/{model}", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=WAIT_MS / 1000)
    assert answer.status_code == 200


def test_a_programs_call_is_on_health_within_a_refresh(simulated: Simulated, browser: BrowserContext) -> None:
    """With where it came from and the name of its key, in sight without scrolling sideways; nobody reloads the page."""
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    token = made_key(page, simulated.url)
    rows = page.locator("table.calls tbody tr")
    ask(simulated.url, token, f"{MODEL}-before", stream=False)
    page.goto(f"{simulated.url}/health?range=5m")
    expect(rows.filter(has_text=f"{MODEL}-before")).to_have_count(1)
    for stream, model in ((False, f"{MODEL}-whole"), (True, f"{MODEL}-stream")):
        ask(simulated.url, token, model, stream=stream)
        row = rows.filter(has_text=model)
        expect(row).to_have_count(1, timeout=REFRESH_MS)
        expect(row).to_contain_text("answered")
        source = row.get_by_role("cell", name=f"api · {NAME}", exact=True)
        until(page, partial(_is_in_sight, source), "the source stood in sight")
