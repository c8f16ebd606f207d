"""Which copy of the app a process is, where several write into one PostgreSQL database.

A copy is a slot, held by an advisory lock of the session that writes: the server lets go of it when the session ends,
however it ends. So a slot that can be had is a slot nobody has, and what it left running may be marked as interrupted.
"""

from __future__ import annotations

from itertools import chain

import psycopg
from sqlalchemy import Connection, Engine, text

from conductor_core.store.leftovers import copies_at_work, interrupt

NAMESPACE = int.from_bytes(b"Cond")
"""The first key of every advisory lock of ours; the second one is the slot."""

MIGRATION = -1
"""In place of a slot: held while the tables are brought up to date."""

_MOST = 32_768  # the column is a SMALLINT


def take(connection: psycopg.Connection, wanted: int | None) -> int:
    """Holds a slot for as long as the session lasts: the wanted one if it is free, else the lowest free one."""
    first = () if wanted is None else (wanted,)
    for slot in chain(first, range(_MOST)):
        [(taken,)] = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (NAMESPACE, slot)).fetchall()
        if taken:
            connection.commit()
            return slot
    raise psycopg.OperationalError("every slot is taken")


def wait_for_migration(connection: Connection) -> None:
    """Until no other process migrates; none will before this transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:ours, :which)"), {"ours": NAMESPACE, "which": MIGRATION})


def interrupt_the_dead(engine: Engine, own: int) -> None:
    """Marks what slots that nobody holds left running. None of them can be taken meanwhile."""
    with engine.begin() as connection:
        others = copies_at_work(connection) - {own}
    for copy in sorted(others):
        with engine.begin() as connection:
            if _is_free(connection, copy):
                interrupt(connection, copy)


def _is_free(connection: Connection, slot: int) -> bool:
    """Takes its lock until the transaction ends, if it can be had."""
    lock = text("SELECT pg_try_advisory_xact_lock(:ours, :slot)")
    return bool(connection.execute(lock, {"ours": NAMESPACE, "slot": slot}).scalar_one())
