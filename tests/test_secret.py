"""Keys never show."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest

from conductor_core.secret import Secret

KEY = "sk-proj-0123456789abcdefWXYZ"


@pytest.mark.parametrize("shown", [str, repr, "{}".format, "%s".__mod__, lambda s: f"{[s]} {s!r}"])
def test_however_it_is_printed_only_the_tail_shows(shown: object) -> None:
    """In f-strings, containers and old formats alike."""
    assert callable(shown)
    text = shown(Secret(KEY))
    assert "WXYZ" in text
    assert KEY[:-4] not in text


def test_of_a_short_key_nothing_shows() -> None:
    """Four characters of eleven would be too much of it."""
    assert Secret("abcdefghijk").masked == "…"
    assert Secret("abcdefghijkl").masked == "…ijkl"


def test_it_leaves_the_process_neither_pickled_nor_as_json() -> None:
    """Nor does the refusal name it."""
    for leave in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError) as refused:
            leave(Secret(KEY))
        assert KEY not in "".join(traceback.format_exception(refused.value))


def test_equal_keys_are_equal_and_nothing_else_is() -> None:
    """A key is not equal to its own text, so that no comparison tells by accident."""
    assert Secret(KEY) == Secret(KEY)
    assert len({Secret(KEY), Secret(KEY)}) == 1
    assert Secret(KEY) != Secret(KEY + "a")
    assert Secret(KEY) != KEY
    assert Secret(KEY).reveal() == KEY
