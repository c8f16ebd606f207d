"""Files that go with messages, as our own document has them: with their conversation, named by its messages' facts.

    {"id": "…", "name": "map.png", "media_type": "image/png", "data": "<base64>"}
    {"id": "…", "name": "map.png", "media_type": "image/png", "same_as": "<id of a file before it>"}

Each content is written once in a document: edits share a file, and forks have copies of what their original has.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
from pydantic import ValidationError

from conductor_core.attachments import File, kept, noted
from conductor_core.errors import InvalidRequest
from conductor_core.store.records import Attachment
from conductor_core.transfer.form import ConversationForm, FileForm

MOST_FILES = 50_000
"""Of one document."""


class WrittenFiles:
    """The files a document has so far, by what is in them; their contents are not kept."""

    def __init__(self) -> None:
        self._first: dict[bytes, str] = {}

    def told(self, file: Attachment) -> bytes:
        """The JSON of one more."""
        digest = sha256(file.data).digest()
        told = {"id": file.id, "name": file.name, "media_type": file.media_type}
        first = self._first.setdefault(digest, file.id)
        content = {"data": b64encode(file.data).decode()} if first == file.id else {"same_as": first}
        return orjson.dumps(told | content)


class ReadFiles:
    """The files of a document as they are read, one conversation after the other."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    def take(self, told: Any, form: ConversationForm, place: str) -> list[Attachment]:
        """The files of one conversation, checked as when they are attached; its messages then say what they are.

        Args:
            told: as it is in the file; emptied while it is read, so that nothing is in memory twice for long.
            place: where in the file the conversation is, for sentences.

        Raises:
            InvalidRequest: names the conversation, the message and the file, and says why.
        """
        if not isinstance(told, list):
            raise InvalidRequest(f"{place}.files: must be a list.", f"{place}.files")
        if len(self._data) + len(told) > MOST_FILES:
            raise InvalidRequest(f"files: the file has more than {MOST_FILES:,}, the limit.", "files")
        named: dict[str, int] = {}
        for number, message in enumerate(form.messages, 1):
            named |= {id: named.get(id, number) for id in message.facts.get("files", ())}
        found: dict[str, Attachment] = {}
        told.reverse()
        for number in range(len(told)):
            where = f"{place}.files.{number}"
            file = self._one(_checked_form(told.pop(), where), named, form, where)
            found[file.id] = file
        for id, number in named.items():
            if id not in found:
                raise InvalidRequest(
                    f"{place}: in “{form.title}”, message {number} names a file that is not there, {id}.", place
                )
        for message in form.messages:
            if message.facts.get("files"):
                message.facts["files"] = [noted(found[id]) for id in message.facts["files"]]
        return list(found.values())

    def _one(self, told: FileForm, named: dict[str, int], form: ConversationForm, where: str) -> Attachment:
        if told.id in self._data:
            raise InvalidRequest(f"{where}: the id {told.id} is there twice.", where)
        if told.id not in named:
            raise InvalidRequest(f"{where}: in “{form.title}”, no message names {told.name}.", where)
        said = f"{where}: in “{form.title}”, message {named[told.id]}"
        try:
            file = kept(File(told.name, self._content(told, said, where)), told.id, told.media_type)
        except InvalidRequest as error:
            raise error if error.field == where else InvalidRequest(f"{said}: {error}", where) from error
        self._data[file.id] = file.data
        return replace(file, conversation_id=form.id)

    def _content(self, told: FileForm, said: str, where: str) -> bytes:
        if told.same_as is not None:
            if told.same_as not in self._data:
                raise InvalidRequest(f"{said}: {told.name} is said to be the same as a file that is not there.", where)
            return self._data[told.same_as]
        try:
            return b64decode(told.data or "", validate=True)
        except ValueError as error:
            raise InvalidRequest(f"{said}: the data of {told.name} is no base64.", where) from error


def _checked_form(told: Any, where: str) -> FileForm:
    try:
        return FileForm.model_validate(told)
    except ValidationError as error:
        refusal = InvalidRequest.from_validation(error)
        raise InvalidRequest(f"{where}.{refusal}", f"{where}.{refusal.field}") from error
