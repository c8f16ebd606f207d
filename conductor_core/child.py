"""What a process of our own that reads other people's files starts with: what it needs to run, and no key."""

from __future__ import annotations

import os

_NEEDED = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH")


def bare_environment() -> dict[str, str]:
    """The environment for such a process."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ}
