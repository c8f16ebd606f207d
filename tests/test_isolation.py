"""The wall around the tests, from inside."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from conductor_core.settings import Environment
from tests.isolation import LeftTheMachine, leaking, stays_here


def test_a_connection_off_the_machine_is_refused(attempts: list[str]) -> None:
    """Connecting to a public address raises before a packet leaves, and is remembered."""
    with socket.socket() as sock, pytest.raises(LeftTheMachine, match=r"203\.0\.113\.7 port 443"):
        sock.connect(("203.0.113.7", 443))
    assert len(attempts) == 1
    attempts.clear()


async def test_asyncio_gets_no_further(attempts: list[str]) -> None:
    """Neither a name nor an address gets past the wall through the event loop."""
    with pytest.raises(LeftTheMachine):
        await asyncio.open_connection("api.example.com", 443)
    with pytest.raises(LeftTheMachine):
        await asyncio.open_connection("2001:db8::1", 443)
    assert attempts == ["a look-up of api.example.com", "a connection to 2001:db8::1 port 443"]
    attempts.clear()


def test_loopback_is_open() -> None:
    """A server on 127.0.0.1 is reached."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("::1", True), ("127.9.9.9", True), ("10.0.0.1", False), ("169.254.169.254", False)],
)
def test_what_counts_as_this_machine(host: str, here: bool) -> None:
    """Only loopback does: private and metadata addresses are other machines."""
    assert stays_here(host) is here


def test_the_environment_is_clean(tmp_path: Path) -> None:
    """Nothing of the developer's shell or folder configures Conductor: only the test's own home does."""
    assert leaking(os.environ) == ["CONDUCTOR_HOME"]
    assert Path(os.environ["CONDUCTOR_HOME"]).is_relative_to(tmp_path)
    assert Environment.read().get("GEMINI_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY") is None
    assert list(Path.cwd().iterdir()) == []
