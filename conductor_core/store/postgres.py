"""PostgreSQL as the store's database: several copies of the app write into it, each over one connection.

A connection that is lost is made anew. A batch whose commit's fate is unknown is written again: every write is by id.
"""

from __future__ import annotations

import random
import time
from typing import Any, cast

import orjson
import psycopg
from sqlalchemy import URL, Engine, PoolProxiedConnection, QueuePool, create_engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from conductor_core.database_url import for_sessions, parsed, shown
from conductor_core.secret import Secret
from conductor_core.store import slots
from conductor_core.store.backend import Backend
from conductor_core.store.leftovers import interrupt
from conductor_core.store.postgres_errors import passes, refusal, sentence, told
from conductor_core.store.postgres_tables import prepare_tables, refused_politely
from conductor_core.store.statements import Row, Statement

LOOK = 15.0
"""Seconds between two looks at the connection: one that is lost while nothing is written costs the slot."""

SWEEP = 60.0
"""Seconds between two sweeps for what dead copies left; after a loss all copies have this time to come back."""

_LONGEST_PAUSE = 30.0  # seconds


class Postgres(Backend):
    """One database on a server, shared with other copies of the app."""

    errors = (psycopg.Error, DBAPIError, PoolTimeout)
    shared = True

    def __init__(self, url: URL, durability: str = "normal") -> None:
        self._url = url
        self._slot: int | None = None
        self._inherits = False
        self._sweep_at = 0.0
        self._connection: PoolProxiedConnection | None = None
        self.slow = f"Saving is delayed: {shown(url)} is slow. Answers wait in memory."
        self.dialect = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it out
        self.writing = _writing_engine(url, durability)
        event.listen(self.writing, "connect", self._take_slot)
        self.reading = _reading_engine(url)

    @classmethod
    def open(cls, address: Secret, *, durability: str = "normal") -> Postgres:
        """Connects, brings the tables up to date, takes a slot and marks what dead copies left running.

        Args:
            durability: "full" waits for the server's disk whatever its settings say; "normal" leaves that to them.

        Raises:
            StoreError: it can't be reached or used.
            DatabaseTooNew: a later version wrote it; it is as it was.
        """
        url = parsed(address.reveal())
        prepare_tables(url)
        backend = cls(url, durability)
        try:
            with refused_politely(url):
                backend.upkeep()
        except BaseException:
            backend.close()
            raise
        return backend

    @property
    def copy(self) -> int:  # type: ignore[override]  # which slot it is may change with a new connection
        """The slot."""
        return self._slot or 0

    def begin(self, *, alone: bool = False) -> None:
        """The driver begins a transaction with the first statement."""
        self._connection = self._connected()
        if self._inherits:
            self._let_go()
            self._interrupt_predecessor()
            self._connection = self._connected()

    def write(self, statement: Statement, rows: list[Row]) -> None:
        """Within a savepoint: after an error PostgreSQL takes nothing more up to one."""
        with self._driver.cursor() as cursor:
            cursor.execute("SAVEPOINT rows")
            try:
                for text, values in statement.executions(rows):
                    cursor.execute(text, values)
            except Exception:
                if self._driver.info.transaction_status is psycopg.pq.TransactionStatus.INERROR:
                    cursor.execute("ROLLBACK TO rows; RELEASE rows")
                raise
            cursor.execute("RELEASE rows")

    def commit(self) -> None:
        """Commits."""
        self._driver.commit()
        self._let_go()

    def rollback(self) -> None:
        """Undoes what was begun; a broken connection is given up, and the next transaction makes another."""
        self._let_go()

    def committed(self, *, erased: bool) -> None:
        """Nothing: what was deleted goes from the server's files in its own time, with its vacuum."""

    def upkeep(self) -> float | None:
        """Looks whether the connection still holds, now and then for what dead copies left."""
        self._connected().close()
        with self.writing.begin() as connection:
            connection.exec_driver_sql("SELECT 1")
        if self._inherits:
            self._interrupt_predecessor()
        if time.monotonic() >= self._sweep_at:
            slots.interrupt_the_dead(self.writing, self.copy)
            self._sweep_at = time.monotonic() + SWEEP
        return LOOK

    def finish(self) -> None:
        """Nothing: the server lets go of the slot when the connection is closed."""

    def close(self) -> None:
        """Closes every connection."""
        self.reading.dispose()
        self.writing.dispose()

    def passes(self, error: Exception) -> bool:
        """By the code the server gives."""
        return passes(error)

    def refusal(self, error: Exception) -> Exception:
        """A `NotFound` where the conversation is missing, else a `StoreError`."""
        return refusal(error, self._url)

    def sentence(self, error: Exception) -> str:
        """What is wrong with the server, or the way to it."""
        return sentence(error, self._url)

    def unreadable(self, error: Exception) -> str:
        """Whether it will pass by itself."""
        if passes(error):
            return f"{shown(self._url)} can't be reached just now; try again in a moment."
        return f"{shown(self._url)} can't be read: {told(error, self._url)}."

    def pause(self, failures: int) -> float:
        """Longer each time, up to half a minute, and at random: all copies lose a server at the same moment."""
        longest = min(0.05 * 2.0 ** min(failures, 10), _LONGEST_PAUSE)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads out, hides nothing

    def facts(self) -> dict[str, str]:
        """Which database it is."""
        return {"Database": shown(self._url)}

    @property
    def _driver(self) -> psycopg.Connection:
        assert self._connection is not None
        return cast(psycopg.Connection, self._connection.driver_connection)

    def _connected(self) -> PoolProxiedConnection:
        """The pool's one connection. One that was closed by an error is replaced."""
        connection = self.writing.raw_connection()
        if cast(psycopg.Connection, connection.driver_connection).closed:
            connection.invalidate()
            connection = self.writing.raw_connection()
        return connection

    def _let_go(self) -> None:
        """Gives the connection back, which undoes what was not committed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if cast(psycopg.Connection, connection.driver_connection).closed:
            connection.invalidate()
        else:
            connection.close()

    def _take_slot(self, connection: psycopg.Connection, _: object) -> None:
        """On every new connection, before anything is written over it."""
        before = self._slot
        self._slot = slots.take(connection, before)
        self._inherits = self._slot != before
        if before is not None:
            self._sweep_at = time.monotonic() + SWEEP

    def _interrupt_predecessor(self) -> None:
        """Marks what whoever had this slot before left running; nothing of our own is there yet."""
        with self.writing.begin() as connection:
            interrupt(connection, self.copy)
        self._inherits = False


def _writing_engine(url: URL, durability: str) -> Engine:
    options = {"lock_timeout": "5s", "idle_in_transaction_session_timeout": "60s"}
    if durability == "full":
        options["synchronous_commit"] = "on"
    return create_engine(
        for_sessions(url, **options),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=LOOK,
        json_deserializer=orjson.loads,
    )


def _binary_cursor(*given: Any, **options: Any) -> psycopg.Cursor:
    """Has rows sent as the server holds them: as text, bytes are twice as long and have to be turned back."""
    cursor = psycopg.Cursor(*given, **options)
    cursor.format = psycopg.pq.Format.BINARY
    return cursor


def _reading_engine(url: URL) -> Engine:
    """Its connections can't write, see what is committed at each statement, and are looked at before use."""
    return create_engine(
        for_sessions(url, default_transaction_read_only="on"),
        poolclass=QueuePool,
        pool_pre_ping=True,
        pool_use_lifo=True,
        isolation_level="AUTOCOMMIT",
        json_deserializer=orjson.loads,
        connect_args={"cursor_factory": _binary_cursor},
    )
