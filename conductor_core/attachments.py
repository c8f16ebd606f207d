"""Files that go with a message: images as they are, texts and the text of PDFs. What a file is, its content says.

A name is for people and never a path. PDFs are read in a process of their own, which is given up after a while: a file
may be made to keep its reader busy for ever.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from pathlib import PurePath
from secrets import token_hex
from typing import Any, NamedTuple

from conductor_core import pdf_text
from conductor_core.child import bare_environment
from conductor_core.errors import InvalidRequest
from conductor_core.prompt import Content, ImagePart, TextPart
from conductor_core.store.records import Attachment
from conductor_core.text import clean_text, is_blank

MOST_FILES = 10
"""With one message."""

IMAGE_BYTES = 5_000_000
"""What Anthropic takes, the strictest of the vendors."""

FILE_BYTES = 10_000_000
TEXT_CHARACTERS = 500_000
NAME_CHARACTERS = 120
KEPT_BYTES = 32_000_000
PDF_SECONDS = 20.0
TEXT = "text/plain"

_PDF = b"%PDF-"
_NAMED = "PNG, JPEG, WebP or GIF images, texts and PDFs"


class File(NamedTuple):
    """A file as it was handed in: what it calls itself, and its content."""

    name: str
    data: bytes


async def read_all(files: Sequence[File]) -> list[Attachment]:
    """Files as attachments of a message that is to be sent.

    Raises:
        InvalidRequest: too many, or one that can't be taken; names it and says why.
    """
    if len(files) > MOST_FILES:
        raise InvalidRequest(f"There are {len(files)} files; a message takes at most {MOST_FILES}.", "files")
    return [await _read(file) for file in files]


def noted(attachment: Attachment) -> dict[str, Any]:
    """What a message's facts say of a file that goes with it."""
    return {
        "id": attachment.id,
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": len(attachment.data),
    }


def part_of(attachment: Attachment) -> Content:
    """An attachment as what is sent."""
    if attachment.media_type != TEXT:
        return ImagePart(attachment.media_type, attachment.data)
    return TextPart(f"File {attachment.name}:\n\n{attachment.data.decode()}\n\n")


class Shelf:
    """What was attached, as it is sent; the files used last stay in memory. For the event loop.

    Args:
        read: attachments by their ids, from the database.
    """

    def __init__(self, read: Callable[[Collection[str]], list[Attachment]]) -> None:
        self._read = read
        self._kept: OrderedDict[str, Content] = OrderedDict()
        self._bytes = 0

    async def parts(self, ids: Collection[str]) -> dict[str, Content]:
        """By id; without those that are gone."""
        missing = [id for id in ids if id not in self._kept]
        found = {id: self._kept[id] for id in ids if id in self._kept}
        for attachment in await asyncio.to_thread(self._read, missing) if missing else ():
            found[attachment.id] = self.put(attachment)
        for id in found:
            if id in self._kept:
                self._kept.move_to_end(id)
        return found

    def put(self, attachment: Attachment) -> Content:
        """Keeps one that was just made."""
        part = part_of(attachment)
        if attachment.id not in self._kept:  # two turns may have read the same one at once
            self._kept[attachment.id] = part
            self._bytes += _size(part)
        while self._bytes > KEPT_BYTES:
            self._bytes -= _size(self._kept.popitem(last=False)[1])
        return part


def _size(part: Content) -> int:
    return len(part.data) if isinstance(part, ImagePart) else len(part.text)


def image_type(data: bytes) -> str:
    """The media type of an image that models take, by its first bytes; empty for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return ""


def shown_name(name: str) -> str:
    """A file's name without folders and without what can't be seen, not too long."""
    last = PurePath(name.replace("\\", "/")).name
    visible = "".join(one for one in clean_text(last) if unicodedata.category(one)[0] != "C").strip()
    if len(visible) <= NAME_CHARACTERS:
        return visible or "file"
    stem, dot, ending = visible.rpartition(".")
    if not dot or len(ending) > 10:
        return visible[:NAME_CHARACTERS]
    return f"{stem[: NAME_CHARACTERS - len(ending) - 1]}.{ending}"


def kept(file: File, id: str = "", told: str = "") -> Attachment:
    """An image or a text as it is kept.

    Args:
        id: its own, where it has one.
        told: its media type, where it was kept before: then it has to be what it is.

    Raises:
        InvalidRequest: it can't be taken; names it and says why.
    """
    name = shown_name(file.name)
    media_type = TEXT if told == TEXT else image_type(file.data)
    _check_size(name, file.data, media_type)
    if told not in ("", media_type):
        raise InvalidRequest(f"{name} is not what it is said to be, {told}.", "files")
    data = file.data if media_type not in ("", TEXT) else _encoded(name, _text_of(name, file.data, bool(told)))
    return Attachment(id or token_hex(16), "", name, media_type or TEXT, data)


async def _read(file: File) -> Attachment:
    if not file.data.startswith(_PDF):
        return kept(file)
    name = shown_name(file.name)
    _check_size(name, file.data, "")
    return Attachment(token_hex(16), "", name, TEXT, _encoded(name, await _text_of_pdf(name, file.data)))


def _check_size(name: str, data: bytes, media_type: str) -> None:
    size = len(data)
    if not size:
        raise InvalidRequest(f"{name} is empty.", "files")
    is_image = media_type not in ("", TEXT)
    most = IMAGE_BYTES if is_image else FILE_BYTES
    if size > most:
        what = "an image" if is_image else "a file"
        raise InvalidRequest(f"{name} has {size:,} bytes; {what} may have {most:,}.", "files")


def _encoded(name: str, text: str) -> bytes:
    if len(text) > TEXT_CHARACTERS:
        raise InvalidRequest(f"{name} has {len(text):,} characters; a text may have {TEXT_CHARACTERS:,}.", "files")
    return text.encode()


def _text_of(name: str, data: bytes, was_kept: bool) -> str:
    """The text; one that was kept before is UTF-8 without a mark of it, and a mark belongs to it."""
    try:
        if was_kept:
            text = data.decode()
        else:
            text = data.decode("utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InvalidRequest(f"{name} is neither a text nor an image. Files may be {_NAMED}.", "files")
    return _visible(name, clean_text(text))


async def _text_of_pdf(name: str, data: bytes) -> str:
    """What the pages say, in order."""
    try:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-P", pdf_text.__file__],
            input=data,
            env=bare_environment(),
            capture_output=True,
            timeout=PDF_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InvalidRequest(
            f"{name} could not be read within {PDF_SECONDS:.0f} s. Copy its text, or save it as a simpler PDF.", "files"
        ) from error
    if done.returncode:
        raise InvalidRequest(f"{name} can't be read as a PDF. It may be damaged or protected by a password.", "files")
    return _visible(name, clean_text(done.stdout.decode(errors="replace")))


def _visible(name: str, text: str) -> str:
    if is_blank(text):
        raise InvalidRequest(f"{name} holds no text. If it is a scan, send its pages as images.", "files")
    return text
