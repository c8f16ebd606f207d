"""What a text is found by: its words, folded and told apart here, so that both databases find the same.

A word is a run of letters and digits, without regard to case, width or accents (the marks U+0300 to U+036F). Where
scripts leave no spaces (Chinese, Japanese, Thai, Lao, Burmese, Khmer) each pair of neighbours is one, and the last
character; an emoji or another symbol is one by itself. All else parts words. A query finds the texts with all of its
words, its last being the beginning of one; a query is never more than words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

LONGEST_WORD = 64
"""Characters of a word that count; a longer one is found by its beginning."""

MOST_BYTES = 500_000
"""Of a text's different words, in UTF-8: PostgreSQL takes no more than 1 MB. What comes after is not found."""

_MOST_TERMS = 32
_ACCENTS = dict.fromkeys(range(0x300, 0x370))
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_SOLID = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),
    (0x3040, 0x30FF),  # Japanese
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Chinese
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_APART, _WORD, _SOLID_WORD, _SYMBOL = range(4)


def fold(text: str) -> str:
    """`text` without what a search does not mind: case, width, accents."""
    if text.isascii():
        return text.lower()
    bare = unicodedata.normalize("NFKD", text).casefold().translate(_ACCENTS)
    # Folding can bring forth what is to be folded again: U+0345 becomes a letter, and a letter of two may fall apart.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", bare).translate(_ACCENTS))


def spans(folded: str) -> Iterator[tuple[int, int, bool]]:
    """Where each word of a folded text begins and ends, and whether it is of a script without spaces."""
    if folded.isascii():
        for found in _ASCII_WORD.finditer(folded):
            yield found.start(), found.end(), False
        return
    start, before = 0, _APART
    for at, character in enumerate(folded):
        kind = _kind(character)
        if kind != before or kind == _SYMBOL:
            if before != _APART:
                yield start, at, before == _SOLID_WORD
            start, before = at, kind
    if before != _APART:
        yield start, len(folded), before == _SOLID_WORD


def words_of(text: str) -> list[str]:
    """The different words of a text, in the order of their first place."""
    folded = fold(text)
    words: dict[str, None] = {}
    size = 0
    for start, end, solid in spans(folded):
        found = [folded[at : min(at + 2, end)] for at in range(start, end)] if solid else [folded[start:end]]
        for word in found:
            word = word[:LONGEST_WORD]
            if word in words:
                continue
            size += len(word.encode())
            if size > MOST_BYTES:
                return list(words)
            words[word] = None
    return list(words)


def terms_of(query: str) -> list[tuple[str, bool]]:
    """What has to be in a text for it to be found: words, and of each whether it may be the beginning of one."""
    folded = fold(query)
    places = list(spans(folded))
    terms: dict[tuple[str, bool], None] = {}
    for start, end, solid in places:
        last = (start, end, solid) == places[-1]
        if solid and end - start > 1:
            for at in range(start, end - 1):
                terms[folded[at : at + 2], False] = None
        else:
            word = folded[start : min(end, start + LONGEST_WORD)]
            terms[word, solid or (last and _kind(word[0]) == _WORD)] = None
    return list(terms)[:_MOST_TERMS]


def finds(query: str, text: str) -> bool:
    """Whether a query finds a text: what both databases answer with their indexes."""
    terms, words = terms_of(query), words_of(text)
    return bool(terms) and all(
        any(word.startswith(term) if begins else word == term for word in words) for term, begins in terms
    )


@lru_cache(maxsize=8192)
def _kind(character: str) -> int:
    category = unicodedata.category(character)
    if any(first <= ord(character) <= last for first, last in _SOLID):
        return _SOLID_WORD if category[0] in "LMN" else _APART
    if category[0] in "LN":
        return _WORD
    if category[0] == "M":
        return _APART if "\ufe00" <= character <= "\ufe0f" else _WORD
    return _SYMBOL if category == "So" else _APART
