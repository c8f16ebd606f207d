"""Conversations brought into this installation from a file, handed to the core."""

from __future__ import annotations

from typing import BinaryIO

from conductor_core.errors import ConductorError
from conductor_core.transfer.moving import SAVE_SECONDS
from dashboard import runtime, state

PLACE = "import"
READ_SECONDS = 120.0
"""How long the largest file may take to be read."""


def bring(file: BinaryIO) -> None:
    """Imports a file; what came of it, or why nothing did, is told in its place."""
    settings = state.settings()
    settings.refusals.pop(PLACE, None)
    settings.brought = None
    try:
        work = runtime.get_conductor().transfer.bring(file.read())
        settings.brought = runtime.run(work, SAVE_SECONDS + READ_SECONDS)
        settings.imports += 1  # the next file gets a new field: this one would stay in memory
    except (ConductorError, TimeoutError) as error:
        settings.refusals[PLACE] = str(error) or "The import takes long; it goes on, and what it brings appears then."
