"""Which addresses may be reached."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from conductor_core.errors import InvalidRequest
from conductor_core.providers.address import AddressRefused, GuardedResolver, Target, check_base_url
from conductor_core.providers.base import Endpoint, Vendor

NEVER = [
    "http://169.254.169.254",
    "http://169.254.169.254./latest/meta-data/",
    "http://169.254.170.2:80/v1",
    "http://[fe80::1]",
    "http://[fe80::1%25eth0]/",
    "http://[fd00:ec2::254]",
    "http://[::ffff:a9fe:a9fe]",
    "http://[::ffff:169.254.169.254]/v1",
    "http://[64:ff9b::a9fe:a9fe]",
    "http://[2002:a9fe:a9fe::1]",
    "http://[::a9fe:a9fe]",
    "http://①⑥⑨.254.169.254",
    "http://100.100.100.200",
    "http://192.0.0.192",
    "http://168.63.129.16",
    "http://metadata.google.internal/computeMetadata",
    "http://METADATA",
    "http://2130706433",
    "http://2852039166/v1",
    "http://0x7f.1",
    "http://0251.0376.0251.0376",
    "http://127.1",
    "http://224.0.0.1",
    "http://255.255.255.255",
    "http://[ff02::1]",
    "http://user:pw@api.example.com",
    "http://user@api.example.com",
    "http://@api.example.com",
    "https://api.example.com/v1#fragment",
    "file:///etc/passwd",
    "gopher://api.example.com",
    "ftp://api.example.com",
    "//api.example.com",
    "api.example.com/v1",
    "http:///v1",
    "http://",
    "http:api.example.com",
    "http://api.example.com:99999",
    "http://api.example.com\\@169.254.169.254/",
    "http://api.example.com\r\nHost: evil",
    "http://api .example.com",
    "",
]
PRIVATE = [
    "http://127.0.0.1:11434/v1",
    "http://localhost:1234",
    "http://LOCALHOST.",
    "http://ollama.localhost/v1",
    "http://[::1]:8000",
    "http://[::ffff:127.0.0.1]",
    "http://0.0.0.0:8080",
    "http://[::]",
    "http://10.1.2.3",
    "http://172.16.0.9/v1",
    "http://192.168.1.5",
    "http://100.64.0.1",
    "http://[fd12::1]",
]
PUBLIC = [
    "https://api.openai.com/v1",
    "http://8.8.8.8",
    "https://[2606:4700::1111]/prefix/v1",
    "https://host/v1?api-version=1",
]


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("url", NEVER)
def test_never(url: str, trusted: bool) -> None:
    """Metadata, link-local, odd spellings and what is no plain base URL are refused whoever wrote them."""
    with pytest.raises(InvalidRequest) as caught:
        check_base_url(url, trusted)
    assert caught.value.field == "base_url"
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("url", PRIVATE)
def test_private_addresses_need_the_owner(url: str) -> None:
    """Loopback and private addresses are reached on the owner's word and refused without it."""
    check_base_url(url, trusted=True)
    with pytest.raises(InvalidRequest, match="loopback and private"):
        check_base_url(url, trusted=False)


@pytest.mark.parametrize("url", PUBLIC)
def test_public(url: str) -> None:
    """Public addresses are reached by anybody."""
    check_base_url(url, trusted=False)


@pytest.mark.parametrize(
    ("addresses", "trusted", "allowed"),
    [
        (["93.184.216.34"], False, ["93.184.216.34"]),
        (["93.184.216.34", "10.0.0.1"], False, ["93.184.216.34"]),
        (["10.0.0.1"], True, ["10.0.0.1"]),
        (["127.0.0.1"], False, []),
        (["169.254.169.254"], True, []),
        (["::ffff:169.254.169.254", "fe80::1"], True, []),
    ],
)
async def test_resolver(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], trusted: bool, allowed: list[str]
) -> None:
    """A name's addresses are judged one by one when it is resolved; only those that may be reached are handed on."""

    async def answered(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answered)
    resolver = GuardedResolver(trusted, timeout=1)
    if allowed:
        assert [found["host"] for found in await resolver.resolve("rebinding.example", 443)] == allowed
    else:
        with pytest.raises(AddressRefused):
            await resolver.resolve("rebinding.example", 443)


async def test_resolver_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that does not answer is waited for no longer than a connection."""

    async def silent(*_: object, **__: object) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", silent)
    with pytest.raises(TimeoutError):
        await GuardedResolver(True, timeout=0.01).resolve("slow.example")


def test_target_keeps_prefix_and_query() -> None:
    """A path prefix and a query of the base URL stay, with or without a slash at its end."""
    for base in ("http://h:81/pre%2Ffix/v1?api-version=2", "http://h:81/pre%2Ffix/v1/?api-version=2"):
        target = Target(Vendor("x", "X", "openai"), Endpoint(base), {})
        assert str(target.url("/models")) == "http://h:81/pre%2Ffix/v1/models?api-version=2"
        assert target.host == "h:81"


def test_target_names_the_variables() -> None:
    """An endpoint of the user's own is mended by its own variables."""
    target = Target(Vendor("custom:my-server", "my-server", "openai"), Endpoint("http://h/v1"), {})
    assert target.key_variable == "CONDUCTOR_ENDPOINTS__MY_SERVER__API_KEY"
    assert target.base_url_variable == "CONDUCTOR_ENDPOINTS__MY_SERVER__BASE_URL"
