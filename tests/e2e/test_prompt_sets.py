"""A prompt set in a browser: uploaded, run, watched, read cell by cell, downloaded, and gone on with after a kill."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.beside import upstream_beside
from tests.e2e.conftest import Simulated
from tests.e2e.reading import WAIT_MS, until
from tests.installation import KEY
from tests.serving import free_port, serving, streamlit_run

pytestmark = pytest.mark.e2e

FIRST_IN_EXCEL = "\ufeffPrompt;Expected;Tags\r\n"


def opened(browser: BrowserContext, url: str) -> Page:
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(url)
    page.get_by_role("heading", name="Prompt sets", exact=True).wait_for()
    return page


def upload(page: Page, path: Path) -> None:
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(path)


def lanes(page: Page, count: str) -> None:
    page.get_by_role("radio", name=count).click()
    expect(page.locator('[class*="st-key-picker-set-"]')).to_have_count(int(count[0]))


def test_a_set_is_uploaded_run_and_read(simulated: Simulated, browser: BrowserContext, tmp_path: Path) -> None:
    """Its progress is drawn while it runs; a cell opens by keyboard while others still run, and stays open."""
    file = tmp_path / "quiz.csv"
    lines = "".join(
        f"Question {at};{'Köln' if at % 2 else 'Paris'};{'odd' if at % 2 else 'even'}\r\n" for at in range(30)
    )
    file.write_text(FIRST_IN_EXCEL + lines, encoding="utf-8")
    page = opened(browser, f"{simulated.url}/prompt_sets")
    upload(page, file)
    expect(page.get_by_text("quiz.csv · 30 prompts")).to_be_visible()
    lanes(page, "2 lanes")
    simulated.behave("words-6 gap-60")
    page.get_by_role("button", name="Ask 30 prompts of 2 lanes").click()
    expect(page.get_by_test_id("stProgress")).to_contain_text("left")
    expect(page).to_have_url(re.compile(r"/prompt_sets\?run=[0-9a-f]{32}$"))
    first = page.locator('[data-place="1-1"]')
    expect(first).to_contain_text("✗ fail")
    first.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Grüße aus Köln")
    expect(dialog).to_contain_text("The expected text is not in it.")
    simulated.behave("")
    page.wait_for_timeout(1500)  # the page behind it is drawn anew meanwhile
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    expect(page.get_by_text("60 of 60")).to_be_visible()
    expect(page.get_by_text("50.0 %").first).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    expect(page.locator(".cells-cell")).to_have_count(50)
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".cells-cell")).to_have_count(10)
    page.get_by_text("Failed only").click()
    expect(page.locator(".cells-cell")).to_have_count(30)
    with page.expect_download() as download:
        page.locator(".calls-button", has_text="CSV").click()
    text = download.value.path().read_text()
    assert download.value.suggested_filename == "quiz.csv"
    assert text.count("✗") == 0
    assert text.count(",fail,") == 30
    page.close()


def test_a_run_goes_on_after_kill_9(browser: BrowserContext, tmp_path: Path) -> None:
    """After the restart its page says what was cut off and what that may cost, and Resume brings it to its end."""
    home, port = tmp_path / "home", free_port()
    with upstream_beside() as beside:
        variables = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{beside.upstream.url}/v1"}
        beside.upstream.behaviour = "words-10 gap-30"
        with serving(streamlit_run(port), port, home, **variables) as served:
            page = opened(browser, f"{served.url}/prompt_sets")
            page.get_by_role("tab", name="Paste").click()
            page.get_by_label("Prompts as CSV or JSON lines").fill(
                "prompt\n" + "".join(f"Say {at}\n" for at in range(24))
            )
            page.get_by_role("button", name="Read these prompts").click()
            lanes(page, "1 lane")
            page.locator('[class*="st-key-picker-set-"]').get_by_role("combobox").first.click()
            page.get_by_role("option", name="OpenAI").click()
            page.get_by_role("button", name="Ask 24 prompts of 1 lane").click()
            until(page, lambda: len(beside.upstream.requests) > 8, "the run begins")
            address = page.url
            page.close()
            served.process.kill()
            served.process.wait()
        beside.upstream.behaviour = ""
        with serving(streamlit_run(port), port, home, **variables):
            page = opened(browser, address)
            expect(page.get_by_text("cut off when Conductor ended. Resuming asks them again")).to_be_visible()
            page.get_by_role("button", name="Resume").click()
            expect(page.get_by_text("24 of 24")).to_be_visible()
            expect(page.get_by_text("these may have been billed twice")).to_be_visible()
            asked = [one.body["messages"][-1]["content"] for one in beside.upstream.requests if one.body]
            assert set(asked) == {f"Say {at}" for at in range(24)}
            assert len(asked) - 24 <= 4
            page.close()
