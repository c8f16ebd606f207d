"""Names for the files a person downloads."""

from __future__ import annotations

import re
import unicodedata

LONGEST_NAME = 80

# Names Windows keeps for devices, whatever follows the first dot (Microsoft, "Naming Files, Paths, and Namespaces").
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"}
)
_NOT_NAME = re.compile(r"[^\w]+")


def safe_filename(title: str, extension: str) -> str:
    """A file name from a title: letters, digits and hyphens, at most 80 bytes, no path, no device, never hidden.

    Args:
        title: any text; may be empty.
        extension: ours, without the dot.
    """
    letters = unicodedata.normalize("NFKC", title)
    slug = _NOT_NAME.sub("-", letters).strip("-_").lower()
    slug = slug.encode("utf-8", "ignore")[:LONGEST_NAME].decode("utf-8", "ignore").strip("-_")
    if not slug or slug in _DEVICES:
        slug = f"conversation-{slug}" if slug else "conversation"
    return f"{slug}.{extension}"
