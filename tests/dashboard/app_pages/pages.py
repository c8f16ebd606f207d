"""A page as its reader meets it: opened in the frame, used, and read back as words."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from conductor_core.conductor import Conductor
from dashboard import runtime, state

Install = Callable[..., Conductor]
"""The fixture that opens an installation behind the pages' door."""

MAIN = Path(__file__).parents[3] / "dashboard" / "main.py"


def opened(page: str, compare: state.CompareState | None = None, /, **parameters: str) -> AppTest:
    """The page (`chat`, `compare`), opened with these parameters in its address, or in a tab with this state."""
    test = AppTest.from_file(str(MAIN), default_timeout=30)
    if compare:
        test.session_state["_compare"] = compare
    test.run()
    for name, value in parameters.items():
        test.query_params[name] = value
    test.switch_page(f"app_pages/{page}.py").run()
    return checked(test, page)


def checked(test: AppTest, page: str) -> AppTest:
    """The page, provided that it is the one meant and nothing broke on it."""
    assert [heading.value for heading in test.header] == [page.replace("_", " ").capitalize()]
    assert not test.exception
    return test


def send(test: AppTest, text: str, key: str = "prompt") -> AppTest:
    """Types a prompt and sends it; the answers may still be running."""
    test.chat_input(key=key).set_value(text).run()
    assert not test.exception
    return test


def answered(test: AppTest) -> AppTest:
    """Waits until nothing runs, and draws the page once more."""
    conversations = runtime.get_conductor().conversations
    turn = conversations.turn(conversation_of(test))
    if turn:
        runtime.run(turn.wait())
    test.run()
    assert not test.exception
    return test


def ask(test: AppTest, text: str, key: str = "prompt") -> AppTest:
    """Sends a prompt and waits for its answers."""
    return answered(send(test, text, key))


def conversation_of(test: AppTest) -> str:
    """What the page's address names."""
    named = test.query_params.get("c") or test.query_params.get("cmp") or [""]
    return named if isinstance(named, str) else named[0]


def chat_state(test: AppTest) -> state.ChatState:
    kept = test.session_state["_chat"]
    assert isinstance(kept, state.ChatState)
    return kept


def compare_state(test: AppTest) -> state.CompareState:
    kept = test.session_state["_compare"]
    assert isinstance(kept, state.CompareState)
    return kept


def tables(test: AppTest) -> list[list[dict[str, str]]]:
    """Every table on the page, row by row, by the names of its columns."""
    return [_rows(block.value) for block in test.html if "<table>" in block.value]


def _rows(table: str) -> list[dict[str, str]]:
    columns = _cells(table, "th")
    return [dict(zip(columns, _cells(row, "td"), strict=True)) for row in table.split("<tr>")[2:]]


def _cells(row: str, tag: str) -> list[str]:
    return [unescape(cell) for cell in re.findall(rf"<{tag}\b[^>]*>([^<]*)</{tag}>", row)]


def words(test: AppTest) -> str:
    """Everything written on the page, its sidebar and its labels; a space is a space."""
    drawn: list[Any] = [*test.markdown, *test.caption, *test.error, *test.info, *test.html]
    buttons = [button.label for button in test.button]
    written = [str(one.value).replace("\u00a0", " ") for one in drawn if not isinstance(one, str)]
    return "\n".join([*written, *buttons])
