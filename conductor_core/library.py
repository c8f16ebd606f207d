"""The library: system prompts (personas) and prompt templates kept under a name, for every copy of the app that shares
the database."""

from __future__ import annotations

import asyncio
import time

from conductor_core.errors import InvalidRequest
from conductor_core.kinds import Keepsake
from conductor_core.names import checked_name, id_of_name, refuse_taken
from conductor_core.store.database import Store
from conductor_core.store.library_rows import Kept, Title
from conductor_core.templates import variables
from conductor_core.text import clean_text, is_blank

MOST_TEXTS = 200
"""Of each kind."""
TEXT_CHARACTERS = 100_000


class Library:
    """The texts of one installation. No two of a kind have the same name, however it is written."""

    def __init__(self, store: Store) -> None:
        self._rows = store.library

    def titles(self, kind: Keepsake) -> list[Title]:
        """What there is of a kind, by name. Any thread may ask."""
        return self._rows.titles(kind)

    def of_text(self, kind: Keepsake, text: str) -> str | None:
        """The id of one that is this text, word for word. Any thread may ask."""
        return self._rows.of_text(kind, clean_text(text))

    def one(self, id: str) -> Kept:
        """A text. Any thread may ask.

        Raises:
            NotFound: there is none, or it was deleted.
        """
        return self._rows.one(id)

    async def save(self, kind: Keepsake, name: str, text: str) -> Kept:
        """Keeps a text under a new name.

        Raises:
            InvalidRequest: a name that is empty, too long or taken; a text that is empty, too long or no template;
                or too many texts.
        """
        known = await asyncio.to_thread(self.titles, kind)
        if len(known) >= MOST_TEXTS:
            raise InvalidRequest(f"There are {MOST_TEXTS} {kind}s already. Delete one first.", "library")
        kept = _checked(kind, name, text, time.time_ns() // 1_000_000)
        refuse_taken(kind, kept.name, known)
        await self._rows.save(kept)
        return kept

    async def change(self, kept: Kept, name: str, text: str) -> Kept:
        """Gives a text another name or other words.

        Raises:
            InvalidRequest: as `save`.
        """
        changed = _checked(kept.kind, name, text, kept.created_at)
        others = [title for title in await asyncio.to_thread(self.titles, kept.kind) if title.id != kept.id]
        refuse_taken(kept.kind, changed.name, others)
        await self._rows.save(changed, instead_of=kept.id)
        return changed

    async def delete(self, id: str) -> None:
        """Deletes a text; one that is gone already stays so."""
        await self._rows.delete(id)


def _checked(kind: Keepsake, name: str, text: str, created_at: int) -> Kept:
    name, text = checked_name(kind, name), clean_text(text).strip()
    if is_blank(text):
        raise InvalidRequest(f"The {kind} is empty. Type at least one visible character.", "text")
    if len(text) > TEXT_CHARACTERS:
        raise InvalidRequest(f"The {kind} has {len(text):,} characters; the limit is {TEXT_CHARACTERS:,}.", "text")
    if kind is Keepsake.TEMPLATE:
        variables(text)
    return Kept(id_of_name(kind, name), kind, name, text, created_at)
