"""The keys as a reader is told of them."""

from __future__ import annotations

import pytest

from dashboard.components import keyboard


@pytest.mark.parametrize(
    ("key", "told"),
    [("Enter", "Enter"), ("Ctrl+Shift+O", "Ctrl + Shift + O"), ("Shift+Escape", "Shift + Esc"), ("↑ ↓", "↑ ↓")],
)
def test_a_key_is_spelled_as_it_stands_on_the_keyboard(key: str, told: str) -> None:
    """With room between the keys that are held together."""
    assert keyboard.spelled(key) == told


def test_every_key_is_told_of_once() -> None:
    """No key does two things."""
    told = [key for key, _ in keyboard.KEYS]
    assert len(set(told)) == len(told)
    assert {keyboard.NEW, keyboard.TEMPLATES, keyboard.STOP, keyboard.SEARCH} <= set(told)
