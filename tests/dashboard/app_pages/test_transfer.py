"""Conversations out of the pages and into them."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from conductor_core.transfer.moving import Report
from dashboard.components.transfer_settings import left_out, words
from tests.dashboard.app_pages.pages import Install, checked, opened
from tests.dashboard.app_pages.pages import words as written
from tests.dashboard.app_pages.test_history import chat, listed
from tests.transfer.files import chatgpt, chatgpt_node

STAY = "3 of the file were here already and stay as they are."
EXPORT = json.dumps([chatgpt(chatgpt_node("u", "user", ["How long is the Rhine?"]))]).encode()


def bring(page: AppTest, data: bytes, name: str = "conversations.json") -> AppTest:
    page.file_uploader[0].upload(name, data, "application/json").run()
    page.button(key="import").click().run()
    return checked(page, "settings")


def test_a_file_is_imported_and_told(install: Install) -> None:
    """Then it is in the list; the same file again says that it is there."""
    install()
    page = bring(opened("settings"), EXPORT)
    assert page.success[0].value == "Imported 1 conversation with 1 message."
    assert listed(opened("chat")) == ["Rivers"]
    assert bring(page, EXPORT).success[0].value == (
        "The conversation of this file is here already. Nothing was changed."
    )


def test_a_refused_file_says_why(install: Install) -> None:
    """And nothing was imported."""
    install()
    page = bring(opened("settings"), b'[{"no": "conversation"}]')
    assert page.error[0].value.startswith("Nothing was imported. conversations.0: is no conversation")
    assert not page.success
    assert listed(opened("chat")) == []


def test_a_conversation_has_its_exports(install: Install) -> None:
    """Three formats in its menu; all of them in Settings, as links."""
    conductor = install()
    page = opened("chat", c=chat(conductor, "Rivers", "How long?"))
    assert {one.key for one in page.download_button} == {"export", "export-html", "export-json"}
    assert 'href="/download/conversations.json"' in written(opened("settings"))


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (Report(2, 30, 0, {}), "Imported 2 conversations with 30 messages."),
        (Report(1, 1, 3, {}), f"Imported 1 conversation with 1 message. {STAY}"),
        (Report(1, 2, 0, {}, 1), "Imported 1 conversation with 2 messages and 1 file."),
        (Report(0, 0, 1_200, {}), "All 1,200 conversations of this file are here already. Nothing was changed."),
        (Report(0, 0, 0, {}), "There is no conversation in this file."),
    ],
)
def test_a_report_in_words(report: Report, said: str) -> None:
    """What came, what was there."""
    assert words(report) == said


def test_what_was_left_out_in_words() -> None:
    """Nothing is said where nothing was."""
    assert left_out(Report(1, 1, 0, {})) == ""
    assert left_out(Report(1, 1, 0, {"images": 3, "attached files": 1})) == (
        "Left out: attached files (1), images (3)."
    )
