"""Keys. One type that prints masked, and the list of every known key for the redaction filter."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A key that shows only its tail in `repr`, `str` and f-strings, and refuses to be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself; for the wire and nothing else."""
        return self._value

    @property
    def masked(self) -> str:
        """The last four characters of a key of 12 or more, else none of it."""
        return f"…{self._value[-4:]}" if len(self._value) >= 12 else "…"

    def __repr__(self) -> str:
        return f"Secret({self.masked})"

    def __str__(self) -> str:
        return self.masked

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
