"""The real server in a process of its own, started the ways people start it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APP = "dashboard/app.py"
STARTS_WITHIN = 40.0


@dataclass(slots=True)
class Served:
    """A running server.

    Attributes:
        log: everything it wrote, on stdout and stderr.
    """

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def streamlit_run(port: int, *options: str, app: str = APP) -> list[str]:
    """The command of `make run`."""
    return [sys.executable, "-m", "streamlit", "run", app, "--server.port", str(port), *options]


def uvicorn(port: int, *options: str) -> list[str]:
    """The command of those who serve it themselves."""
    return [sys.executable, "-m", "uvicorn", "dashboard.app:app", "--port", str(port), *options]


def api_alone(port: int, *options: str) -> list[str]:
    """The command of those who want no dashboard."""
    factory = "conductor_core.api:build_app"
    return [sys.executable, "-m", "uvicorn", "--factory", factory, "--port", str(port), *options]


def environment(home: Path, **variables: str) -> dict[str, str]:
    """This process's environment without anything that configures Conductor or Streamlit, and with `variables`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CONDUCTOR_", "STREAMLIT_", "UVICORN_")) and not name.endswith("_API_KEY")
    }
    return kept | {"CONDUCTOR_HOME": str(home), "PYTHONUNBUFFERED": "1"} | variables


def refused_start(command: Sequence[str], home: Path, **variables: str) -> tuple[int, str]:
    """Exit code and output of a start that is expected to end by itself."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment(home, **variables), capture_output=True, timeout=STARTS_WITHIN, check=False
    )
    return done.returncode, (done.stdout + done.stderr).decode()


@contextmanager
def serving(
    command: Sequence[str], port: int, home: Path, *, alive: str = "/_stcore/health", **variables: str
) -> Iterator[Served]:
    """A server that answers on `port` of loopback; stopped as a service manager would, in the end.

    Args:
        alive: where it answers as soon as it does.
    """
    log = home.parent / f"{home.name}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(home, **variables), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_it_answers(process, f"http://127.0.0.1:{port}{alive}", log)
            yield Served(port, process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}: {log.read_text()}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not answer: {log.read_text()}")
