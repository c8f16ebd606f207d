"""Personas and prompt templates: as they are kept, read and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

from sqlalchemy import Executable, select

from conductor_core.errors import NotFound
from conductor_core.kinds import Keepsake
from conductor_core.store.saved import Saved
from conductor_core.store.statements import Statements
from conductor_core.store.tables import library
from conductor_core.store.writer import Writer


@dataclass(frozen=True, slots=True)
class Title:
    """What stands in a list for a text that may be long."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A text kept under a name. Fields are the columns of `library`; times are UTC in ms."""

    id: str
    kind: Keepsake
    name: str
    text: str
    created_at: int


class LibraryRows:
    """The texts of one store. Reads may come from any thread."""

    def __init__(self, rows: Callable[[Executable], list[Any]], writer: Writer, statements: Statements) -> None:
        self._rows = rows
        self._writer = writer
        self._statements = statements

    def titles(self, kind: Keepsake) -> list[Title]:
        """What there is of a kind, by name."""
        found = self._rows(select(library.c.id, library.c.name).where(library.c.kind == kind))
        return sorted((Title(*row) for row in found), key=lambda title: (title.name.casefold(), title.id))

    def of_text(self, kind: Keepsake, text: str) -> str | None:
        """The id of one that is this text, word for word."""
        wanted = select(library.c.id).where(library.c.kind == kind, library.c.text == text)
        found = self._rows(wanted.order_by(library.c.created_at, library.c.id).limit(1))
        return found[0][0] if found else None

    def one(self, id: str) -> Kept:
        """A text.

        Raises:
            NotFound: there is none, or it was deleted.
        """
        found = self._rows(select(library).where(library.c.id == id))
        if not found:
            raise NotFound("It is not there any more: it was deleted or renamed.")
        [(_, kind, name, text, created_at)] = found
        return Kept(id, Keepsake(kind), name, text, created_at)

    def save(self, kept: Kept, *, instead_of: str | None = None) -> Saved:
        """Inserts it, or updates its name and text, in place of another one if that is named."""
        return self._writer.submit(
            self._statements.keep, ((instead_of,) if instead_of else None, astuple(kept)), kept.id
        )

    def delete(self, id: str) -> Saved:
        """Deletes a text; one that is gone stays gone."""
        return self._writer.submit(self._statements.forget, (id,), id)
