"""Starting the server: at the address of the settings, or with a sentence why not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor_core.errors import SettingsError
from dashboard.launch import check_free
from dashboard.port_owner import Owner, find_owner
from tests.isolation import ROOT
from tests.serving import free_port, serving

LISTENER = """
import socket, sys
listening = socket.create_server(('127.0.0.1', 0))
print(listening.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def taken() -> Iterator[tuple[int, int]]:
    """A port on which another process listens, and that process; its command holds what looks like a key."""
    command = [sys.executable, "-c", LISTENER, "--api-key=sk-ant-0123456789abcdef0123"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield int(process.stdout.readline()), process.pid
        process.kill()


def test_a_free_port_is_free() -> None:
    """Nothing is said about a port nobody has, also right after a connection on it was closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0] as accepted:
            accepted.shutdown(socket.SHUT_RDWR)
    check_free("127.0.0.1", port)


def test_a_taken_port_names_who_has_it(taken: tuple[int, int]) -> None:
    """The process and its command are named, its keys are not, and another port is proposed."""
    port, pid = taken
    with pytest.raises(SettingsError) as refused:
        check_free("127.0.0.1", port)
    words = str(refused.value)
    assert words.startswith(f"Port {port} is taken by process {pid} ({sys.executable} -c")
    assert words.endswith(f"Choose another: make run PORT={port + 1}")
    assert "0123456789abcdef" not in words


def test_an_address_of_another_machine_is_refused() -> None:
    """An address this machine does not have is a wrong setting."""
    with pytest.raises(SettingsError, match="not an address of this machine"):
        check_free("203.0.113.7", free_port())


def test_nobody_has_a_free_port() -> None:
    """Without a listener there is no owner."""
    assert find_owner(free_port()) is None


def test_conductor_knows_itself() -> None:
    """A second Conductor is told from other programs."""
    assert Owner(1, ".venv/bin/python -m dashboard").is_conductor
    assert not Owner(1, "nginx: master process").is_conductor


def test_serves_where_the_settings_say(tmp_path: Path) -> None:
    """`CONDUCTOR_PORT` decides; a second start on it ends with the first one's name and what to do."""
    port = free_port()
    command = [sys.executable, "-m", "dashboard"]
    variables = {"CONDUCTOR_PORT": str(port)}
    with serving(command, port, tmp_path / "home", **variables) as served:
        done = subprocess.run(
            command, cwd=ROOT, env=dict(os.environ) | variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert f"Port {port} is taken by process {served.process.pid} " in done.stderr
        assert f"That is Conductor itself: open http://127.0.0.1:{port}" in done.stderr


def test_a_wrong_port_is_a_sentence() -> None:
    """A setting out of its bounds ends the start with its name, not with a traceback."""
    environment = dict(os.environ) | {"CONDUCTOR_PORT": "99999"}
    done = subprocess.run(
        [sys.executable, "-m", "dashboard"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("CONDUCTOR_PORT (environment): ")
    assert "Traceback" not in done.stderr
