"""What the writer and the store need of a database, whichever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from sqlalchemy import Dialect, Engine
from sqlalchemy.exc import DBAPIError

from conductor_core.store.statements import Row, Statement


class Backend(ABC):
    """One kind of database. All but `reading` belongs to the writer's thread once that runs.

    Attributes:
        writing: an engine over the one connection that writes.
        reading: an engine whose connections can't write.
        dialect: what the writer's statements are compiled for; their parameters are positional.
        errors: what the database and its driver raise.
        copy: which copy of the app this is, among those that write into the same database.
        shared: whether other copies may write into it, too.
        slow: a sentence for people while a write takes its time.
    """

    writing: Engine
    reading: Engine
    dialect: Dialect
    errors: tuple[type[Exception], ...]
    copy: int
    shared: bool
    slow: str

    @abstractmethod
    def begin(self, *, alone: bool = False) -> None:
        """Begins a transaction, on a new connection if the last one was lost.

        Args:
            alone: one step is all that will be written before the commit.
        """

    @abstractmethod
    def write(self, statement: Statement, rows: list[Row]) -> None:
        """Writes rows inside the transaction. What it raises leaves the transaction as usable as before."""

    @abstractmethod
    def commit(self) -> None:
        """Commits. If it raises, the rows may or may not be there: they are written again, by id."""

    @abstractmethod
    def rollback(self) -> None:
        """Undoes what was begun, if anything was; never raises."""

    @abstractmethod
    def committed(self, *, erased: bool) -> None:
        """Runs after each commit, before anybody is told of it.

        Args:
            erased: something was deleted, of which nothing may be left.
        """

    @abstractmethod
    def upkeep(self) -> float | None:
        """What the connection needs while there is nothing to write; the seconds until it wants to run again."""

    @abstractmethod
    def finish(self) -> None:
        """The last thing the writer does."""

    @abstractmethod
    def close(self) -> None:
        """Closes every connection."""

    @abstractmethod
    def passes(self, error: Exception) -> bool:
        """Whether an error is the database's state, not the row's fault: the row is tried again later."""

    @abstractmethod
    def refusal(self, error: Exception) -> Exception:
        """What whoever saved a row that can't be written is told."""

    @abstractmethod
    def sentence(self, error: Exception) -> str:
        """For people, while rows wait because of an error that passes."""

    @abstractmethod
    def unreadable(self, error: Exception) -> str:
        """For people, when something can't be read."""

    @abstractmethod
    def pause(self, failures: int) -> float:
        """Seconds until the next try after so many failures in a row."""

    @abstractmethod
    def facts(self) -> Mapping[str, str]:
        """Name and value of what people may want to know: which database, which version."""


def original(error: Exception) -> Exception:
    """The driver's own error, of one that SQLAlchemy may have wrapped."""
    return error.orig if isinstance(error, DBAPIError) and isinstance(error.orig, Exception) else error
