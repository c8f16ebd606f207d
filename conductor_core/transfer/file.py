"""The bytes of a file somebody brought: unpacked where they are a zip, within bounds, and read as JSON.

Nothing is ever unpacked onto the disk, and no name in an archive is used as a path.
"""

from __future__ import annotations

import io
import json
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NoReturn

import orjson

from conductor_core.errors import InvalidRequest
from conductor_core.text import clean_text

MOST_BYTES = 100_000_000
"""Of a file that is read as a whole, and of what is unpacked from one."""

MOST_BYTES_IN_LINES = 300_000_000
"""Of one that is read line by line."""

DEEPEST = 64
"""Levels of lists and objects inside what is kept as it is."""

_MOST_DIRECTORY_BYTES = 8_000_000
_LARGEST_INTEGER = 2**53
_WANTED = re.compile(r"(?:^|/)conversations(?:[-_]?\d{1,4})?\.json$")
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, struct.error)


def contents(data: bytes) -> list[Any]:
    """What the file holds, as JSON values: one, or of a zip one for each of its conversation files.

    Raises:
        InvalidRequest: it is too large, too deep, damaged, or no JSON.
    """
    _check_size(data, MOST_BYTES)
    if not data[:4].startswith(b"PK"):
        return [_json(data)]
    return [_json(packed) for packed in _unpacked(data)]


def lines(data: bytes, last: bytes) -> Iterator[Any]:
    """The JSON values of a file that has one a line after its first line, and commas between them.

    Args:
        last: the line that ends it.

    Raises:
        InvalidRequest: it is too large, a line is no JSON, or it breaks off.
    """
    _check_size(data, MOST_BYTES_IN_LINES)
    told = io.BytesIO(data)  # shares the bytes
    told.readline()
    for number, line in enumerate(told, 1):
        value = line.strip().removesuffix(b",")
        if value == last:
            return
        yield _json(value, number)
    _refuse("breaks off: its last line is missing")


def kept(value: Any, place: str, depth: int = 0) -> Any:
    """A JSON value made storable: no NUL and no lone surrogates in its texts, no number that a database would change.

    Raises:
        InvalidRequest: it is nested too deep, or has such a number.
    """
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) <= _LARGEST_INTEGER:
        raise InvalidRequest(f"{place}: a number is outside ±2^53, the bound for numbers.", place)
    if not isinstance(value, dict | list):
        return value
    if depth >= DEEPEST:
        raise InvalidRequest(
            f"{place}: is nested deeper than {DEEPEST} levels, the bound for lists and objects.", place
        )
    if isinstance(value, list):
        return [kept(inner, place, depth + 1) for inner in value]
    return {clean_text(name): kept(inner, place, depth + 1) for name, inner in value.items()}


def _check_size(data: bytes, most: int) -> None:
    if len(data) > most:
        _refuse(f"has {len(data) / 1e6:,.0f} MB; the limit is {most // 1_000_000} MB")


def _json(data: bytes, lines_before: int = 0) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    # Half an emoji (a lone surrogate), which other programs' exports do hold, is refused above but not here.
    try:
        return json.loads(data.decode("utf-8-sig", "surrogatepass"), parse_constant=_no_constant)
    except RecursionError:
        _refuse("is nested too deep: the limit is about 1,000 levels of lists and objects")
    except UnicodeDecodeError:
        _refuse("is no text in UTF-8")
    except json.JSONDecodeError as error:
        _refuse(f"is no JSON: {error.msg}, line {error.lineno + lines_before}, column {error.colno}")
    except ValueError:
        _refuse("holds a number that JSON does not have, or one of more than 4,300 digits")


def _unpacked(data: bytes) -> list[bytes]:
    _check_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _members(archive)
    except (NotImplementedError, RuntimeError):
        _refuse("is a zip that is encrypted or packed in an unusual way. Unpack it, and import conversations.json")
    except _BROKEN:
        _refuse("is a damaged zip")


def _check_directory(data: bytes) -> None:
    """A directory of millions of files is a bomb, too: it is read as a whole."""
    end = data.rfind(b"PK\x05\x06", -65_557)
    if end < 0 or len(data) < end + 22:
        _refuse("is a damaged zip")
    (size,) = struct.unpack_from("<I", data, end + 12)
    if size > _MOST_DIRECTORY_BYTES or data[max(0, end - 20) : end].startswith(b"PK\x06\x07"):
        limit = f"{_MOST_DIRECTORY_BYTES // 1_000_000} MB"
        _refuse(f"is a zip of too many files: the limit of its directory is {limit}. Import its conversations.json")


def _members(archive: zipfile.ZipFile) -> list[bytes]:
    entries = archive.infolist()
    wanted = [entry for entry in entries if _WANTED.search(entry.filename)]
    if not wanted:
        wanted = [entry for entry in entries if entry.filename.endswith(".json")]
        if len(wanted) != 1:
            _refuse("is a zip without a conversations.json")
    left = MOST_BYTES
    found = []
    for entry in sorted(wanted, key=lambda entry: entry.filename):
        with archive.open(entry) as packed:
            found.append(packed.read(left + 1))  # whatever size its directory tells
        left -= len(found[-1])
        if left < 0:
            _refuse(f"unpacks to more than {MOST_BYTES // 1_000_000} MB, the limit")
    return found


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _refuse(what: str) -> NoReturn:
    raise InvalidRequest(f"The file {what}.", "file")
