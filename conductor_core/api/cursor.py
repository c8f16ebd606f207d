"""Where a page of a list ended, as an opaque text for the next request."""

from __future__ import annotations

import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from conductor_core.errors import InvalidRequest

_FORM = re.compile(r"(-?[0-9.e+]{1,32}):([0-9a-f]{1,64})")

LONGEST = 200


def write(value: float, id: str) -> str:
    """What it is sorted by, and the id, of the last one told."""
    return urlsafe_b64encode(f"{value}:{id}".encode()).decode().rstrip("=")


def read(text: str) -> tuple[float, str]:
    """The same as numbers.

    Raises:
        InvalidRequest: no page of ours ended there.
    """
    try:
        found = _FORM.fullmatch(urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
        value = float(found[1]) if found else math.nan
    except ValueError:
        found, value = None, math.nan
    if found is None or not math.isfinite(value) or abs(value) > 2**62:
        raise InvalidRequest("cursor: must be the next_cursor of an earlier page.", "cursor")
    return value, found[2]
