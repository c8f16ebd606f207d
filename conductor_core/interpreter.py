"""How the interpreter is set for a process that serves: measured by `python -m benchmarks.calls`."""

from __future__ import annotations

import gc
import sys

SWITCH_INTERVAL = 0.0005
"""Seconds: script threads compute while a loop carries streams, so they hand the interpreter lock over ten times as
often as Python would have them."""

COLLECT_EVERY = 10_000
"""Objects made and kept before the youngest are looked at; Python's 700 are reached every few calls."""


def serve() -> None:
    """To be called once the process has loaded what it stays with.

    The collector then no longer walks over that: with it, a tenth of a call's time went into walking. What is loaded is
    not collected first; that would hold up the first page for a tenth of a second and find next to nothing.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.set_threshold(COLLECT_EVERY)
    gc.freeze()
    gc.enable()
