"""The tamed session: which connection a stop reaches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from conductor_core.providers.gemini_session import Call, Limits, Stopped, running, tame

LIMITS = Limits(connect=5, silence=5, answer_bytes=1000, trusted=True)


class _Handler(BaseHTTPRequestHandler):
    """Answers and keeps the connection; what comes from `/slow` ends when the test says so."""

    protocol_version = "HTTP/1.1"
    go_on = threading.Event()
    ports: list[int]

    def do_GET(self) -> None:  # http.server's name
        self.ports.append(self.client_address[1])
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"a")
        if self.path == "/slow":
            self.go_on.wait(5)
        self.wfile.write(b"b")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, type[_Handler]]]:
    class Handler(_Handler):
        go_on = threading.Event()
        ports: list[int] = []  # noqa: RUF012  # one list per test

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", Handler
        listening.shutdown()
        thread.join()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        tame(opened, "key", 4)
        yield opened


def call() -> Call:
    begun = Call(LOCK, LIMITS, patience=5)
    running.set(begun)
    return begun


LOCK = threading.Lock()


def test_a_late_stop_leaves_the_next_call_alone(server: tuple[str, type[_Handler]], session: requests.Session) -> None:
    """A call that has ended no longer owns its connection, which the next call uses."""
    url, handler = server
    first = call()
    session.get(url)
    first.end()
    second = call()
    session.get(f"{url}/slow", stream=True)
    pieces = second.pieces()
    assert next(pieces) == b"a"
    first.stop()
    handler.go_on.set()
    assert next(pieces) == b"b"
    assert len(set(handler.ports)) == 1


def test_a_shut_connection_is_not_used_again(server: tuple[str, type[_Handler]], session: requests.Session) -> None:
    """A connection that a late stop shut between two calls is replaced, and the next call is answered."""
    url, handler = server
    first = call()
    session.get(url)
    first.stop()
    call()
    assert session.get(url).text == "ab"
    assert len(set(handler.ports)) == 2


def test_a_stopped_call_sends_nothing(server: tuple[str, type[_Handler]], session: requests.Session) -> None:
    """A call that is stopped before its thread came to send it is not sent, on a new connection or on a kept one."""
    url, handler = server
    call().stop()
    with pytest.raises(Stopped):
        session.get(url)
    call()
    session.get(url)
    call().stop()
    with pytest.raises(Stopped):
        session.get(url)
    assert len(handler.ports) == 1
