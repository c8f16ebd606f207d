"""The headers every response carries. Nothing is loaded from another host, framed, sniffed or reported."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.types import Message, Send

# Streamlit 1.67's one inline script (`window.prerenderReady = false`); a test compares it with the installed page.
INLINE_SCRIPT = "'sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA='"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' {INLINE_SCRIPT}",
        # Streamlit styles its elements inline; without scripts a style can neither read the page nor call out.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-src 'none'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS: dict[str, str] = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-robots-tag": "noindex",
}

_ENCODED = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_NAMES = frozenset(name for name, _ in _ENCODED)
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


def with_security_headers(send: Send) -> Send:
    """A `send` that puts the headers on every response that starts, in place of the application's own of that name."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] in _STARTS:
            _replace(message)
        await send(message)

    return send_with_headers


def _replace(message: MutableMapping[str, Any]) -> None:
    kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in _NAMES]
    message["headers"] = [*kept, *_ENCODED]
