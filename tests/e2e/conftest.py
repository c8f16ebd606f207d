"""A real browser at the real server. Run in a pytest process of their own: Playwright keeps a loop of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

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


class Browsing:
    """The system's Chromium and one profile for all tests of a process, so that what pages load is compiled once.

    A page opened in a fresh profile takes three times the processor, and one in a fresh process twice: a page that
    stays open keeps the process that all others are drawn in.
    """

    def __init__(self) -> None:
        self._running = ExitStack()
        self._chromium: Browser | None = None
        self._staying: Page | None = None

    @property
    def chromium(self) -> Browser:
        """Started when it is first wanted."""
        if self._chromium is None:
            playwright = self._running.enter_context(sync_playwright())
            arguments = [*launch_arguments(), "--process-per-site"]
            self._chromium = playwright.chromium.launch(executable_path=executable(), args=arguments)
            self._running.callback(self._chromium.close)
        return self._chromium

    @property
    def profile(self) -> BrowserContext:
        """At 1280 × 800."""
        return self._page_that_stays().context

    def forget(self, origins: Collection[str]) -> None:
        """Closes every page but the one that stays, and leaves nothing of these sites in the profile."""
        staying = self._page_that_stays()
        for page in self.profile.pages:
            if page is not staying:
                page.close()
        self.profile.clear_cookies()
        self.profile.clear_permissions()
        devtools = self.profile.new_cdp_session(staying)
        for origin in origins:
            devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage"})
        devtools.detach()

    def _page_that_stays(self) -> Page:
        """An empty one of the site that all servers of the tests are: their ports make no difference."""
        if self._staying is None:
            self._staying = self.chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
            self._staying.route("**/*", lambda route: route.fulfill(body=""))
            self._staying.goto("http://127.0.0.1/")
        return self._staying

    def close(self) -> None:
        """Ends it; it is started again when it is wanted again."""
        self._running.close()
        self._chromium = self._staying = None


@pytest.fixture(scope="session")
def browsing() -> Iterator[Browsing]:
    """The browser of this process."""
    found = Browsing()
    yield found
    found.close()


@pytest.fixture
def chromium(browsing: Browsing) -> Browser:
    """For tests that want profiles of their own."""
    return browsing.chromium


@pytest.fixture
def faults() -> list[str]:
    """What went wrong in the browser; a test that provokes a fault empties it."""
    return []


@pytest.fixture
def browser(browsing: Browsing, faults: list[str]) -> Iterator[BrowserContext]:
    """An empty profile at 1280 × 800; the test fails on any console error, page error or request off this machine."""
    origins = set[str]()

    def asked(request: Request) -> None:
        faults.extend(_outside(request.url))
        parts = urlsplit(request.url)
        origins.add(f"{parts.scheme}://{parts.netloc}")

    profile = browsing.profile
    listeners = {
        "console": lambda message: faults.extend(_complaint(message)),
        "weberror": lambda error: faults.append(f"page error: {error.error}"),
        "request": asked,
    }
    for event, listener in listeners.items():
        profile.on(event, listener)  # type: ignore[call-overload] # each to its own event
    yield profile
    browsing.forget(origins)
    for event, listener in listeners.items():
        profile.remove_listener(event, listener)
    assert not faults


def _complaint(message: ConsoleMessage) -> list[str]:
    own = urlsplit(message.location.get("url", "")).path.endswith(_STREAMLITS_OWN)
    return [f"console: {message.text}"] if message.type == "error" and not own else []


def _outside(url: str) -> list[str]:
    parts = urlsplit(url)
    inside = parts.scheme in ("data", "blob", "about") or parts.hostname == "127.0.0.1"
    return [] if inside else [f"request to {url}"]
