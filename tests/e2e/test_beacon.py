"""In a real browser: nothing an untrusted text says is fetched, run or drawn as ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, Request, sync_playwright

from scripts.browser import executable, launch_arguments
from tests.serving import free_port, serving, streamlit_run

pytestmark = pytest.mark.e2e


@contextmanager
def _beacon() -> Iterator[tuple[str, list[str]]]:
    """A server that notes every path it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=launch_arguments())
        try:
            yield browser.new_page()
        finally:
            browser.close()


def test_the_beacon_counts() -> None:
    """A plain image on a page without our headers reaches it, so a count of nothing means something."""
    with _beacon() as (host, asked), _browser_page() as page:
        page.set_content(f'<img src="{host}/control.png">')
        page.wait_for_load_state("networkidle")
        assert asked == ["/control.png"]


def test_nothing_is_fetched_and_nothing_runs(tmp_path: Path) -> None:
    """Images, HTML, styles, TeX and labels in ten widgets: no request leaves, no dialog opens, no icon is drawn."""
    port = free_port()
    command = streamlit_run(port, app="tests/e2e/nasty_app.py")
    with _beacon() as (host, asked), serving(command, port, tmp_path / "home", BEACON=host) as served:
        with _browser_page() as page:
            dialogs: list[str] = []
            elsewhere: list[str] = []

            def dismiss(dialog: Dialog) -> None:
                dialogs.append(dialog.message)
                dialog.dismiss()

            def note(request: Request) -> None:
                if _is_elsewhere(request.url, port):
                    elsewhere.append(request.url)

            page.on("dialog", dismiss)
            page.on("request", note)
            page.goto(served.url)
            page.get_by_text("drawn to the end").wait_for(timeout=30_000)
            page.wait_for_load_state("networkidle")
            drawn = page.locator("[data-testid=stMainBlockContainer]")
            words = drawn.inner_text()
            images = drawn.locator("img").count()
            icons = drawn.locator("[role=img]").count()
            links = [link.get_attribute("href") for link in drawn.locator("a[href]").all()]
        log = served.log.read_text()
    assert (asked, dialogs, elsewhere) == ([], [], [])
    assert (images, icons) == (0, 0)
    assert "image “inline” from 127.0.0.1" in words
    assert "std::vector[int]" in words
    assert "from $5 to $10" in words
    assert ":red[Session expired]" in words
    assert all(str(link).startswith(("http://", "https://", "mailto:", "#")) for link in links)
    assert "page_failed" not in log


def _is_elsewhere(url: str, port: int) -> bool:
    return not url.startswith((f"http://127.0.0.1:{port}/", f"ws://127.0.0.1:{port}/", "data:", "blob:"))


def test_the_login_form_in_a_browser(tmp_path: Path) -> None:
    """A person logs in with the form, the page and its WebSocket work, and logging out asks again."""
    port = free_port()
    command = streamlit_run(port, app="tests/e2e/nasty_app.py")
    variables = {"CONDUCTOR_PASSWORD": "open sesame", "BEACON": "http://127.0.0.1:9"}
    with serving(command, port, tmp_path / "home", **variables) as served, _browser_page() as page:
        page.goto(f"{served.url}/?x=1")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("alert").wait_for()
        page.get_by_label("Password").fill("open sesame")
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("drawn to the end").wait_for(timeout=30_000)
        assert page.url == f"{served.url}/?x=1"
        page.goto(f"{served.url}/logout")
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Password").wait_for()
