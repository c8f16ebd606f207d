"""The real server with the simulated upstream behind it, both in processes of their own, for clients of all kinds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts import clients
from tests.installation import KEY
from tests.serving import ROOT, free_port, serving, streamlit_run

TOKEN = "sk-cond-clients-0123456789abcdefghijklmnop"
PROGRAMS = Path(__file__).parent / "programs"
ANSWERS_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where clients are pointed at."""

    url: str

    def run(self, command: list[str], environment: dict[str, str] | None = None) -> str:
        """What a client prints. It gets nothing of this process's environment that could help it."""
        done = subprocess.run(
            command,
            env={"PATH": "/usr/bin:/bin", "NO_PROXY": "*", **(environment or {})},
            capture_output=True,
            timeout=ANSWERS_WITHIN,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def program(self, name: str, base_url: str) -> Any:
        """What one of `programs` read, as it printed it."""
        return json.loads(self.run([str(clients.PYTHON), str(PROGRAMS / name), base_url, TOKEN]))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The dashboard's process, started as `make run` does."""
    assert clients.STAMP.exists(), "the clients are not installed: run `python -m scripts.clients`"
    home, port = tmp_path_factory.mktemp("clients") / "home", free_port()
    command = [sys.executable, "-m", "tests.upstream", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as upstream:
        assert upstream.stdout
        address = upstream.stdout.readline().strip()
        variables = {
            "CONDUCTOR_API_KEY": TOKEN,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{address}/v1",
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": address,
        }
        try:
            with serving(streamlit_run(port), port, home, **variables) as served:
                yield Server(served.url)
        finally:
            upstream.terminate()
