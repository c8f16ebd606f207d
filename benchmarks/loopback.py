"""The simulated upstream in a process of its own, and cores kept apart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def own_core(core: int) -> None:
    """Keeps this process on one core, where the system can and has it."""
    if hasattr(os, "sched_setaffinity") and core < (os.cpu_count() or 1):
        os.sched_setaffinity(0, {core})


@contextmanager
def upstream(core: int, module: str = "tests.upstream") -> Iterator[str]:
    """Starts the tests' upstream, or another; yields its address."""
    command = [sys.executable, "-m", module, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {core % (os.cpu_count() or 1)})
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process so far, in its own code and in the system's; where there is a /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
