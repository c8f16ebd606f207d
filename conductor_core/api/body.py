"""Request bodies: bounded in size, time and depth, and read strictly, before anything looks at them.

What `json.loads` lets pass (NaN, a key twice, half a surrogate pair, an integer of 5,000 digits, 100,000 brackets) ends
here as a 400 that says where, so that nothing behind this line has to know of it. (RFC 8259; RFC 7493, I-JSON)
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from conductor_core.api.errors import HttpError, Problem
from conductor_core.api.installation import conductor_of

DEEPEST = 64
"""Brackets inside brackets."""
BYTES_PER_SECOND = 32 * 1024
"""A body may take `api_read_timeout`, and a second more for each so many bytes: slow lines get their time, a sender who
drips does not."""
LONG = 256 * 1024
"""Bytes from which on a body is read beside the event loop."""

_JSON = re.compile(rb"application/(?:[\w.+-]+\+)?json", re.IGNORECASE)
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_LONG_INTEGER = re.compile(rb"(?<![\w.+\-])-?[0-9]{19,}(?![\w.])")
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1
"""Of the integers that fit into 64 bits, with a sign or without."""


async def read_json(request: Request, *, images: bool = False) -> Any:
    """The body as plain values, within the limits of the settings.

    Args:
        images: it may hold images, which count against `api_body_bytes` only; all else is text.

    Raises:
        HttpError: 415 not sent as JSON, 413 too large, 408 too slow, 400 no strict JSON.
        ClientDisconnect: nobody is there any more.
    """
    check_media_type(request)
    settings = conductor_of(request).settings
    limit = settings.api_body_bytes if images else settings.api_text_bytes
    body = await read_bytes(request, limit, settings.api_read_timeout)
    if len(body) < LONG:
        return _parsed(body, settings.api_text_bytes)
    return await asyncio.to_thread(_parsed, body, settings.api_text_bytes)


def _parsed(body: bytes, most_text: int) -> Any:
    value = parse(body)
    if len(body) > most_text and sum(map(_text_bytes, _strings(value))) > most_text:
        raise _too_large(most_text, "The text of this request")
    return value


def check_media_type(request: Request) -> None:
    """A page of another site can make a browser send forms and plain text, but not JSON without being asked first.

    Raises:
        HttpError: 415.
    """
    kinds = request.headers.getlist("content-type")
    media = kinds[0].partition(";")[0].strip() if len(kinds) == 1 else ""
    encodings = request.headers.get("content-encoding", "identity")
    if not _JSON.fullmatch(media.encode("latin-1")) or encodings.lower() != "identity":
        raise HttpError(
            Problem(
                415,
                "unsupported_media_type",
                "The body must be JSON, uncompressed: send it with Content-Type: application/json.",
            )
        )


async def read_bytes(request: Request, limit: int, seconds: float) -> bytes:
    """The body as it came, no more than `limit` bytes of it at any time.

    Raises:
        HttpError: 413, 408, or 400 for a length that is none.
        ClientDisconnect: nobody is there any more.
    """
    told = request.headers.get("content-length")
    if told is not None:
        if not told.isascii() or not told.isdigit() or len(told) > 18:
            raise HttpError(Problem(400, "invalid_request", "Content-Length must be a number of bytes."))
        if int(told) > limit:
            raise _too_large(limit)
    pieces: list[bytes] = []
    received, more = 0, True
    try:
        async with asyncio.timeout(seconds) as deadline:
            began = asyncio.get_running_loop().time()
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                pieces.append(message.get("body", b""))
                received += len(pieces[-1])
                if received > limit:
                    raise _too_large(limit)
                more = message.get("more_body", False)
                if more:
                    deadline.reschedule(began + seconds + received / BYTES_PER_SECOND)
    except TimeoutError as error:
        raise HttpError(
            Problem(408, "request_timeout", f"The body did not arrive in time: {received} bytes came.")
        ) from error
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def parse(body: bytes) -> Any:
    """Strict JSON as plain values.

    Raises:
        HttpError: 400 with line and column.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _no_json(error.msg.partition(":")[0], error.lineno, error.colno) from None
    # Only now: of a string that never ends a pattern tries every quote as its beginning.
    skeleton = _STRING.sub(b"_", body)
    if skeleton.count(b"{") + skeleton.count(b"[") > DEEPEST:
        _check_depth(body)
    for found in _LONG_INTEGER.finditer(skeleton):
        _check_integer(found[0], body)
    # Each `:` outside of strings is one member of an object: fewer in what was read are members that were lost.
    if skeleton.count(b":") != _members(value):
        _refuse_duplicate(body)
    return value


def _members(value: Any) -> int:
    """Members of all objects in it; without recursion, and no deeper than `DEEPEST`."""
    count, left = 0, [value]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            count += len(value)
            left += [inner for inner in value.values() if isinstance(inner, dict | list)]
        elif isinstance(value, list):
            left += [inner for inner in value if isinstance(inner, dict | list)]
    return count


def _strings(value: Any) -> Iterator[str]:
    """Every text in it but those that are images: data URLs, and Anthropic's `{"type": "base64", "data": …}`."""
    left = [value]
    while left:
        value = left.pop()
        if isinstance(value, str):
            if not value.startswith("data:image/"):
                yield value
        elif isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            is_image = value.get("type") == "base64"
            left += [inner for name, inner in value.items() if not (is_image and name == "data")]


def _text_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _check_depth(body: bytes) -> None:
    depth = 0
    for found in _TOKEN.finditer(body):
        depth += (found[0] in (b"[", b"{")) - (found[0] in (b"]", b"}"))
        if depth > DEEPEST:
            raise _no_json(f"more than {DEEPEST} brackets inside each other", *_place(body, found.start()))


def _check_integer(digits: bytes, body: bytes) -> None:
    if len(digits) > 20 or not _LOWEST <= int(digits) <= _HIGHEST:
        at = next(found.start() for found in _TOKEN.finditer(body) if found[0] == digits)
        raise _no_json("an integer of more than 64 bits", *_place(body, at))


def _refuse_duplicate(body: bytes) -> None:
    """Finds the name that is there twice. Only a body known to have one comes here."""
    names: list[set[str] | None] = []
    text = None
    for found in _TOKEN.finditer(body):
        sign = found[0]
        if sign == b"{":
            names.append(set())
        elif sign == b"[":
            names.append(None)
        elif sign in (b"}", b"]"):
            names.pop()
        elif sign == b":" and text is not None and names and names[-1] is not None:
            name = orjson.loads(text[0])
            if name in names[-1]:
                raise _no_json("a name that this object has already", *_place(body, text.start()))
            names[-1].add(name)
        text = found if sign.startswith(b'"') else None


def _place(body: bytes, at: int) -> tuple[int, int]:
    """Line and column, from 1."""
    line = body.count(b"\n", 0, at) + 1
    return line, at - body.rfind(b"\n", 0, at)


def _no_json(why: str, line: int, column: int) -> HttpError:
    return HttpError(
        Problem(400, "invalid_json", f"The body is not strict JSON: {why} (line {line}, column {column}).")
    )


def _too_large(limit: int, what: str = "This request") -> HttpError:
    return HttpError(Problem(413, "request_too_large", f"{what} is larger than {limit:,} bytes, the limit."))
