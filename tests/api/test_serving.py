"""The API served by itself, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conductor_core.net.headers import SECURITY_HEADERS
from tests.api.door import TOKEN
from tests.serving import Served, api_alone, free_port, refused_start, serving

KEY = {"authorization": f"Bearer {TOKEN}"}
DRILL = {"provider": "drill_swift", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With simulated providers, and one site that may call it."""
    port, home = free_port(), tmp_path_factory.mktemp("alone") / "home"
    variables = {
        "CONDUCTOR_API_KEY": TOKEN,
        "CONDUCTOR_DRILL": "1",
        "CONDUCTOR_CORS_ORIGINS": "https://app.example",
        "CONDUCTOR_ALLOWED_HOSTS": "api.example",
    }
    with serving(api_alone(port), port, home, alive="/api/health", **variables) as served:
        yield served


def test_it_answers_without_the_dashboard(alone: Served) -> None:
    """A chat at simulated providers; every response carries the headers, and none may load anything."""
    answer = httpx.post(f"{alone.url}/api/chat", json=DRILL, headers=KEY, timeout=30)
    assert answer.status_code == 200, answer.text
    for one in (answer, httpx.get(f"{alone.url}/nope"), httpx.get(f"{alone.url}/api/docs")):
        for name, value in SECURITY_HEADERS.items():
            assert one.headers[name] == value
        assert one.headers["content-security-policy"].startswith("default-src 'none'")
    assert httpx.get(f"{alone.url}/nope").json()["error"] == "not_found"


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 400), ("api.example", 200), ("127.0.0.1:1", 200), ("api.example.evil", 400)]
)
def test_only_its_own_names_are_answered_to(alone: Served, host: str, status: int) -> None:
    """S07: another name in the Host header is a page that rebinds its own."""
    assert httpx.get(f"{alone.url}/api/status", headers={**KEY, "host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://app.example", 200), ("https://evil.example", 403), ("null", 403), ("https://app.example:444", 403)],
)
def test_pages_of_other_sites_are_turned_away(alone: Served, origin: str, status: int) -> None:
    """But for the one that is listed, even with a good key; programs send no Origin."""
    answer = httpx.post(f"{alone.url}/api/chat", json=DRILL, headers={**KEY, "origin": origin}, timeout=30)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"] == "refused"


def test_it_logs_lines_of_json_without_keys(alone: Served) -> None:
    """One for each request, in the form of the dashboard's log."""
    httpx.get(f"{alone.url}/api/status", headers=KEY)
    lines = [line for line in alone.log.read_text().splitlines() if line.startswith("{")]
    records = [json.loads(line) for line in lines]
    assert any(record.get("route") == "/api/status" and record["key"] == "environment" for record in records)
    assert TOKEN not in alone.log.read_text()


def test_it_stops_when_told_to(tmp_path: Path) -> None:
    """SIGTERM ends it in good order, and a second start finds its database free."""
    for _ in range(2):
        port = free_port()
        with serving(api_alone(port), port, tmp_path / "home", alive="/api/health/ready") as served:
            os.kill(served.process.pid, signal.SIGTERM)
            assert served.process.wait(20) in (0, -signal.SIGTERM)


def test_a_setting_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    """The start fails with the sentence."""
    code, output = refused_start(api_alone(free_port()), tmp_path, CONDUCTOR_CORS_ORIGINS="*")
    assert code != 0
    assert "CONDUCTOR_CORS_ORIGINS" in output
    assert "* would let every web page in" in output


def test_a_raw_websocket_finds_nothing(alone: Served) -> None:
    """There is none here."""
    with socket.create_connection(("127.0.0.1", alone.port), timeout=10) as sock:
        sock.sendall(
            b"GET /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b" 101 " not in sock.recv(4_096)
