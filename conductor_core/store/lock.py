"""One process per database: a lock the system lets go of when its process dies, and a note of who holds it."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from conductor_core.errors import AlreadyRunning


class DataLock:
    """Holds `conductor.lock` in a folder until `release`."""

    def __init__(self, lock: FileLock, note: Path) -> None:
        self._lock = lock
        self._note = note

    @classmethod
    def take(cls, home: Path, place: str) -> DataLock:
        """Takes the lock.

        Raises:
            AlreadyRunning: another process has it; names its pid and its address.
        """
        lock = FileLock(home / "conductor.lock", timeout=0, mode=0o600, thread_local=False)
        note = home / "conductor.lock.json"
        try:
            lock.acquire()
        except Timeout as error:
            raise AlreadyRunning(
                f"Conductor is already running on this data: {_holder(note)}. "
                f"Use that one, stop it, or set CONDUCTOR_HOME to another folder than {home}."
            ) from error
        taken = cls(lock, note)
        taken._sign(place)
        return taken

    def release(self) -> None:
        """Lets go. Doing so twice is harmless: by then the note may be another process's."""
        if not self._lock.is_locked:
            return
        self._note.unlink(missing_ok=True)
        self._lock.release()

    def _sign(self, place: str) -> None:
        fresh = self._note.with_suffix(".new")
        fresh.write_bytes(orjson.dumps({"pid": os.getpid(), "place": place}))
        fresh.chmod(0o600)
        fresh.replace(self._note)


def _holder(note: Path) -> str:
    try:
        signed = orjson.loads(note.read_bytes())
        return f"process {signed['pid']}" + (f", {signed['place']}" if signed["place"] else "")
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
