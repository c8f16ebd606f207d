"""One `.env` file: read with the line of every variable, and changed without touching the rest of it.

The grammar is python-dotenv's, without interpolation: a key may hold a `$`.
"""

from __future__ import annotations

import io
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from conductor_core.errors import SettingsError

_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_./:@%+,=~-]*")
_NEWLINE = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class DotenvFile:
    """The variables of one file.

    Attributes:
        path: where it is; it need not exist.
        values: what each variable is set to, the last line winning.
        lines: the line each is set on, counted from 1.
        exposed: whether others on this machine may read it.
    """

    path: Path
    values: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    exposed: bool = False

    @classmethod
    def read(cls, path: Path) -> DotenvFile:
        """Reads a file; one that is not there has no variables. Tabs, a BOM and Windows newlines are fine.

        Raises:
            SettingsError: it can't be opened, is not UTF-8, or a line is not `NAME=value`; names file and line.
        """
        text = _text(path)
        values: dict[str, str] = {}
        lines: dict[str, int] = {}
        for line, binding in _bindings(text or ""):
            if binding.error:
                raise SettingsError(f"{path}:{line}: this line can't be read. Write NAME=value; quotes come in pairs.")
            if binding.key is not None:
                name = public_name(binding.key)
                values[name] = binding.value or ""
                lines[name] = line
        return cls(path, values, lines, exposed=text is not None and _is_exposed(path))

    def write(self, changes: Mapping[str, str | None]) -> DotenvFile:
        """Sets variables, or removes those that are None, and returns the file as it is then.

        The file is read again first, so that what somebody else wrote meanwhile stays; so do comments and order. It is
        replaced in one step and readable by its owner only.

        Raises:
            SettingsError: it can't be read or written.
        """
        path = self.path.resolve()
        text = _changed(_text(path) or "", changes)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(path, text)
        except OSError as error:
            raise SettingsError(f"{path} can't be written: {error.strerror}. Nothing was saved.") from error
        return DotenvFile.read(self.path)


def public_name(name: str) -> str:
    """A variable's name as we compare it: our own ones in capitals, however they are written."""
    return name.upper() if name.upper().startswith("CONDUCTOR_") else name


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text. Save it as UTF-8.") from error


def _bindings(text: str) -> Iterator[tuple[int, Binding]]:
    """The file's statements and comments with their line; a statement's text begins with the blank lines before it."""
    for binding in parse_stream(io.StringIO(text, newline="")):
        blank = len(_NEWLINE.findall(_leading_space(binding)))
        yield binding.original.line + blank, binding


def _leading_space(binding: Binding) -> str:
    text = binding.original.string
    return text[: len(text) - len(text.lstrip())]


def _changed(text: str, changes: Mapping[str, str | None]) -> str:
    waiting = dict(changes)
    pieces = []
    for _, binding in _bindings(text):
        name = public_name(binding.key or "")
        if name not in changes:
            pieces.append(binding.original.string)
            continue
        pieces.append(_leading_space(binding))
        value = waiting.pop(name, None)
        if value is not None:
            pieces.append(_line(name, value))
    kept = "".join(pieces)
    added = "".join(_line(name, value) for name, value in waiting.items() if value is not None)
    return kept + ("\n" if added and kept and not kept.endswith(("\n", "\r")) else "") + added


def _line(name: str, value: str) -> str:
    if not _NEEDS_NO_QUOTES.fullmatch(value):
        value = "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return f"{name}={value}\n"


def _replace(path: Path, text: str) -> None:
    """Writes beside the file, to the disk, and renames over it."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise


def _is_exposed(path: Path) -> bool:
    return os.name == "posix" and bool(path.stat().st_mode & 0o077)
