"""Values for a component of the browser's: deflated, for what a live page sends is mostly what it sent before."""

from __future__ import annotations

import zlib
from typing import Any

import orjson

_LEVEL = 4


def packed(values: dict[str, Any]) -> bytes:
    """What `inflated` in assets/inflated.js undoes. NaN becomes null; arrays of numpy are taken as they are."""
    return zlib.compress(orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY), _LEVEL)
