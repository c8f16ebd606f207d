"""A real browser at the real server. Run in a pytest process of their own: Playwright keeps a loop of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, expect, sync_playwright

from scripts.browser import executable, launch_arguments
from tests.beside import Beside, upstream_beside
from tests.e2e.reading import WAIT_MS
from tests.installation import KEY
from tests.serving import Served, free_port, serving, streamlit_run

expect.set_options(timeout=WAIT_MS)

_STREAMLITS_OWN = ("/_stcore/health", "/_stcore/host-config")
"""Asked for below the page's path on a deep link before the right place is found; each is a 404 in the console."""


@dataclass(slots=True)
class Simulated:
    """A server whose Gemini, OpenAI and Anthropic are the tests' upstream."""

    served: Served
    beside: Beside

    @property
    def url(self) -> str:
        return self.served.url

    def behave(self, words: str) -> None:
        self.beside.upstream.behaviour = words


@pytest.fixture(scope="session")
def _simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    home = tmp_path_factory.mktemp("simulated") / "home"
    port = free_port()
    with upstream_beside() as beside:
        url = beside.upstream.url
        vendors = {"OPENAI": f"{url}/v1", "ANTHROPIC": url, "GEMINI": url}
        keys = {f"{name}_API_KEY": KEY for name in vendors}
        addresses = {f"{name}_BASE_URL": address for name, address in vendors.items()}
        with serving(streamlit_run(port), port, home, **keys, **addresses) as served:
            yield Simulated(served, beside)


@pytest.fixture
def simulated(_simulated: Simulated) -> Simulated:
    """One server for all tests that need it; its upstream behaves well unless the test says otherwise."""
    _simulated.behave("")
    return _simulated


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=launch_arguments())
        yield browser
        browser.close()


@pytest.fixture
def faults() -> list[str]:
    """What went wrong in the browser; a test that provokes a fault empties it."""
    return []


@pytest.fixture
def browser(chromium: Browser, faults: list[str]) -> Iterator[BrowserContext]:
    """A fresh profile at 1280 × 800; the test fails on any console error, page error or request off this machine."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.on("console", lambda message: faults.extend(_complaint(message)))
    context.on("weberror", lambda error: faults.append(f"page error: {error.error}"))
    context.on("request", lambda request: faults.extend(_outside(request.url)))
    yield context
    context.close()
    assert not faults


def _complaint(message: ConsoleMessage) -> list[str]:
    own = urlsplit(message.location.get("url", "")).path.endswith(_STREAMLITS_OWN)
    return [f"console: {message.text}"] if message.type == "error" and not own else []


def _outside(url: str) -> list[str]:
    parts = urlsplit(url)
    inside = parts.scheme in ("data", "blob", "about") or parts.hostname == "127.0.0.1"
    return [] if inside else [f"request to {url}"]
