"""The only HTTP client. Dialects hand it bytes and get parsed JSON or a stream of parsed events; every fault of the
transport leaves it as a `ProviderError`. It retries nothing: that is decided elsewhere, once.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from conductor_core.errors import InvalidRequest, ProviderError
from conductor_core.kinds import Outcome
from conductor_core.providers.address import GuardedResolver, Target, check_base_url
from conductor_core.providers.base import Endpoint, Vendor
from conductor_core.providers.faults import Faults, looks_like_page
from conductor_core.providers.stream import EventStream, lenient_json
from conductor_core.redaction import Redactor
from conductor_core.settings import Settings

__all__ = ["EventStream", "Target", "Wire", "check_base_url"]

WHOLE_ANSWER_FACTOR = 4
"""An answer that is not streamed has its first byte when it is complete: it may take this many times as long."""

_ERROR_BODY_BYTES = 65_536
_STREAM_TYPES = frozenset({"text/event-stream", "text/plain", "application/octet-stream"})
_CLIENT_FAULTS = (aiohttp.ClientError, TimeoutError, OSError)


class Wire:
    """HTTP for all providers: one session for the process, made on the running loop at the first call.

    (Addresses typed into a public installation's Settings get a session of their own, so that no connection that the
    owner's word opened is ever reused for them.)

    Args:
        settings: deadlines and the limit of an answer's size.
        redactor: learns every key that passes, and cleans what upstream says.
    """

    def __init__(self, settings: Settings, redactor: Redactor) -> None:
        self._settings = settings
        self._redactor = redactor
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        connect, total = settings.connect_timeout, settings.total_timeout
        whole = min(total, settings.first_byte_timeout * WHOLE_ANSWER_FACTOR)
        self._post_timeout = aiohttp.ClientTimeout(total=whole, sock_connect=connect)
        self._get_timeout = aiohttp.ClientTimeout(total=min(total, settings.first_byte_timeout), sock_connect=connect)
        self._stream_timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect)

    def patient(self) -> Wire:
        """The same connections, for a server known to be at work: its first byte may take as long as a whole answer."""
        settings = self._settings.model_copy(update={"first_byte_timeout": self._settings.total_timeout})
        twin = Wire(settings, self._redactor)
        twin._sessions = self._sessions
        return twin

    def target(self, vendor: Vendor, endpoint: Endpoint, headers: Mapping[str, str]) -> Target:
        """A provider's address, prepared once for all its calls.

        Raises:
            ProviderError: the base URL may not be used; of kind `connection`.
        """
        if endpoint.key:
            self._redactor.learn(endpoint.key)
        # All that aiohttp would add of its own: asking it to skip some costs every request a copy of its headers.
        common = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": "conductor",
        }
        try:
            return Target(vendor, endpoint, {**common, **headers})
        except InvalidRequest as error:
            sentence = f"{vendor.label} can't be reached. {error}"
            raise ProviderError(sentence, provider=vendor.name, kind=Outcome.CONNECTION) from error

    async def get_json(self, target: Target, path: str) -> Any:
        """A parsed JSON answer to a GET.

        Raises:
            ProviderError: any fault.
        """
        return await self._exchange("GET", target, path, None, "", self._get_timeout)

    async def post_json(self, target: Target, path: str, body: bytes, model: str = "") -> dict[str, Any]:
        """A parsed JSON object, the answer to a POST of `body`.

        Args:
            model: what the call asks for, to be named when it does not exist.

        Raises:
            ProviderError: any fault.
        """
        answer = await self._exchange("POST", target, path, body, model, self._post_timeout)
        if not isinstance(answer, dict):
            raise self.faults(target, model).bad_response("sent an unreadable answer. Check its base URL.")
        return answer

    async def stream(self, target: Target, path: str, body: bytes, model: str = "") -> EventStream:
        """POSTs `body` and returns its answer once the first bytes are there, for `async with await wire.stream(…)`.

        Args:
            model: what the call asks for, to be named when it does not exist.

        Raises:
            ProviderError: any fault up to the first bytes.
        """
        faults = self.faults(target, model)
        response: aiohttp.ClientResponse | None = None
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self._settings.first_byte_timeout, self._settings.total_timeout)):
                response = await self._send("POST", target, path, body, self._stream_timeout)
                if response.status // 100 != 2 or response.content_type not in _STREAM_TYPES:
                    raise await _refusal(response, faults)
                first = await response.content.readany()
            stream = EventStream(response, faults, first, self._settings, started)
            response = None
            return stream
        except aiohttp.ClientError as error:
            raise faults.of_exception(error, answering=response is not None) from error
        except TimeoutError as error:
            raise faults.no_first_byte() from error
        except OSError as error:
            raise faults.of_exception(error, answering=False) from error
        finally:
            if response is not None:
                response.close()

    async def notify(self, target: Target, body: bytes, timeout: float) -> None:
        """POSTs `body` to the target's address as it is, where nothing is expected back but a 2xx.

        Args:
            timeout: for all of it, in seconds.

        Raises:
            ProviderError: any fault.
        """
        response: aiohttp.ClientResponse | None = None
        limit = aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, self._settings.connect_timeout))
        try:
            response = await self._send("POST", target, "", body, limit)
            if response.status // 100 != 2:
                raise await _refusal(response, self.faults(target, ""))
        except _CLIENT_FAULTS as error:
            raise self.faults(target, "").of_exception(error, answering=response is not None) from error
        finally:
            if response is not None:
                response.close()

    def faults(self, target: Target, model: str) -> Faults:
        """What turns this call's faults into errors."""
        return Faults(target, model, self._redactor)

    async def close(self) -> None:
        """Closes every connection; calls still running end with a fault."""
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await session.close()

    async def _exchange(
        self, method: str, target: Target, path: str, body: bytes | None, model: str, timeout: aiohttp.ClientTimeout
    ) -> Any:
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._send(method, target, path, body, timeout)
            if response.status // 100 != 2:
                raise await _refusal(response, self.faults(target, model))
            raw = await _body(response, self._settings.max_answer_bytes)
        except _CLIENT_FAULTS as error:
            raise self.faults(target, model).of_exception(error, answering=response is not None) from error
        finally:
            if response is not None:
                response.close()  # a connection whose answer was read to its end is kept all the same
        if raw is None:
            limit = self._settings.max_answer_bytes
            raise self.faults(target, model).too_long(limit, streamed=False)
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            return self._second_reading(raw, response.content_type, self.faults(target, model))

    def _second_reading(self, raw: bytes, content_type: str, faults: Faults) -> Any:
        if looks_like_page(content_type, raw):
            raise faults.web_page()
        try:
            return lenient_json(raw)
        except ValueError as error:
            raise faults.unreadable() from error

    async def _send(
        self, method: str, target: Target, path: str, body: bytes | None, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        session = self._sessions.get(target.trusted) or self._open(target.trusted)
        data = io.BytesIO(body) if body and len(body) > 1_000_000 else body  # aiohttp wants large ones as a file
        return await session.request(
            method, target.url(path), data=data, headers=target.headers, timeout=timeout, allow_redirects=False
        )

    def _open(self, trusted: bool) -> aiohttp.ClientSession:
        resolver = GuardedResolver(trusted, self._settings.connect_timeout)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, resolver=resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        self._sessions[trusted] = session
        return session


async def _refusal(response: aiohttp.ClientResponse, faults: Faults) -> ProviderError:
    """What an answer that is not the one asked for means."""
    body = await _body(response, _ERROR_BODY_BYTES) or b""
    if response.status // 100 != 2:
        return faults.of_status(response.status, response.headers, body)
    if looks_like_page(response.content_type, body):
        return faults.web_page()
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if isinstance(answer, dict) and answer.get("error"):
        return faults.of_event(answer)
    return faults.bad_response("did not stream its answer, although asked to. Check its base URL.")


async def _body(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    """The whole body, or None when it is larger than `limit` bytes."""
    length = response.content_length
    if length is not None and length <= limit and "Content-Encoding" not in response.headers:
        return await response.read()
    pieces: list[bytes] = []
    received = 0
    while piece := await response.content.readany():
        received += len(piece)
        if received > limit:
            return None
        pieces.append(piece)
    return b"".join(pieces)
