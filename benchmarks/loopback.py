"""The simulated upstream in a process of its own, and cores kept apart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def own_core(core: int) -> None:
    """Keeps this process on one core, where the system can and has it."""
    if hasattr(os, "sched_setaffinity") and core < (os.cpu_count() or 1):
        os.sched_setaffinity(0, {core})


@contextmanager
def upstream(core: int) -> Iterator[str]:
    """Starts the tests' upstream; yields its address."""
    command = [sys.executable, "-m", "tests.upstream", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {core % (os.cpu_count() or 1)})
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
