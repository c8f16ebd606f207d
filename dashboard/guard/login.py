"""The password: compared in constant time, remembered in a signed cookie, tried at most a few times a minute."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer

from conductor_core.errors import SettingsError
from conductor_core.secret import Secret

COOKIE = "conductor_session"
SESSION_SECONDS = 7 * 24 * 3600
TRIES_PER_CLIENT = 5
# A stranger with many addresses must not get many times the tries, nor keep the owner out with a handful of them.
TRIES_OVERALL = 20
WINDOW_SECONDS = 60.0

_SECRET_FILE = "session.key"  # noqa: S105 - the file's name, not what is in it


class Login:
    """One password and its sessions. Changing the password, or deleting the secret file, ends every session."""

    def __init__(self, password: Secret, secret: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        self._digest = _digest(password.reveal())
        key = hmac.new(secret, b"session\0" + self._digest, hashlib.sha256).digest()
        self._serializer = URLSafeTimedSerializer(key, salt="conductor-session")
        self._ended: set[str] = set()
        self.tries = Tries(clock)

    @classmethod
    def open(cls, password: Secret, home: Path) -> Login:
        """The login of an installation, with the secret of its folder.

        Raises:
            SettingsError: the secret file can't be written, or others on this machine can read it.
        """
        return cls(password, _read_secret(home))

    def is_right(self, password: str) -> bool:
        """Whether this is the password. Takes equally long for every wrong one."""
        return hmac.compare_digest(_digest(password), self._digest)

    def start_session(self) -> str:
        """A new session's cookie value."""
        return self._serializer.dumps(secrets.token_urlsafe(16))

    def is_session(self, cookie: str) -> bool:
        """Whether a cookie value is a session of ours that has neither expired nor been ended."""
        return cookie not in self._ended and self._loads(cookie)

    def end_session(self, cookie: str) -> None:
        """Logs one session out, also for whoever copied its cookie, until this process ends."""
        if self._loads(cookie):
            self._ended.add(cookie)

    def _loads(self, cookie: str) -> bool:
        try:
            self._serializer.loads(cookie, max_age=SESSION_SECONDS)
        except BadSignature:
            return False
        return True


class Tries:
    """Tries of the last minute that were not right, by client and overall."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def wait(self, client: str) -> int:
        """Whole seconds until this client may try again; 0 when it may now."""
        waits = (self._wait(_network(client), TRIES_PER_CLIENT), self._wait("", TRIES_OVERALL))
        return max(waits)

    def forgive(self, client: str) -> None:
        """Takes back what `count` noted last: the password was right."""
        for key in (_network(client), ""):
            if self._times.get(key):
                self._times[key].pop()
            if not self._times.get(key):
                self._times.pop(key, None)

    def count(self, client: str) -> None:
        """Notes one try."""
        now = self._clock()
        for key in (_network(client), ""):
            self._times[key].append(now)
        for key in [key for key, times in self._times.items() if times[-1] <= now - WINDOW_SECONDS]:
            del self._times[key]

    def _wait(self, key: str, limit: int) -> int:
        times = self._times.get(key)
        if not times:
            return 0
        now = self._clock()
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        if not times:
            del self._times[key]
        return int(times[0] + WINDOW_SECONDS - now) + 1 if len(times) >= limit else 0


def _network(client: str) -> str:
    """The address, or its /64 for IPv6, where one customer owns them all (RFC 6177)."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else client


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()


def _read_secret(home: Path) -> bytes:
    path = home / _SECRET_FILE
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(path)
        mode = path.stat().st_mode
        secret = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"The file of the session secret, {path}, can't be used: {error.strerror}.") from error
    if os.name == "posix" and mode & 0o077:
        raise SettingsError(f"Others on this machine can read {path}. Run: chmod 600 {path}")
    if len(secret) < 32:
        raise SettingsError(f"{path} is not a session secret. Delete it; a new one is made at the next start.")
    return secret


def _create(path: Path) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(32))
