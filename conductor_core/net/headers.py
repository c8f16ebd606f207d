"""The headers every response carries. Nothing is loaded from another host, framed, sniffed or reported."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from functools import cache
from typing import Any

from starlette.types import Message, Send

SECURITY_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-robots-tag": "noindex",
}

_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


def with_security_headers(send: Send, content_security_policy: str) -> Send:
    """A `send` that puts the headers on every response that starts, in place of the application's own of that name."""
    encoded = _encoded(content_security_policy)

    async def send_with_headers(message: Message) -> None:
        if message["type"] in _STARTS:
            _replace(message, encoded)
        await send(message)

    return send_with_headers


@cache
def _encoded(content_security_policy: str) -> tuple[tuple[bytes, bytes], ...]:
    headers = {"content-security-policy": content_security_policy, **SECURITY_HEADERS}
    return tuple((name.encode(), value.encode()) for name, value in headers.items())


def _replace(message: MutableMapping[str, Any], headers: tuple[tuple[bytes, bytes], ...]) -> None:
    names = {name for name, _ in headers}
    kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in names]
    message["headers"] = [*kept, *headers]
