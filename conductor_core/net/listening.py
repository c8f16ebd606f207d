"""The address this process really listens on, however it was started.

`streamlit run` binds before the application starts, the uvicorn command afterwards, and each takes its address from
other flags, files and variables. The one place where they meet is the running `uvicorn.Server`: it holds the sockets it
was given, or the host it is about to bind.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from conductor_core.errors import SettingsError
from conductor_core.net.hosts import is_loopback
from conductor_core.settings import Settings

UNKNOWN = "an unknown address"


def listening_addresses() -> list[str]:
    """Every address of the server on the running loop; `UNKNOWN` alone when it is not uvicorn."""
    for config, sockets in _servers():
        return _addresses(config, sockets)
    return [UNKNOWN]


def listening_url() -> str | None:
    """Where a browser on this machine opens it: `http://127.0.0.1:8501`; None when that is not known."""
    for config, sockets in _servers():
        if config.uds or config.fd is not None:
            return None
        host, port = sockets[0].getsockname()[:2] if sockets else (config.host, config.port)
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound here
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return None


def keep_to_this_process() -> None:
    """Keeps the server's sockets from the processes this one starts, which would hold the port after its end.

    Streamlit and uvicorn mark them as inheritable, and uvloop closes nothing in a child that is not marked otherwise.
    """
    for _, sockets in _servers():
        for sock in sockets:
            sock.set_inheritable(False)


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


def check_addresses(settings: Settings, addresses: Sequence[str]) -> None:
    """Refuses to listen where others can reach us without a password.

    Raises:
        SettingsError: one of the addresses, or CONDUCTOR_HOST, is not loopback and no password is set.
    """
    if settings.password is not None:
        return
    for address in [*addresses, settings.host]:
        if not is_private(address):
            raise SettingsError(
                f"Conductor would listen on {address or 'every network interface'}, where others can reach it, "
                "and no password is set. Set CONDUCTOR_PASSWORD, or listen on 127.0.0.1 "
                "(server.address in .streamlit/config.toml, --server.address, --host or CONDUCTOR_HOST)."
            )


def own_names(settings: Settings, addresses: Sequence[str]) -> frozenset[str]:
    """The host names besides loopback that a server on these addresses answers to, lower case."""
    own = {address.lower() for address in [*addresses, settings.host] if address and not is_loopback(address)}
    return frozenset(own | {host.lower() for host in settings.allowed_hosts})


def _servers() -> Iterator[tuple[Any, list[socket.socket]]]:
    """The configuration of the server on the running loop, and the sockets it was given."""
    import uvicorn

    for frame in _waiting_frames():
        server = frame.f_locals.get("self")
        if isinstance(server, uvicorn.Server):
            yield server.config, frame.f_locals.get("sockets") or []


def _waiting_frames() -> Iterator[FrameType]:
    """The frames of every task of this loop, each from its outermost coroutine inwards."""
    for task in asyncio.all_tasks():
        coroutine: Any = task.get_coro()
        while coroutine is not None:
            frame = getattr(coroutine, "cr_frame", None)
            if frame is not None:
                yield frame
            coroutine = getattr(coroutine, "cr_await", None)


def _addresses(config: Any, sockets: list[socket.socket]) -> list[str]:
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
