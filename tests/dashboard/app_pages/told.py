"""What our components on a page were told to draw, read back."""

from __future__ import annotations

import json
import zlib
from typing import Any

from streamlit.testing.v1 import AppTest

PACKED = ("charts", "calls", "cards", "cells")


def component(page: AppTest, name: str) -> Any:
    """What one of our components was given; there must be one of that name."""
    (found,) = (one.proto for one in page.get("bidi_component") if one.proto.component_name == f"conductor.{name}")
    return json.loads(zlib.decompress(found.bytes) if name in PACKED else found.json or "null")


def cards(page: AppTest) -> dict[str, Any]:
    """What each card of Health was given, by provider; none where there are no cards."""
    known = [one.proto.component_name for one in page.get("bidi_component")]
    return {card["name"]: card for card in component(page, "cards")["cards"]} if "conductor.cards" in known else {}


def texts(part: Any) -> list[str]:
    """Every text in a value of JSON."""
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    return [part] if isinstance(part, str) else [text for one in inner for text in texts(one)]
