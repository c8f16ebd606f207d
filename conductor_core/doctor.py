"""Checks an installation: whether its rollups say what its calls add up to. `python -m conductor_core.doctor`.

Only days whose calls are all still there can be checked, and rebuilt. Nothing is changed without `--rebuild`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Connection, Engine, delete, func, select

from conductor_core.errors import UserError
from conductor_core.metrics import sketch
from conductor_core.metrics.rollup import LEVELS, MEASURES, Bucket, Columns, buckets, sums_of
from conductor_core.settings import Environment, Settings
from conductor_core.store.history import History
from conductor_core.store.rollups import CALLS, DAY_MS, QUARTER_MS, note_batch, save_buckets
from conductor_core.store.tables import calls, rollups

if TYPE_CHECKING:
    from conductor_core.store.backend import Backend

_NAMES = {1: "minute", 15: "quarter of an hour", 60: "hour", 1440: "day"}
_EXAMPLES = 3
_WORTH_NOTING = 1e-9
"""USD by which sums of the same costs in another order may differ, per dollar and at least."""

Place = tuple[int, int, int]
"""Level, start in UTC ms, series."""


@dataclass
class Findings:
    """What a check found.

    Attributes:
        days: how many were checked …
        calls: … and how many calls they have.
        checked: buckets by level.
        wrong: sentences about buckets, by level.
        waiting: finished calls that are not added up yet, which is no fault.
        unchecked: before this time (UTC ms) calls are not kept any more.
    """

    days: int = 0
    calls: int = 0
    checked: dict[int, int] = field(default_factory=lambda: dict.fromkeys(LEVELS, 0))
    wrong: dict[int, list[str]] = field(default_factory=lambda: {level: [] for level in LEVELS})
    waiting: int = 0
    unchecked: int = 0

    @property
    def sound(self) -> bool:
        return not any(self.wrong.values())

    def sentences(self) -> Iterator[str]:
        """In plain words."""
        yield f"Checked {self.calls:,} calls of {_plural(self.days, 'day')}."
        if self.unchecked:
            yield f"Before {_moment(self.unchecked)} calls are not kept any more: figures of then can't be checked."
        for level in LEVELS:
            wrong = self.wrong[level]
            name = f"{_NAMES[level]} figures"
            if not wrong:
                yield f"{self.checked[level]:,} {name}: right."
                continue
            yield f"{self.checked[level]:,} {name}: {len(wrong):,} wrong."
            yield from (f"  {sentence}" for sentence in wrong[:_EXAMPLES])
            if len(wrong) > _EXAMPLES:
                yield f"  … and {len(wrong) - _EXAMPLES:,} more."
        if self.waiting:
            yield f"{_plural(self.waiting, 'call')} not added up yet: Conductor does that when it runs."


def examine(reading: Engine) -> Findings:
    """Compares every rollup with the calls, day by day."""
    found = Findings()
    with _snapshot(reading) as (connection, past):
        found.unchecked = past.pruned().get(CALLS, 0)
        found.waiting = past.count_pending(0, 2**62)
        names = {id: " ".join(key) for id, *key in past.series()}
        numbers = {tuple(key): id for id, *key in past.series()}
        days = _days(connection, found.unchecked)
        for place, day in enumerate(days):
            _progress("checked", place, len(days))
            expected, number = _added_up(past, day, numbers)
            found.days += 1
            found.calls += number
            for level in _levels(past, day):
                _compare(found, level, expected, _stored(past, level, day), names)
    _progress("checked", len(days), len(days))
    return found


def rebuild(writing: Engine, copy: int) -> int:
    """Adds the calls up anew, a day in each transaction; how many days there were."""
    with writing.connect() as connection:
        past = History(connection)
        days = _days(connection, past.pruned().get(CALLS, 0))
    for place, day in enumerate(days):
        _progress("rebuilt", place, len(days))
        with writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Waits for other copies that are just adding up, and makes them wait.
                connection.exec_driver_sql("LOCK TABLE rollups IN ACCESS EXCLUSIVE MODE")
            past = History(connection)
            numbers = {tuple(key): id for id, *key in past.series()}
            expected, _ = _added_up(past, day, numbers)
            levels = _levels(past, day)
            for level in levels:
                here = (rollups.c.level == level, rollups.c.start >= day, rollups.c.start < day + DAY_MS)
                connection.execute(delete(rollups).where(*here))
            save_buckets(connection, copy, [bucket for bucket in expected.values() if bucket.level in levels])
            note_batch(connection, copy, set(range(day // QUARTER_MS, (day + DAY_MS) // QUARTER_MS)))
    _progress("rebuilt", len(days), len(days))
    return len(days)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all is right. 1: something is wrong, or can't be looked at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rebuild", action="store_true", help="add every call up anew, of the days that have them all")
    given = parser.parse_args(arguments)
    try:
        settings = Settings.load(Environment.read())
        with _opened(settings) as backend:
            return _report(backend, rebuild_first=given.rebuild)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1


def _report(backend: Backend, *, rebuild_first: bool) -> int:
    for name, value in backend.facts().items():
        print(f"{name}: {value}")
    if rebuild_first:
        print(f"Rebuilt the figures of {_plural(rebuild(backend.writing, backend.copy), 'day')}.")
    found = examine(backend.reading)
    print(*found.sentences(), sep="\n")
    if not found.sound:
        print("Rebuild them: make doctor REBUILD=1, or python -m conductor_core.doctor --rebuild")
    return 0 if found.sound else 1


@contextmanager
def _opened(settings: Settings) -> Iterator[Backend]:
    """The database without anybody who writes into it: no thread adds up calls in the middle."""
    from conductor_core.store.database import open_backend

    backend = open_backend(settings.home, settings.durability, "make doctor", settings.database_url)
    try:
        yield backend
    finally:
        backend.close()


@contextmanager
def _snapshot(reading: Engine) -> Iterator[tuple[Connection, History]]:
    from conductor_core.store.database import snapshot

    with snapshot(reading) as connection:
        yield connection, History(connection)


def _days(connection: Connection, since: int) -> list[int]:
    """The UTC days that have calls or rollups, from a time on, as the moments they begin."""
    firsts = [
        connection.execute(select(func.min(column), func.max(column)).where(column >= since)).one()
        for column in (calls.c.started_at, rollups.c.start)
    ]
    known = [moment for pair in firsts for moment in pair if moment is not None]
    if not known:
        return []
    return list(range(min(known) // DAY_MS * DAY_MS, max(known) + 1, DAY_MS))


def _levels(past: History, day: int) -> list[int]:
    """The levels of which a whole day is kept."""
    pruned = past.pruned()
    return [level for level in LEVELS if pruned.get(level, 0) <= day]


def _added_up(past: History, day: int, numbers: dict[tuple[str, ...], int]) -> tuple[dict[Place, Bucket], int]:
    """What a day's calls add up to, and how many they are."""
    calls = past.counted_calls(day, day + DAY_MS)
    columns = Columns.of(calls[3:], [numbers[key] for key in zip(*calls[:3], strict=True)])
    return {(one.level, one.start, one.series): one for one in buckets(columns)}, len(columns)


def _stored(past: History, level: int, day: int) -> dict[Place, Bucket]:
    """A level's buckets of a day, those of all copies of the app together."""
    found: dict[Place, Bucket] = {}
    for start, series, sums, *sketches in zip(*past.buckets(level, [(day, day + DAY_MS)]), strict=True):
        place = (level, start, series)
        one = Bucket(level, start, series, sums, tuple(sketches))
        found[place] = found[place].merged(sums, sketches) if place in found else one
    return found


def _compare(
    found: Findings, level: int, expected: dict[Place, Bucket], stored: dict[Place, Bucket], names: dict[int, str]
) -> None:
    right = {place: bucket for place, bucket in expected.items() if place[0] == level}
    for place in sorted(right.keys() | stored.keys()):
        found.checked[level] += 1
        fault = _fault(right.get(place), stored.get(place))
        if fault:
            _, start, series = place
            found.wrong[level].append(f"{_moment(start)}, {names.get(series, series)}: {fault}")


def _fault(right: Bucket | None, stored: Bucket | None) -> str:
    """What is wrong with one bucket; nothing, if it is right."""
    if right is None:
        return "there are no calls of it" if stored and sums_of([stored.sums]).any() else ""
    if stored is None:
        return "missing"
    if (right.sums, right.sketches) == (stored.sums, stored.sketches):
        return ""
    expected, kept = sums_of([right.sums])[0], sums_of([stored.sums])[0]
    if not np.allclose(kept, expected, rtol=_WORTH_NOTING, atol=_WORTH_NOTING):
        return "its sums are not those of its calls"
    for name, ours, theirs in zip(MEASURES, right.sketches, stored.sketches, strict=True):
        if not sketch.same(ours, theirs):
            return f"its {name} is not that of its calls"
    return ""


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _progress(what: str, done: int, of: int) -> None:
    """On a terminal's standard error, a line that replaces itself."""
    if sys.stderr.isatty():
        print(f"\r{what} {done:,} of {_plural(of, 'day')}", end="" if done < of else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
