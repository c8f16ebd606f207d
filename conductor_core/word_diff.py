"""Two texts word by word: what both say, what only the one, what only the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

MOST_WORDS = 2_000
"""Of each text; the time it takes grows with the square."""
_LONG = 500

# Chinese and Japanese put no spaces between words: there each character is one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]\s*|[^\s\u3040-\u30ff\u3400-\u9fff]+\s*|\s+")


class Change(StrEnum):
    """Which of the two texts has some words."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


class Piece(NamedTuple):
    """Some words in a row."""

    change: Change
    text: str


class Difference(NamedTuple):
    """What leads from one text to another. `whole`: all of both was compared."""

    pieces: tuple[Piece, ...]
    whole: bool

    def words(self, change: Change) -> int:
        """How many words are only in the one, or only in the other."""
        return sum(len(_WORD.findall(piece.text)) for piece in self.pieces if piece.change is change)


@lru_cache(maxsize=32)
def word_diff(before: str, after: str) -> Difference:
    """What was taken out and what was put in, where white space alone is no difference."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    whole = max(len(old), len(new)) <= MOST_WORDS
    old, new = old[:MOST_WORDS], new[:MOST_WORDS]
    bare_old, bare_new = [word.strip() for word in old], [word.strip() for word in new]
    # In a long text words that come all the time are no anchors: they make it slow, and say little.
    matcher = SequenceMatcher(None, bare_old, bare_new, autojunk=len(new) > _LONG)
    pieces: list[Piece] = []
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            pieces += _piece(Change.SAME, new[new_from:new_to])
        else:
            pieces += _piece(Change.REMOVED, old[old_from:old_to]) + _piece(Change.ADDED, new[new_from:new_to])
    return Difference(tuple(pieces), whole)


def _piece(change: Change, words: Sequence[str]) -> list[Piece]:
    return [Piece(change, "".join(words))] if words else []
