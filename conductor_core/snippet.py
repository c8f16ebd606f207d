"""The part of a text that shows why a search found it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from conductor_core.store.words import fold, spans, terms_of

LENGTH = 120
"""Characters of a snippet, without the dots that say there is more."""

_BEFORE = 30
_PIECE = 400
_MOST_PIECES = 500
_MOST_LOOKS = 20
_MARGIN = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Snippet:
    """One line of a text. `marks` are the places of what was searched for: start and end, in order."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()


def snippet_of(text: str, query: str, length: int = LENGTH) -> Snippet:
    """The piece of `text` with most of what `query` asks for, of the first that have any; else its beginning."""
    terms = terms_of(query)
    best, most, looks = "", 0, 0
    for piece in _pieces(text):
        folded = fold(piece)
        if not any(word in folded for word, _ in terms):  # spares most pieces of a long text the closer look
            continue
        found = len({term for term, _ in _found(piece, terms)})
        if found > most:
            best, most = piece, found
        looks += 1
        if most == len(terms) or looks == _MOST_LOOKS:
            break
    if not most:
        return _cut(next(_pieces(text), ""), 0, length, [])
    places = sorted({place for _, place in _found(best, terms)})
    return _cut(best, places[0][0], length, places)


def _pieces(text: str) -> Iterator[str]:
    """A long text in pieces of one line each: its first 200,000 characters."""
    start = 0
    for _ in range(_MOST_PIECES):
        if start >= len(text):
            return
        end = start + _PIECE
        if end < len(text):
            gap = text.rfind(" ", start + _PIECE // 2, end)
            end = gap if gap > 0 else end
        yield unicodedata.normalize("NFC", _MARGIN.sub(" ", text[start:end]).strip())
        start = end


def _found(piece: str, terms: list[tuple[str, bool]]) -> list[tuple[tuple[str, bool], tuple[int, int]]]:
    """Which terms are where in a piece, places being those of the piece as it is, not folded."""
    folded, origin = _folded(piece)
    found = []
    for start, end, solid in spans(folded):
        for term in terms:
            word, begins = term
            if solid:
                places = [at for at in range(start, end) if folded.startswith(word, at) and at + len(word) <= end]
            else:
                whole = folded[start:end][: max(len(word), 64)]
                places = [start] if (whole.startswith(word) if begins else whole == word) else []
            found += [(term, (origin[at], origin[at + len(word) - 1] + 1)) for at in places]
    return found


def _folded(piece: str) -> tuple[str, list[int]]:
    """A piece folded, and from which character of it each folded one comes."""
    if piece.isascii():
        return piece.lower(), list(range(len(piece)))
    parts = [fold(character) for character in piece]
    return "".join(parts), [at for at, part in enumerate(parts) for _ in part]


def _cut(piece: str, first: int, length: int, places: list[tuple[int, int]]) -> Snippet:
    start = max(0, first - _BEFORE)
    if start:
        gap = piece.find(" ", start, first)
        start = gap + 1 if gap >= 0 else start
    end = min(len(piece), start + length)
    before, after = "… " if start else "", " …" if end < len(piece) else ""
    shift = len(before) - start
    marks: list[tuple[int, int]] = []
    for begin, finish in places:
        if finish > end or begin < start:
            continue
        if marks and begin + shift <= marks[-1][1]:
            marks[-1] = (marks[-1][0], max(marks[-1][1], finish + shift))
        else:
            marks.append((begin + shift, finish + shift))
    return Snippet(f"{before}{piece[start:end]}{after}", tuple(marks))
