"""What counts as text at the boundary."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.text import clean_text, is_blank, is_clean

ANY_TEXT = st.text(st.characters(categories=None))
"""Lone surrogates and NUL included."""


@given(ANY_TEXT)
def test_clean_text_can_be_stored_and_sent(text: str) -> None:
    """UTF-8 takes it, SQLite gives it back whole, and cleaning it again changes nothing."""
    cleaned = clean_text(text)
    assert is_clean(cleaned)
    assert clean_text(cleaned) == cleaned
    cleaned.encode()
    with sqlite3.connect(":memory:") as database:
        stored, length = database.execute("select ?1, length(?1)", (cleaned,)).fetchone()
    database.close()
    assert (stored, length) == (cleaned, len(cleaned))


@given(ANY_TEXT)
def test_text_without_fault_is_left_alone(text: str) -> None:
    """Cleaning changes exactly what is not clean."""
    assert (clean_text(text) == text) == is_clean(text)


def test_nul_goes_and_a_lone_surrogate_is_marked() -> None:
    """One is nothing; the other stood for a character."""
    assert clean_text("a\0b\ud83dc") == "ab\ufffdc"
    assert clean_text("a👋") == "a👋"


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u200d", "\ufeff", "\u00a0\u3000", "\u2028", "\x07", "\u202e"])
def test_what_nobody_could_see_is_blank(text: str) -> None:
    """White space, zero-width characters and controls of any script."""
    assert is_blank(text)


@pytest.mark.parametrize("text", [".", "\u200ba", "👋", "́", "日"])
def test_what_somebody_could_see_is_not(text: str) -> None:
    """One visible character is enough."""
    assert not is_blank(text)
