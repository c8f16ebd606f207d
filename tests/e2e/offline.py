"""A place without a network: a namespace of Linux that has loopback and nothing else."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_OWN = Path("/proc/thread-self/ns/net")


@contextmanager
def loopback_only() -> Iterator[bool]:
    """Moves this thread, and what it starts, to where only loopback is; yields whether it could.

    It takes Linux and the right to make a namespace (network_namespaces(7)), which root has outside of most containers.
    """
    if not _OWN.exists():
        yield False
        return
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open(_OWN, os.O_RDONLY)
    try:
        moved = libc.unshare(_CLONE_NEWNET) == 0
        if moved:
            _raise_loopback()
        yield moved
        if moved and libc.setns(home, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "the thread could not go back to the machine's network")
    finally:
        os.close(home)


def interfaces() -> list[str]:
    """The network interfaces this thread can see."""
    lines = Path("/proc/thread-self/net/dev").read_text().splitlines()[2:]
    return [line.partition(":")[0].strip() for line in lines]


def _raise_loopback() -> None:
    with socket.socket() as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP))
