"""The address this process really listens on, however it was started.

`streamlit run` binds before the application starts, the uvicorn command afterwards, and each takes its address from
other flags, files and variables. The one place where they meet is the running `uvicorn.Server`: it holds the sockets it
was given, or the host it is about to bind.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from types import FrameType
from typing import Any

from dashboard.guard.hosts import is_loopback

UNKNOWN = "an unknown address"


def listening_addresses() -> list[str]:
    """Every address of the server on the running loop; `UNKNOWN` alone when it is not uvicorn."""
    import uvicorn

    for frame in _waiting_frames():
        server = frame.f_locals.get("self")
        if isinstance(server, uvicorn.Server):
            return _addresses(server.config, frame.f_locals.get("sockets"))
    return [UNKNOWN]


def is_private(address: str) -> bool:
    """Whether only this machine reaches an address: loopback, a name that resolves to nothing else, a Unix socket."""
    if address.startswith("unix:"):
        return True
    if is_loopback(address):
        return True
    if not address or address == UNKNOWN:
        return False
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(is_loopback(str(entry[4][0])) for entry in found)


def _waiting_frames() -> Iterator[FrameType]:
    """The frames of every task of this loop, each from its outermost coroutine inwards."""
    for task in asyncio.all_tasks():
        coroutine: Any = task.get_coro()
        while coroutine is not None:
            frame = getattr(coroutine, "cr_frame", None)
            if frame is not None:
                yield frame
            coroutine = getattr(coroutine, "cr_await", None)


def _addresses(config: Any, sockets: list[socket.socket] | None) -> list[str]:
    if sockets:
        return [_address(sock) for sock in sockets]
    if config.uds:
        return [f"unix:{config.uds}"]
    if config.fd is not None:
        with socket.fromfd(config.fd, socket.AF_INET, socket.SOCK_STREAM) as inherited:
            return [_address(inherited)]
    return [config.host or ""]


def _address(sock: socket.socket) -> str:
    name = sock.getsockname()
    return str(name[0]) if isinstance(name, tuple) else f"unix:{name!s}"
