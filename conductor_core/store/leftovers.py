"""What a copy of the app left running when it died: found by its copy's number, and marked as interrupted."""

from __future__ import annotations

import time

from sqlalchemy import Connection, select, union, update

from conductor_core.kinds import CellState, LaneState, Outcome, RunState
from conductor_core.store.tables import calls, incidents, messages, set_cells, set_runs
from conductor_core.store.texts import index_messages

_runs = calls.c.outcome == Outcome.RUNNING
_is_written = messages.c.state.in_([LaneState.WAITING, LaneState.STREAMING])
_lasts = incidents.c.ended_at.is_(None)
_is_driven = set_runs.c.state == RunState.RUNNING
_is_asked = set_cells.c.state.in_([CellState.RUNNING, CellState.JUDGING])
_AFTERWARDS = {CellState.RUNNING: CellState.INTERRUPTED, CellState.JUDGING: CellState.UNJUDGED}


ENDED = "Conductor ended while it was running."


def copies_at_work(connection: Connection) -> set[int]:
    """The copies that have something running, or died over it."""
    at_work = union(
        select(calls.c.copy).where(_runs),
        select(messages.c.copy).where(_is_written),
        select(incidents.c.copy).where(_lasts),
        select(set_runs.c.copy).where(_is_driven),
        select(set_cells.c.copy).where(_is_asked),
    )
    return set(connection.execute(at_work).scalars())


def interrupt(connection: Connection, copy: int) -> None:
    """Ends what a copy left running. The caller knows that nobody is that copy any more."""
    now = time.time_ns() // 1_000_000
    connection.execute(update(calls).where(_runs, calls.c.copy == copy).values(outcome=Outcome.INTERRUPTED))
    cut = list(connection.execute(select(messages.c.id).where(_is_written, messages.c.copy == copy)).scalars())
    connection.execute(update(messages).where(_is_written, messages.c.copy == copy).values(state=LaneState.INTERRUPTED))
    index_messages(connection, cut)
    connection.execute(update(incidents).where(_lasts, incidents.c.copy == copy).values(ended_at=now))
    driven = update(set_runs).where(_is_driven, set_runs.c.copy == copy)
    connection.execute(driven.values(state=RunState.INTERRUPTED, reason=ENDED, ended_at=now))
    for before, after in _AFTERWARDS.items():
        asked = update(set_cells).where(set_cells.c.state == before, set_cells.c.copy == copy)
        connection.execute(asked.values(state=after, interruptions=set_cells.c.interruptions + 1))
