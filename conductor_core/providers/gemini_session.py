"""Tames the HTTP session under google-generativeai: its calls can be stopped from another thread, and are bounded.

The SDK talks through requests, which follows redirects with the key, takes proxies from the environment, reads without
a limit and can't be interrupted. Here it does none of that. Imported at Gemini's first call: requests is the SDK's.
"""

from __future__ import annotations

import io
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import create_connection

from conductor_core.providers.address import AddressRefused, address_refusal
from conductor_core.providers.faults import Unreachable

_READ_SIZE = 65_536
_REASON_SIZE = 65_536

running: ContextVar[Call] = ContextVar("running")
"""The call of the thread that asks: requests gives no other way from a request to its connection."""
READ_FAULTS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
TIMEOUTS = (requests.Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError)


class Stopped(Exception):
    """The call was stopped before it could send anything."""


class TooLong(Exception):
    """The answer is larger than it may be."""


class Refused(Exception):
    """The server answered with another status than 2xx."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to wait for a connection and between two pieces of an answer; bytes one answer may have.

    `trusted`: whether loopback and private addresses may be reached.
    """

    connect: float
    silence: float
    answer_bytes: int
    trusted: bool


class Call:
    """One call in one thread. Any thread may `stop` it: a thread can't be cancelled, but its socket can be shut.

    Args:
        lock: one for all calls of a session, since they hand connections on to one another.
        limits: as all calls of this provider have them.
        patience: longest wait for the first byte of the answer, in seconds.
    """

    def __init__(self, lock: threading.Lock, limits: Limits, patience: float) -> None:
        self._lock = lock
        self.limits = limits
        self.patience = patience
        self._connection: _Held | None = None
        self._socket: socket.socket | None = None
        self._received = 0
        self._response: requests.Response | None = None
        self.body = b""
        self.streamed = False
        self.stopped = False

    @property
    def content_type(self) -> str:
        return str(self._response.headers.get("Content-Type", "")) if self._response is not None else ""

    @property
    def answering(self) -> bool:
        """Whether a first byte of the answer is here."""
        return self._received > 0

    def hold(self, connection: _Held) -> None:
        """Takes over a connection, new or kept from an earlier call.

        Raises:
            Stopped: too late; nothing may be sent.
        """
        with self._lock:
            if self.stopped:
                raise Stopped
            connection.call = self
            self._connection, self._socket = connection, connection.sock
            if connection.shut:
                connection.close()  # it opens a new one by itself

    def stop(self) -> None:
        """Shuts the socket, unless the connection already serves another call. A read in progress ends at once."""
        with self._lock:
            self.stopped = True
            if self._connection is None or self._socket is None or self._connection.call is not self:
                return
            self._connection.shut = True
            with suppress(OSError):  # the other side was quicker
                # Not SSLSocket's own shutdown: it drops the TLS state under the reading thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def begin(self, response: requests.Response, *, streamed: bool) -> None:
        self._response, self.streamed = response, streamed

    def pieces(self) -> Iterator[bytes]:
        """The answer's bytes as they arrive.

        Raises:
            TooLong: at the size limit.
        """
        assert self._response is not None, "the request comes before its answer"
        while piece := self._response.raw.read1(_READ_SIZE, decode_content=True):
            if not self._received and self._socket is not None:
                with suppress(OSError):  # a response that ends the connection may have closed it already
                    self._socket.settimeout(self.limits.silence)
            self._received += len(piece)
            if self._received > self.limits.answer_bytes:
                raise TooLong
            yield piece

    def end(self) -> None:
        """Gives the connection back, or closes it when the answer was not read to its end."""
        if self._response is not None:
            self._response.close()


class _Held(HTTPConnection):
    """What both kinds of connection add: the running call holds the socket, and only checked addresses are reached."""

    call: Call | None = None
    shut = False

    def connect(self) -> None:
        try:
            super().connect()
        except OSError as error:
            raise Unreachable(error) from error
        self.shut = False
        running.get().hold(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            running.get().hold(self)
        super().request(*args, **kwargs)

    def _new_conn(self) -> socket.socket:
        """Resolved once, and connected to what was checked: a name that changes its mind in between gains nothing."""
        trusted = running.get().limits.trusted
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        reasons = {str(entry[4][0]): address_refusal(ipaddress.ip_address(entry[4][0]), trusted) for entry in found}
        allowed = [address for address, reason in reasons.items() if reason is None]
        if not allowed:
            raise AddressRefused(next(iter(reasons.values()), None) or "it has no address")
        return self._first_reached(allowed)

    def _first_reached(self, addresses: list[str]) -> socket.socket:
        for address in addresses[:-1]:
            with suppress(OSError):
                return self._reach(address)
        return self._reach(addresses[-1])

    def _reach(self, address: str) -> socket.socket:
        return create_connection((address, self.port), self.timeout, self.source_address, self.socket_options)


class _PlainConnection(_Held, HTTPConnection):
    """http://"""


class _TLSConnection(_Held, HTTPSConnection):
    """https://"""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    """Sends for the running call, with our deadlines whatever the SDK asks for, and passes on nothing but 2xx."""

    def __init__(self, connections: int) -> None:
        super().__init__(pool_connections=2, pool_maxsize=connections)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TLSPool}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Trusts the machine's authorities (and `SSL_CERT_FILE`), as the other providers' client does."""
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **kwargs)

    def send(
        self, request: requests.PreparedRequest, stream: bool = False, *_: Any, verify: Any = True, **__: Any
    ) -> requests.Response:
        call = running.get()
        timeout = (call.limits.connect, call.patience)
        response = super().send(request, stream=True, timeout=timeout, verify=verify)
        call.begin(response, streamed=stream)
        if not 200 <= response.status_code < 300:
            raise Refused(response.status_code, response.headers, _start(call.pieces()))
        if not stream:
            call.body = b"".join(call.pieces())
            response.raw = io.BytesIO(call.body)
        return response


def _start(pieces: Iterator[bytes]) -> bytes:
    """As much as a reason may take, of what may be any size."""
    found = b""
    while len(found) < _REASON_SIZE and (piece := next(pieces, b"")):
        found += piece
    return found


def tame(session: requests.Session, key: str | None, connections: int) -> None:
    """Makes the SDK's session send the key as a header, to the host it is asked for and nowhere else."""
    session.trust_env = False
    session.max_redirects = 0
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "conductor"})
    if key:
        session.headers["x-goog-api-key"] = key
    adapter = _Adapter(connections)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
