"""Conversations out and in, for one installation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from conductor_core.answers import Transcript, exchanges_of
from conductor_core.attachments import TEXT
from conductor_core.branches import Tree
from conductor_core.errors import InvalidRequest, StoreError
from conductor_core.redaction import Redactor
from conductor_core.store import wholes
from conductor_core.store.database import Store
from conductor_core.store.records import Attachment
from conductor_core.store.wholes import Whole
from conductor_core.transfer.document import document
from conductor_core.transfer.masking import masked
from conductor_core.transfer.reading import Brought, read

SAVE_SECONDS = 300.0
"""How long the database may take for all of a file."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file.

    Attributes:
        conversations, messages, files: that are new here.
        already: conversations of it that were here already; those were left as they are.
        left_out: what could not be taken over, and how many of each.
    """

    conversations: int
    messages: int
    already: int
    left_out: Mapping[str, int]
    files: int = 0


class Transfer:
    """Reads conversations out of the store and brings them into it. Texts that hold a key of ours go out without it."""

    def __init__(self, store: Store, redactor: Redactor) -> None:
        self._store = store
        self._redactor = redactor

    def whole(self, conversation_id: str) -> bytes:
        """One conversation as our own document.

        Raises:
            NotFound: no such conversation.
        """
        return b"".join(self._document([wholes.one(self._store, conversation_id)]))

    def all(self) -> Iterator[bytes]:
        """Every conversation as our own document, piece by piece; a few, or a file, are in memory at a time."""
        return self._document(wholes.every(self._store))

    def transcripts(self) -> Iterator[Transcript]:
        """Every conversation along the path that is shown."""
        for whole in wholes.every(self._store):
            tree = Tree(whole.messages)
            votes = {vote.turn: vote for vote in whole.votes if vote.turn is not None}
            path = tuple(tree.path())
            exchanges = exchanges_of(path, tree, whole.calls, votes, whole.feedback)
            yield self.masked(Transcript(whole.conversation, exchanges, branches=tree.branches, path=path))

    def masked(self, transcript: Transcript) -> Transcript:
        """A conversation as it may go out, where it is not read by us again: without keys of ours."""
        mask = self._redactor.without_known
        return replace(
            transcript,
            conversation=masked(transcript.conversation, mask),
            exchanges=masked(transcript.exchanges, mask),
        )

    def file(self, id: str) -> Attachment | None:
        """A file that goes with a message, as it may go out; None when it is gone."""
        for found in self._store.attachments([id]):
            mask, is_text = self._redactor.without_known, found.media_type == TEXT
            data = mask(found.data.decode()).encode() if is_text else self._redactor.blotted(found.data)
            return replace(found, name=mask(found.name), data=data)
        return None

    async def bring(self, data: bytes) -> Report:
        """Adds the conversations of a file, all that are new or none; the same file again adds nothing.

        Raises:
            InvalidRequest: names the field and the bound, or says that this is no such file. Nothing was added.
            StoreError: it could not be saved.
        """
        brought = await asyncio.to_thread(read, data)
        new = await asyncio.to_thread(self._new, brought)
        if new:
            saved = await asyncio.to_thread(self._store.add, new)
            try:
                async with asyncio.timeout(SAVE_SECONDS):
                    await saved
            except TimeoutError as error:
                trouble = self._store.writer.trouble or "The database is busy."
                raise StoreError(f"{trouble} The import waits to be saved.") from error
        return Report(
            len(new),
            sum(len(whole.messages) for whole in new),
            len(brought.wholes) - len(new),
            dict(+brought.left_out),
            sum(len(whole.files) for whole in new),
        )

    def _document(self, told: Iterable[Whole]) -> Iterator[bytes]:
        return document(told, self._redactor.without_known, self.file)

    def _new(self, brought: Brought) -> list[Whole]:
        here = wholes.known(self._store, [whole.conversation.id for whole in brought.wholes])
        new = [whole for whole in brought.wholes if whole.conversation.id not in here]
        taken = wholes.known_messages(self._store, [message.id for whole in new for message in whole.messages])
        if taken:
            raise InvalidRequest(
                f"messages: the id {min(taken)} is that of a message of another conversation here.", "messages"
            )
        held = wholes.known_files(self._store, [file.id for whole in new for file in whole.files])
        if held:
            raise InvalidRequest(f"files: the id {min(held)} is that of a file of another conversation here.", "files")
        return new
