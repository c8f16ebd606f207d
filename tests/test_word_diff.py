"""Two texts word by word."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from conductor_core.word_diff import MOST_WORDS, Change, word_diff

texts = st.lists(st.sampled_from(["a", "b", "c", "日本", "é"])).map(" ".join)


def told(before: str, after: str) -> list[tuple[str, str]]:
    return [(piece.change.value, piece.text.strip()) for piece in word_diff(before, after).pieces]


def test_what_changed_is_marked_and_the_rest_is_not() -> None:
    """A word that was put in place of another is both taken out and put in."""
    assert told("The sea is salty.", "The deep sea is fresh.") == [
        ("same", "The"),
        ("added", "deep"),
        ("same", "sea is"),
        ("removed", "salty."),
        ("added", "fresh."),
    ]
    assert word_diff("a b", "a  b\n").words(Change.ADDED) == 0
    assert told("日本語です", "日本語でした") == [("same", "日本語で"), ("removed", "す"), ("added", "した")]


@given(before=texts, after=texts)
def test_both_texts_can_be_read_from_it(before: str, after: str) -> None:
    """Without what was put in there is the first, without what was taken out the second."""
    pieces = word_diff(before, after).pieces
    first = " ".join(piece.text.strip() for piece in pieces if piece.change is not Change.ADDED)
    second = "".join(piece.text for piece in pieces if piece.change is not Change.REMOVED)
    assert "".join(first.split()) == "".join(before.split())
    assert second == after


def test_a_long_text_is_cut_and_it_is_said() -> None:
    """Two very long answers cost a moment, not a minute."""
    started = time.perf_counter()
    found = word_diff("same " * 50_000, "same other " * 25_000)
    assert not found.whole
    assert sum(found.words(change) for change in (Change.SAME, Change.ADDED)) == MOST_WORDS
    assert time.perf_counter() - started < 10
