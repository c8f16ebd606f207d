from __future__ import annotations

import pytest

from conductor_core.net.hosts import is_allowed_host, is_loopback, is_same_origin, parse_host


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8501", "LOCALHOST:1", "127.0.0.1:9", "127.8.8.8", "[::1]:8501", "localhost.:8501"]
)
def test_loopback_is_ours_at_every_port(host: str) -> None:
    """Whoever is on this machine may use any of its own names and any port."""
    assert is_allowed_host(host, (), "127.0.0.1")


@pytest.mark.parametrize(
    "host",
    [
        "rebind.example:8501",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8501",
        "192.168.1.7:8501",
        "127.0.0.1:8501, evil.example",
        "user@localhost",
        "localhost:port",
        "",
        "[::1",
        "2130706433",
    ],
)
def test_a_foreign_host_is_refused(host: str) -> None:
    """A name that was made to resolve to this machine is still not its name."""
    assert not is_allowed_host(host, ("conductor.example",), "127.0.0.1")


def test_a_proxys_host_is_allowed_by_name_or_with_its_port() -> None:
    """CONDUCTOR_ALLOWED_HOSTS names a host for every port, or with the one port it is for."""
    assert is_allowed_host("Conductor.example:443", ("conductor.example",), "127.0.0.1")
    assert is_allowed_host("conductor.example:444", ("conductor.example:444",), "127.0.0.1")
    assert not is_allowed_host("conductor.example:445", ("conductor.example:444",), "127.0.0.1")


def test_the_address_a_client_connected_to_is_ours() -> None:
    """On a server that listens everywhere people type its address; rebinding needs a name."""
    assert is_allowed_host("192.168.1.7:8501", (), "192.168.1.7")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8501", "localhost:8501"),
        ("https://conductor.example", "conductor.example"),
        ("http://[::1]:8501", "[::1]:8501"),
        ("https://conductor.example", "conductor.example:443"),
    ],
)
def test_our_own_origin_is_recognised(origin: str, host: str) -> None:
    """The same host and port, an implied port included."""
    assert is_same_origin(origin, host)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:3000",
        "http://127.0.0.1:8501",
        "null",
        "",
        "localhost:8501",
        "file://localhost:8501",
        "http://localhost:8501/path",
        "http://localhost:8501@evil.example",
        "http://user@localhost:8501",
        "http://localhost:99999",
    ],
)
def test_every_other_origin_is_foreign(origin: str) -> None:
    """Another port of this machine is another site: anything may be served there."""
    assert not is_same_origin(origin, "localhost:8501")


def test_a_host_header_is_read_without_brackets_and_final_dot() -> None:
    """`[::1]:80` is the address ::1, `a.example.` the host a.example."""
    assert parse_host("[::1]:80") == ("::1", 80)
    assert parse_host("A.example.") == ("a.example", None)


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("0.0.0.0", False), ("::", False), ("", False)],
)
def test_only_loopback_is_loopback(address: str, expected: bool) -> None:
    """The wildcard addresses are every interface, not this machine."""
    assert is_loopback(address) is expected
