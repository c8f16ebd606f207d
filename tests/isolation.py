"""Keeps a test to itself: no variable of the developer's shell, no file of theirs, no connection off this machine."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
"""The checkout. A test's working folder is an empty one of its own, so paths start here."""

_PREFIXES = ("CONDUCTOR_", "STREAMLIT_", "UVICORN_", "OTEL_")
_SUFFIXES = ("_API_KEY", "_BASE_URL", "_AUTH_TOKEN", "_PROXY")
_EXACT = ("OLLAMA_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "NETRC", "SSLKEYLOGFILE")


def leaking(names: Iterable[str]) -> list[str]:
    """The variables that would configure Conductor, a vendor's SDK or a proxy behind a test's back."""
    return [
        name
        for name in names
        if (upper := name.upper()).startswith(_PREFIXES) or upper.endswith(_SUFFIXES) or upper in _EXACT
    ]


class LeftTheMachine(Exception):
    """Code under test tried to reach another machine; tests reach loopback only."""


class Wall:
    """Refuses every connection and name look-up off this machine, and remembers it.

    An audit hook sees them all, whoever makes them (PEP 578); a patched `connect` would miss what asyncio keeps a
    reference to. The refusal may be caught by the code under test, so the test's end looks at `attempts` again.
    """

    _CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
    _LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})

    def __init__(self) -> None:
        self.attempts: list[str] = []

    def build(self) -> None:
        """Puts it up for the rest of the process."""
        sys.addaudithook(self._watch)

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in self._CONNECTS:
            address = arguments[1]
            if isinstance(address, tuple) and not stays_here(str(address[0])):
                self._refuse(f"a connection to {address[0]} port {address[1]}")
        elif event in self._LOOKUPS:
            self._look_up(_text(arguments[0]))

    def _look_up(self, host: str) -> None:
        if host.endswith(".invalid"):
            # What every resolver has to answer (RFC 6761), without asking one.
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not (is_address(host) or stays_here(host)):
            self._refuse(f"a look-up of {host}")

    def _refuse(self, what: str) -> None:
        self.attempts.append(what)
        raise LeftTheMachine(f"{what}: tests reach 127.0.0.1 only; serve what this one needs on loopback")


def stays_here(host: str) -> bool:
    """Whether packets to a host stay on this machine."""
    if host in ("", "localhost", socket.gethostname()) or host.endswith(".localhost"):
        return True
    if not is_address(host):
        return False
    address = ip_address(host.partition("%")[0])
    return address.is_loopback or address.is_unspecified


def is_address(host: str) -> bool:
    """Whether it is an address already: looking one up asks nobody."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _text(host: object) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
