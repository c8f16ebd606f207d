from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.files import safe_filename


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Capital of France", "capital-of-france.md"),
        ("../../etc/passwd", "etc-passwd.md"),
        ("C:\\x", "c-x.md"),
        ("CON", "conversation-con.md"),
        ("lpt1", "conversation-lpt1.md"),
        ("a | b |---|---| 1", "a-b-1.md"),
        ("a\0b", "a-b.md"),
        (".hidden", "hidden.md"),
        ("two\nlines", "two-lines.md"),
        ("", "conversation.md"),
        ("///", "conversation.md"),
        ("Grüße, 日本", "grüße-日本.md"),
        ("\u202etxt.exe", "txt-exe.md"),
        ("x" * 300, "x" * 80 + ".md"),
    ],
)
def test_a_title_becomes_a_name(title: str, name: str) -> None:
    """No path, no device, nothing hidden, never empty, at most 80 bytes."""
    assert safe_filename(title, "md") == name


@given(st.text(max_size=300))
def test_any_title_names_a_file_in_the_folder_it_is_put_in(title: str) -> None:
    """Whatever the title, the file lands where it is meant to and can be encoded."""
    folder = Path("/exports")
    name = safe_filename(title, "md")
    assert (folder / name).resolve().parent == folder
    assert len(name.encode()) <= 80 + len("conversation-.md")
    assert not name.startswith(".")
