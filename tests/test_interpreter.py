"""How a process that serves is set."""

from __future__ import annotations

import subprocess
import sys

ASKED = """
import gc, sys
gc.disable()
from conductor_core import interpreter
interpreter.serve()
print(gc.isenabled(), gc.get_freeze_count() > 1000, gc.get_threshold()[0], sys.getswitchinterval())
"""


def test_what_is_loaded_is_not_walked_over_again() -> None:
    """The collector runs, seldom, over what came later; threads take turns quickly."""
    told = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "True", "10000", "0.0005"]
