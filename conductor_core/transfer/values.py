"""Values of other programs' files, made fit to be kept."""

from __future__ import annotations

import math
from typing import Any

from conductor_core.text import clean_text
from conductor_core.transfer.form import LAST_MOMENT


def moment(value: Any, per_second: int = 1) -> int:
    """UTC ms of a time in seconds (or in so many parts of one); 0 for what is none.

    Args:
        per_second: 1,000 where the value is in ms.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return min(max(0, round(value * 1000 / per_second)), LAST_MOMENT)


def text_of(value: Any) -> str:
    """A text of the file, storable; empty for what is none."""
    return clean_text(value) if isinstance(value, str) else ""


def name_of(value: Any) -> str:
    """The name of a model: one line, of bounded length."""
    return " ".join(text_of(value)[:400].split())[:200]
