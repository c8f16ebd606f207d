"""Faults in rollups, as a broken disk or a bug would leave them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update

from conductor_core.store.tables import rollups

Plant = Callable[[Engine], None]


def changed_byte(engine: Engine) -> None:
    """One byte of the sums of one bucket of each level is another: seven tokens more."""
    _change(engine, "sums", _with_more)


def lost_sample(engine: Engine) -> None:
    """A latency is gone from one bucket's sketch of each level."""
    _change(engine, "latency", _without_first)


def dropped_bucket(engine: Engine) -> None:
    """The first bucket of each level is gone."""
    with engine.begin() as connection:
        for place in _firsts(connection):
            connection.execute(delete(rollups).where(*_at(place)))


def doubled_bucket(engine: Engine) -> None:
    """The first bucket of each level is there a second time, as another copy's."""
    with engine.begin() as connection:
        for place in _firsts(connection):
            row = connection.execute(select(rollups).where(*_at(place))).one()._asdict()
            connection.execute(insert(rollups), {**row, "copy": row["copy"] + 1})


def _without_first(stored: bytes) -> bytes:
    """Minutes have a byte before numbers of eight; others have bins of four."""
    return stored[:1] + stored[9:] if len(stored) % 2 else stored[4:]


def _with_more(stored: bytes) -> bytes:
    import numpy as np

    sums = np.frombuffer(stored, dtype="<f8").copy()
    sums[0] += 7
    return sums.tobytes()


def _change(engine: Engine, column: str, changed: Callable[[bytes], bytes]) -> None:
    with engine.begin() as connection:
        for place in _firsts(connection):
            [(stored,)] = connection.execute(select(rollups.c[column]).where(*_at(place)))
            connection.execute(update(rollups).where(*_at(place)).values({column: changed(stored)}))


def _firsts(connection: Any) -> list[Any]:
    """The place of the first bucket of each level."""
    places = connection.execute(
        select(rollups.c.level, rollups.c.start, rollups.c.series, rollups.c.copy).order_by(*rollups.primary_key)
    ).all()
    firsts: dict[int, Any] = {}
    for place in places:
        firsts.setdefault(place.level, place)
    return list(firsts.values())


def _at(place: Any) -> list[Any]:
    return [rollups.c[name] == value for name, value in place._asdict().items()]
