"""In a real browser: nothing an untrusted text says is fetched, run or drawn as ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request

from conductor_core.answers import Answer, AttachedFile, Exchange, Merge, Transcript
from conductor_core.kinds import LaneState, MergeKind
from conductor_core.store.records import Attachment, Conversation
from conductor_core.turns import LaneSetup
from dashboard.conversation_page import page
from tests.e2e.nasty_texts import texts
from tests.files import PNG
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
def _page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context() as profile:
        yield profile.new_page()


def test_the_beacon_counts(chromium: Browser) -> None:
    """A plain image on a page without our headers reaches it, so a count of nothing means something."""
    with _beacon() as (host, asked), _page(chromium) as page:
        page.set_content(f'<img src="{host}/control.png">')
        page.wait_for_load_state("networkidle")
        assert asked == ["/control.png"]


def test_nothing_is_fetched_and_nothing_runs(tmp_path: Path, chromium: Browser) -> None:
    """Images, HTML, styles, TeX and labels in ten widgets: no request leaves, no dialog opens, no icon is drawn."""
    port = free_port()
    command = streamlit_run(port, app="tests/e2e/nasty_app.py")
    with _beacon() as (host, asked), serving(command, port, tmp_path / "home", BEACON=host) as served:
        with _page(chromium) as page:
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


def _export(host: str) -> str:
    """A comparison with everything nasty in its title, prompt, answers and a merge, and with a picture."""
    nasty = texts(host)
    answers = [
        Answer(f"a{lane}", lane, "auto", label, LaneState.DONE, "\n\n".join(nasty), thinking=nasty[4], latency_ms=1.0)
        for lane, label in enumerate(nasty[:2])
    ]
    merge = Answer("m", 1000, "auto", "", LaneState.DONE, nasty[4], merge=Merge(MergeKind.FUSE, "\n".join(nasty[:20])))
    picture = AttachedFile("f", nasty[4], "image/png", len(PNG))
    exchange = Exchange(0, "\n\n".join(nasty), "p", 0, tuple(answers), files=(picture,), merges=(merge,))
    settings = {"lanes": [LaneSetup().model_dump()] * 2}
    transcript = Transcript(Conversation("c", "compare", nasty[4], settings, 0, 0), (exchange,))
    file = Attachment("f", "c", picture.name, "image/png", PNG)
    return "".join(page([transcript], nasty[4], lambda _: file))


def test_an_exported_page_fetches_and_runs_nothing(tmp_path: Path, chromium: Browser) -> None:
    """Opened from the disk: no request leaves, its picture is in it, and its policy lets in its own style alone."""
    with _beacon() as (host, asked), _page(chromium) as opened:
        exported = tmp_path / "export.html"
        exported.write_text(_export(host), encoding="utf-8")
        told: list[str] = []

        def note(request: Request) -> None:
            if not request.url.startswith(("file:", "data:")):
                told.append(request.url)

        opened.on("dialog", lambda dialog: told.append(dialog.message))
        opened.on("console", lambda message: told.append(message.text))
        opened.on("request", note)
        opened.goto(exported.as_uri())
        opened.wait_for_load_state("networkidle")
        grounds = set()
        for scheme in ("light", "dark"):
            opened.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            grounds.add(opened.locator("pre").first.evaluate("one => getComputedStyle(one).backgroundColor"))
        picture = opened.locator("img")
        assert picture.evaluate_all("all => all.map(one => one.naturalWidth)") == [1]
        links = [link.get_attribute("href") for link in opened.locator("a[href]").all()]
    assert (asked, told) == ([], [])
    assert grounds == {"rgb(244, 245, 248)", "rgb(30, 32, 40)"}
    assert all(str(link).startswith(("http://", "https://", "mailto:")) for link in links)


def _is_elsewhere(url: str, port: int) -> bool:
    return not url.startswith((f"http://127.0.0.1:{port}/", f"ws://127.0.0.1:{port}/", "data:", "blob:"))


def test_the_login_form_in_a_browser(tmp_path: Path, chromium: Browser) -> None:
    """A person logs in with the form, the page and its WebSocket work, and logging out asks again."""
    port = free_port()
    command = streamlit_run(port, app="tests/e2e/nasty_app.py")
    variables = {"CONDUCTOR_PASSWORD": "open sesame", "BEACON": "http://127.0.0.1:9"}
    with serving(command, port, tmp_path / "home", **variables) as served, _page(chromium) as page:
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
