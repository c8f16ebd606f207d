"""Keeps keys out of everything that leaves: logs, errors, pages, rows."""

from __future__ import annotations

import re

from conductor_core.secret import Secret

_PATTERNS = re.compile(
    r"sk-[A-Za-z0-9_-]{12,}|AIza[A-Za-z0-9_-]{20,}|gsk_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}|ghp_[A-Za-z0-9]{20,}"
)


class Redactor:
    """Knows every key of this installation, and what keys look like."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def learn(self, secret: Secret) -> None:
        """Adds a key that must never be shown."""
        self._known.add(secret.reveal())

    def clean(self, text: str) -> str:
        """`text` with every known key, and everything shaped like one, replaced by `[key]`."""
        for key in self._known:
            text = text.replace(key, "[key]")
        return _PATTERNS.sub("[key]", text)
