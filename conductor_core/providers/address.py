"""Where a provider is reached, and which addresses may be reached at all.

Link-local and cloud metadata addresses never; loopback and private ones only when the base URL is the owner's word.
The rule is applied to the URL as written and again to every address its name resolves to, at the moment of connecting:
only addresses that passed are handed on, so a name that changes its mind between check and use gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from conductor_core.errors import InvalidRequest
from conductor_core.providers.base import Endpoint, Vendor

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)
"""AWS, Google, Azure and others; AWS over IPv6; Alibaba; Oracle; Azure's wire server."""
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(OSError):
    """The name leads to an address that may not be reached. An `OSError`, as the resolver's callers expect."""


class Target:
    """One provider's address, prepared once: URLs by path, request headers, and what its messages name.

    Raises:
        InvalidRequest: the base URL may not be used; says why.
    """

    def __init__(self, vendor: Vendor, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        check_base_url(endpoint.base_url, endpoint.trusted)
        self.provider = vendor.name
        self.label = vendor.label
        self.trusted = endpoint.trusted
        self.headers: CIMultiDict[str] = CIMultiDict(headers)
        self.host = _shown_host(URL(endpoint.base_url))
        self.key_variable, self.base_url_variable = _variables(vendor)
        self._base = URL(endpoint.base_url)
        self._urls: dict[str, URL] = {}

    def url(self, path: str) -> URL:
        """`path` under the base URL, whose own path prefix and query stay; without a path the base URL itself."""
        if not path:
            return self._base
        if path not in self._urls:
            prefix = self._base.raw_path.rstrip("/")
            self._urls[path] = self._base.with_path(prefix + path, encoded=True, keep_query=True)
        return self._urls[path]


def check_base_url(url: str, trusted: bool) -> None:
    """Whether a provider may be reached at `url`, as far as its text tells; for saving and for building a target.

    Args:
        url: a base URL as somebody wrote it.
        trusted: the owner's word: loopback and private addresses are allowed.

    Raises:
        InvalidRequest: it may not; says why. The URL itself is not repeated, for it may hold a password.
    """
    if any(character.isspace() or character == "\\" or not character.isprintable() for character in url):
        raise InvalidRequest("A base URL holds no white space, backslash or invisible character.", "base_url")
    try:
        parsed = URL(url)
    except ValueError as error:
        raise InvalidRequest(
            "The base URL can't be read. Write it like https://api.example.com/v1.", "base_url"
        ) from error
    if parsed.scheme not in ("http", "https") or not parsed.raw_host:
        raise InvalidRequest("A base URL starts with http:// or https:// and a host name.", "base_url")
    if "@" in url.split("/", 3)[2]:
        raise InvalidRequest("A base URL carries no user name or password. Enter the key in its own field.", "base_url")
    if parsed.raw_fragment:
        raise InvalidRequest("A base URL carries no fragment (the part after #).", "base_url")
    reason = _host_refusal(parsed.raw_host.rstrip(".").lower(), trusted)
    if reason:
        raise InvalidRequest(f"The base URL may not lead to {_shown_host(parsed)}: {reason}.", "base_url")


def address_refusal(address: IPAddress, trusted: bool) -> str | None:
    """Why `address` may not be reached; None when it may."""
    for form in (address, *_embedded(address)):
        if form in _METADATA or form.is_link_local:
            return "link-local and metadata addresses are never reached"
        if form.is_multicast or (form.version == 4 and form.is_reserved):
            return "it is not an address of a server"
        if not trusted and not form.is_global:
            return "loopback and private addresses are reached only when the environment or .env names them"
    return None


class GuardedResolver(AbstractResolver):
    """Resolves names with the system's resolver and hands on only addresses that may be reached.

    Args:
        trusted: whether loopback and private addresses may be.
        timeout: longest wait for an answer, in seconds.
    """

    def __init__(self, trusted: bool, timeout: float) -> None:
        self._trusted = trusted
        self._timeout = timeout

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        async with asyncio.timeout(self._timeout):
            found = await self._lookup(host, port, family)
        reasons = {entry: address_refusal(ipaddress.ip_address(entry[4][0]), self._trusted) for entry in found}
        allowed = [entry for entry, reason in reasons.items() if reason is None]
        if not allowed:
            raise AddressRefused(next(iter(reasons.values()), None) or "it has no address")
        return [
            ResolveResult(
                hostname=host,
                host=str(entry[4][0]),
                port=port,
                family=entry[0],
                proto=entry[2],
                flags=socket.AI_NUMERICHOST,
            )
            for entry in allowed
        ]

    async def close(self) -> None:
        """Holds nothing."""

    async def _lookup(self, host: str, port: int, family: socket.AddressFamily) -> list[Any]:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)


def _host_refusal(host: str, trusted: bool) -> str | None:
    if host in _METADATA_NAMES:
        return "link-local and metadata addresses are never reached"
    if host == "localhost" or host.endswith(".localhost"):
        return address_refusal(ipaddress.IPv4Address("127.0.0.1"), trusted)
    try:
        return address_refusal(ipaddress.ip_address(host), trusted)
    except ValueError:
        pass
    try:
        plain = socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None
    return f"write the address in its usual form, {plain}"


def _embedded(address: IPAddress) -> list[IPAddress]:
    """The IPv4 addresses an IPv6 one stands for: mapped, compatible, NAT64 (RFC 6052), 6to4, Teredo."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[IPAddress | None] = [address.ipv4_mapped, address.sixtofour]
    if address.teredo:
        found.extend(address.teredo)
    if address in _NAT64 or 1 < int(address) < 2**32:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [form for form in found if form is not None]


def _shown_host(url: URL) -> str:
    host = f"[{url.raw_host}]" if ":" in (url.raw_host or "") else url.raw_host or ""
    return host if url.is_default_port() else f"{host}:{url.port}"


def _variables(vendor: Vendor) -> tuple[str, str]:
    if vendor.name.startswith("custom:"):
        stem = "CONDUCTOR_ENDPOINTS__" + vendor.name.removeprefix("custom:").replace("-", "_").upper()
        return f"{stem}__API_KEY", f"{stem}__BASE_URL"
    return next(iter(vendor.key_variables), ""), vendor.base_url_variable
