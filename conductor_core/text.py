"""What counts as text: the rules at the boundary, the same for both databases and every wire."""

from __future__ import annotations

import re
import unicodedata

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def is_clean(text: str) -> bool:
    """Whether `text` holds neither NUL nor lone surrogates, which PostgreSQL, SQLite's `length()` or UTF-8 refuse."""
    return UNSTORABLE.search(text) is None


def clean_text(text: str) -> str:
    """Text typed by a person or sent by an upstream, made storable: NUL dropped, lone surrogates replaced by U+FFFD."""
    return UNSTORABLE.sub(lambda found: "" if found[0] == "\0" else "\ufffd", text)


def is_blank(text: str) -> bool:
    """Whether nothing in `text` would be visible: white space, zero-width and control characters only."""
    return all(unicodedata.category(character) in _INVISIBLE for character in text)
