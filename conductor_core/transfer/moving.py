"""Conversations out and in, for one installation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from conductor_core.answers import Transcript, exchanges_of
from conductor_core.branches import Tree
from conductor_core.errors import InvalidRequest, StoreError
from conductor_core.redaction import Redactor
from conductor_core.store import wholes
from conductor_core.store.database import Store
from conductor_core.store.wholes import Whole
from conductor_core.transfer.document import document
from conductor_core.transfer.reading import Brought, read

SAVE_SECONDS = 300.0
"""How long the database may take for all of a file."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file.

    Attributes:
        conversations, messages: that are new here.
        already: conversations of it that were here already; those were left as they are.
        left_out: what could not be taken over, and how many of each.
    """

    conversations: int
    messages: int
    already: int
    left_out: Mapping[str, int]


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
        return b"".join(document([wholes.one(self._store, conversation_id)], self._redactor.without_known))

    def all(self) -> Iterator[bytes]:
        """Every conversation as our own document, piece by piece; a few are in memory at a time."""
        return document(wholes.every(self._store), self._redactor.without_known)

    def transcripts(self) -> Iterator[Transcript]:
        """Every conversation along the path that is shown."""
        for whole in wholes.every(self._store):
            tree = Tree(whole.messages)
            votes = {vote.turn: vote for vote in whole.votes if vote.turn is not None}
            path = tuple(tree.path())
            exchanges = exchanges_of(path, tree, whole.calls, votes, whole.feedback)
            yield Transcript(whole.conversation, exchanges, branches=tree.branches, path=path)

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
        )

    def _new(self, brought: Brought) -> list[Whole]:
        here = wholes.known(self._store, [whole.conversation.id for whole in brought.wholes])
        new = [whole for whole in brought.wholes if whole.conversation.id not in here]
        taken = wholes.known_messages(self._store, [message.id for whole in new for message in whole.messages])
        if taken:
            raise InvalidRequest(
                f"messages: the id {min(taken)} is that of a message of another conversation here.", "messages"
            )
        return new
