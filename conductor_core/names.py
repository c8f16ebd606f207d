"""Names that people give to what they keep: one line, short, and no two alike, however they are written."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol
from unicodedata import normalize

from conductor_core.errors import InvalidRequest
from conductor_core.text import clean_text, is_blank

NAME_CHARACTERS = 60


class Named(Protocol):
    """What is kept under a name."""

    @property
    def name(self) -> str: ...


def id_of_name(noun: str, name: str) -> str:
    """Made from the name: two copies of the app that save the same one at once keep one thing, not two."""
    return sha256(f"{noun} {normalize('NFKC', name).casefold()}".encode()).hexdigest()[:32]


def checked_name(noun: str, name: str) -> str:
    """A name on one line.

    Raises:
        InvalidRequest: it is empty or too long.
    """
    name = " ".join(clean_text(name[:1000]).split())
    if is_blank(name):
        raise InvalidRequest(f"The {noun} has no name. Type at least one visible character.", "name")
    if len(name) > NAME_CHARACTERS:
        raise InvalidRequest(f"The name has {len(name)} characters; the limit is {NAME_CHARACTERS}.", "name")
    return name


def refuse_taken(noun: str, name: str, others: Iterable[Named]) -> None:
    """Refuses a name that another thing has, however it is written there.

    Raises:
        InvalidRequest: it is taken; the sentence names it as it is written there.
    """
    wanted = id_of_name(noun, name)
    taken = next((other for other in others if id_of_name(noun, other.name) == wanted), None)
    if taken:
        raise InvalidRequest(f"There is a {noun} named “{taken.name}” already. Choose another name.", "name")
