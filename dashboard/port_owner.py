"""Which process listens on a port, read from /proc. Only Linux has it, and only for processes one may look into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Owner:
    """A process and how it was started."""

    pid: int
    command: str

    @property
    def is_conductor(self) -> bool:
        return "-m dashboard" in self.command or "dashboard/app.py" in self.command


def find_owner(port: int) -> Owner | None:
    """The process that listens on a TCP port; None when the system does not say."""
    sockets = set(_listening_sockets(port))
    for folder in _PROC.glob("[0-9]*"):
        if sockets & set(_open_sockets(folder)):
            return Owner(int(folder.name), _command(folder))
    return None


def _listening_sockets(port: int) -> Iterator[str]:
    """The inodes of the sockets listening there, from the tables of proc(5): local address, state and inode."""
    for table in ("tcp", "tcp6"):
        for line in _lines(_PROC / "net" / table)[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _open_sockets(process: Path) -> Iterator[str]:
    try:
        for descriptor in (process / "fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                yield target[8:-1]
    except OSError:
        # Another user's process, or one that ended while it was read.
        return


def _command(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return "its command is not readable"
    return " ".join(words).strip()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
