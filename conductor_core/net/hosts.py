"""Which Host and Origin headers are ours. Closes DNS rebinding and cross-site WebSockets.

A page on another site can make a browser connect to this machine; what it can't do is choose the Host header freely
(it is the name in the address bar) or leave out its own Origin. So both are compared with what we answer to.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from urllib.parse import urlsplit

_HOST = re.compile(
    r"(?P<name>\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9._-]{0,252}))(?::(?P<port>\d{1,5}))?", re.IGNORECASE
)
_KNOWN_HOSTS = 256
"""Names that need not be taken apart again: nearly every request has the same one."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(_KNOWN_HOSTS)
def parse_host(header: str) -> tuple[str, int | None] | None:
    """Name (lower case, without brackets or a final dot) and port of a Host header, or None when it is not one."""
    found = _HOST.fullmatch(header)
    if found is None:
        return None
    name = found["name"].lower().strip("[]").removesuffix(".")
    return name, int(found["port"]) if found["port"] else None


@lru_cache(_KNOWN_HOSTS)
def is_loopback(address: str) -> bool:
    """Whether an address or name means this machine only. A name other than `localhost` does not."""
    name = address.strip("[]").lower().removesuffix(".")
    if name == "localhost":
        return True
    try:
        ip = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


def is_allowed_host(header: str, allowed: Collection[str], local_address: str | None) -> bool:
    """Whether a Host header names us: loopback, a host of `allowed`, or the very address the client connected to.

    Args:
        header: the Host header as sent.
        allowed: further host names, lower case; `name` allows every port, `name:port` only that one.
        local_address: the server's end of this connection.
    """
    parsed = parse_host(header)
    if parsed is None:
        return False
    name, port = parsed
    if is_loopback(name) or name in allowed or (port is not None and f"{name}:{port}" in allowed):
        return True
    return local_address is not None and name == local_address.lower()


def is_same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header is this very host and port. `null`, another scheme or port is not."""
    parsed = parse_host(host)
    try:
        parts = urlsplit(origin)
        default = _DEFAULT_PORTS[parts.scheme]
        their = (parts.hostname or "").removesuffix("."), parts.port or default
    except (ValueError, KeyError):
        return False
    if parsed is None or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return False
    return their == (parsed[0], parsed[1] or default)


def header_values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """Every value of one header, in order. HTTP header bytes are Latin-1 (RFC 9110, 5.5)."""
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]
