"""Images of other programs' conversations, where their files hold them: as data URLs (RFC 2397)."""

from __future__ import annotations

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from conductor_core.attachments import MOST_FILES, TEXT, File, image_type, kept
from conductor_core.errors import InvalidRequest
from conductor_core.store.records import Attachment

ELSEWHERE = "images that are not in the file"
IN_ANSWERS = "images in answers"
FILES = "attached files that are not in the file"
UNFIT = "images that are too large, too many or of another kind"
SHOWN, NOT_SHOWN = "(an image)", "(an image that was not imported)"
"""What a message says that has nothing but images."""

_DATA_URL = re.compile(r"data:image/[\w.+-]{1,60};base64,", re.IGNORECASE)


def is_data(url: Any) -> bool:
    """Whether the image is in the address itself."""
    return isinstance(url, str) and _DATA_URL.match(url) is not None


def attached(urls: Sequence[str], ids: Iterator[str], left_out: Counter[str]) -> list[Attachment]:
    """Images as files of a message, checked as when they are attached; what can't be taken is counted."""
    found: list[Attachment] = []
    for url in urls:
        image = _image(url) if len(found) < MOST_FILES else None
        if image is None:
            left_out[UNFIT] += 1
        else:
            found.append(replace(image, id=next(ids)))
    return found


def words(urls: Sequence[str], files: Sequence[Attachment]) -> str:
    """What a message says that has no text, with these images, of which these came along."""
    if files:
        return SHOWN
    return NOT_SHOWN if urls else ""


def _image(url: str) -> Attachment | None:
    head = _DATA_URL.match(url)
    try:
        data = b64decode(url[head.end() :] if head else "", validate=True)
        image = kept(File(f"image.{image_type(data).rpartition('/')[2]}", data))
    except (ValueError, InvalidRequest):
        return None
    return None if image.media_type == TEXT else image
