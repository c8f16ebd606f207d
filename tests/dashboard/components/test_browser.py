"""What the browser's components are given. What they do there is shown in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

import dashboard.components.browser as browser


def _page() -> None:
    import streamlit as st

    from dashboard.components.browser import copy_button, is_narrow

    copy_button('**as it is** <b>"quoted"</b> 日本語', key="copy-1")
    st.text(str(is_narrow(True)))


def component(page: AppTest, name: str) -> Any:
    return next(one.proto for one in page.get("bidi_component") if one.proto.component_name == f"conductor.{name}")


def test_copy_gets_the_text_letter_by_letter() -> None:
    """And a label for those who don't see the button."""
    copy = component(AppTest.from_function(_page).run(), "copy")
    assert json.loads(copy.json) == {"text": '**as it is** <b>"quoted"</b> 日本語', "label": "Copy this answer"}


def test_scripts_are_files_of_our_own_address() -> None:
    """The content policy refuses a script that comes as a blob."""
    page = AppTest.from_function(_page).run()
    for name in ("copy", "viewport"):
        shown = component(page, name)
        assert (shown.js_source_path, shown.js_content) == (f"{name}.js", "")
        assert (Path(browser.__file__).parent / "assets" / f"{name}.js").is_file()


def test_until_the_browser_answers_the_width_is_what_it_was() -> None:
    """So that a phone's tabs don't become columns for a moment at every visit."""
    page = AppTest.from_function(_page).run()
    assert page.text[0].value == "True"
    assert json.loads(component(page, "viewport").json) == {"below": 900, "narrow": True}
