"""Fills a data folder with a history of calls, rollups and all, to measure and look at: the same for the same seed.

    python -m benchmarks.history --home /tmp/tenmillion --calls 10000000 --days 90
    python -m benchmarks.history --home postgresql+psycopg://…   # an empty database instead of a folder

Twelve models of eight providers asked from three places, by day more than by night; one call in a hundred fails, in one
of several ways, and most of those are asked again elsewhere; one model's price is unknown, one costs nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection, Engine, create_engine, func, insert, select

from conductor_core.database_url import parsed
from conductor_core.kinds import CostKind, FinishReason, Outcome, Source
from conductor_core.metrics.call import COLUMNS
from conductor_core.metrics.rollup import LEVELS, Columns, buckets
from conductor_core.store.lock import DataLock
from conductor_core.store.postgres_tables import prepare_tables
from conductor_core.store.rollups import DAY_MS, KEEP, QUARTER_MS, Counted, save_buckets
from conductor_core.store.sqlite_file import prepare_file, prepare_folder, writing_engine
from conductor_core.store.tables import calls, pruned, series

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

SEED = 20_261_125
SOURCES = (Source.CHAT, Source.COMPARE, Source.API)
SOURCE_SHARES = (0.25, 0.1, 0.65)
NAMES = [column.name for column in calls.columns]
RETRIED = 0.007
GIVEN_UP = 0.003
HOURLY = 1 + 0.8 * np.sin((np.arange(24) - 8) / 24 * 2 * np.pi)
"""How many calls an hour of the day gets: least at two in the night, most at two in the afternoon."""


@dataclass(frozen=True, slots=True)
class Model:
    """How one model behaves: typical latency and time to first token in ms, USD per million tokens in and out."""

    provider: str
    name: str
    share: float
    latency: float
    ttft: float
    prices: tuple[float, float] | None
    kind: CostKind = CostKind.REPORTED


MODELS = (
    Model("openai", "gpt-4.1-mini", 0.22, 1_900, 420, (0.4, 1.6)),
    Model("openai", "gpt-4.1", 0.08, 3_800, 650, (2.0, 8.0)),
    Model("openai", "o4-mini", 0.04, 9_500, 5_200, (1.1, 4.4)),
    Model("anthropic", "claude-sonnet-4-5", 0.14, 5_200, 900, (3.0, 15.0)),
    Model("anthropic", "claude-haiku-4-5", 0.10, 1_700, 480, (1.0, 5.0)),
    Model("gemini", "gemini-2.5-flash", 0.14, 1_400, 380, (0.3, 2.5)),
    Model("gemini", "gemini-2.5-pro", 0.05, 7_800, 4_100, (1.25, 10.0)),
    Model("groq", "llama-3.3-70b-versatile", 0.09, 620, 160, (0.59, 0.79)),
    Model("mistral", "mistral-small-latest", 0.05, 1_300, 300, (0.1, 0.3), CostKind.ESTIMATED),
    Model("deepseek", "deepseek-chat", 0.04, 8_400, 1_100, (0.27, 1.1), CostKind.ESTIMATED),
    Model("vllm", "qwen3-8b", 0.03, 2_300, 210, None, CostKind.UNKNOWN),
    Model("local", "smollm2-135m", 0.02, 4_100, 240, (0.0, 0.0), CostKind.FREE),
)
SHARES = np.array([model.share for model in MODELS])

FAULTS: tuple[tuple[Outcome, int | None, float], ...] = (
    (Outcome.RATE_LIMITED, 429, 0.4),
    (Outcome.TIMEOUT, None, 0.2),
    (Outcome.SERVER_ERROR, 500, 0.12),
    (Outcome.OVERLOADED, 529, 0.12),
    (Outcome.STREAM_CUT, 200, 0.08),
    (Outcome.CONNECTION, None, 0.05),
    (Outcome.CANCELLED, 200, 0.03),
)
FAULT_SHARES = np.array([share for _, _, share in FAULTS])


def main() -> None:
    """Fills a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", required=True, help="a folder, or the address of a PostgreSQL database")
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument(
        "--keep-every",
        type=int,
        default=1,
        metavar="N",
        help="of each model, source and quarter of an hour only the first call and every Nth after it: about an Nth of "
        "the calls, in the same buckets",
    )
    parser.add_argument("--until", type=int, default=None, help="UTC ms; now, when it is left out")
    given = parser.parse_args()
    begun = time.perf_counter()
    until = given.until or time.time_ns() // 1_000_000
    kept = fill(given.home, given.calls, given.days, until, every=given.keep_every, progress=sys.stderr.isatty())
    print(f"{kept:,} calls in {time.perf_counter() - begun:.0f} s, in {given.home}")


def fill(home: Path | str, number: int, days: int, until: int, *, every: int = 1, progress: bool = False) -> int:
    """Writes so many calls of the days up to `until` (UTC ms) into a folder, or a database, that has none yet.

    Args:
        every: if more than 1, only about so many times fewer are written; see `_thinned`.

    Returns:
        How many were written.
    """
    if not is_address(home):
        return _fill_folder(Path(home), number, days, until, every=every, progress=progress)
    engine = postgres(str(home))
    kept = fill_database(engine, number, days, until, every=every, progress=progress)
    engine.dispose()
    return kept


def is_address(home: Path | str) -> bool:
    """Of a PostgreSQL database."""
    return str(home).startswith("postgresql")


def _fill_folder(home: Path, number: int, days: int, until: int, *, every: int, progress: bool) -> int:
    prepare_folder(home)
    lock = DataLock.take(home, "")
    prepare_file(home / "conductor.db")
    engine = writing_engine(home / "conductor.db", "normal")
    try:
        return fill_database(engine, number, days, until, every=every, progress=progress)
    finally:
        engine.dispose()
        lock.release()


def fill_database(engine: Engine, number: int, days: int, until: int, *, every: int = 1, progress: bool = False) -> int:
    """The same into a database whose tables are there."""
    numbers = _name_series(engine, until)
    generator = np.random.default_rng(SEED)
    made = written = 0
    for day in _days(generator, number, days, until):
        rows = _rows(generator, day, made)
        made += len(rows)
        rows = _thinned(rows, every)
        with engine.begin() as connection:
            _write(connection, rows, numbers, until)
        written += len(rows)
        if progress:
            _show(made, number)
    if progress:
        print(file=sys.stderr)
    assert made == number
    return written


def _thinned(rows: list[tuple[Any, ...]], every: int) -> list[tuple[Any, ...]]:
    """Of each model, source and quarter of an hour the first call and every so manyth after it."""
    if every == 1:
        return rows
    names = [NAMES.index(name) for name in ("model", "source", "started_at")]
    seen: Counter[tuple[str, str, int]] = Counter()
    kept = []
    for row in rows:
        model, source, started = (row[place] for place in names)
        key = (model, source, started // QUARTER_MS)
        if seen[key] % every == 0:
            kept.append(row)
        seen[key] += 1
    return kept


def postgres(url: str) -> Engine:
    """An engine over a PostgreSQL database, whose tables are made if they aren't there."""
    prepare_tables(parsed(url))
    return create_engine(parsed(url))


@dataclass(frozen=True, slots=True)
class Day:
    """When the requests of one UTC day begin, in UTC ms, and how many of them are asked twice."""

    requests: NDArray[np.int64]
    retries: int
    end: int


def _days(generator: Generator, number: int, days: int, until: int) -> Iterator[Day]:
    """Every whole or begun UTC day of the span, with its share of the calls."""
    first = until // DAY_MS - days + 1
    hours = np.arange(first * 24, -(-until * 24 // DAY_MS))
    lengths = np.minimum(until - hours * (DAY_MS // 24), DAY_MS // 24)
    weights = HOURLY[hours % 24] * lengths
    hourly = generator.multinomial(number, weights / weights.sum())
    for day in np.unique(hours // 24):
        here = hours // 24 == day
        count = int(hourly[here].sum())
        retries = int(count * RETRIED)
        begins = np.repeat(hours[here] * (DAY_MS // 24), hourly[here])
        widths = np.repeat(lengths[here], hourly[here])
        begun = begins + (generator.random(count) * widths).astype(np.int64)
        kept = generator.permutation(count)[: count - retries]
        yield Day(np.sort(begun[kept]), retries, int(min((day + 1) * DAY_MS, until)) - 1)


def _rows(generator: Generator, day: Day, written: int) -> list[tuple[Any, ...]]:
    """The day's calls as rows of `calls`, in its columns' order, oldest first."""
    requests = len(day.requests)
    retried = np.sort(generator.choice(requests, day.retries, replace=False))
    given_up = generator.random(requests) < GIVEN_UP
    failed = np.concatenate((given_up, generator.random(day.retries) < GIVEN_UP))
    failed[retried] = True
    column = _measured(generator, failed)
    again = np.minimum(day.requests[retried] + column["latency_ms"][retried].astype(np.int64) + 250, day.end)
    started = np.concatenate((day.requests, again))
    superseded = np.zeros(len(started), dtype=bool)
    superseded[retried] = True
    number = written + np.argsort(np.argsort(started, kind="stable"), kind="stable")
    ids = [f"{at:032x}" for at in number.tolist()]
    values: dict[str, Sequence[Any]] = {name: [None] * len(started) for name in NAMES}
    values |= {name: of.tolist() if isinstance(of, np.ndarray) else of for name, of in column.items()}
    values |= {
        "id": ids,
        "request_id": ids[:requests] + [ids[at] for at in retried.tolist()],
        "attempt": [0] * requests + [1] * day.retries,
        "started_at": started.tolist(),
        "superseded": superseded.tolist(),
        "copy": [0] * len(started),
        "counted": [int(Counted.YES)] * len(started),
    }
    return sorted(zip(*(values[name] for name in NAMES), strict=True))


def _measured(generator: Generator, failed: NDArray[np.bool_]) -> dict[str, Any]:
    """What is known of each call apart from when it was made. Unknown numbers are None."""
    number = len(failed)
    models = generator.choice(len(MODELS), number, p=SHARES)
    faults = np.where(failed, generator.choice(len(FAULTS), number, p=FAULT_SHARES), -1)
    latency = _of(models, "latency") * generator.lognormal(0, 0.55, number)
    first = np.minimum(_of(models, "ttft") * generator.lognormal(0, 0.4, number), latency * 0.9)
    prompt = generator.lognormal(5.5, 1.0, number).astype(np.int64) + 5
    written = generator.lognormal(5.2, 0.8, number).astype(np.int64) + 1
    prices = np.array([model.prices or (np.nan, np.nan) for model in MODELS])[models]
    cost = (prompt * prices[:, 0] + written * prices[:, 1]) / 1e6
    streamed = generator.random(number) < 0.8
    arrived = ~failed | np.isin(faults, [place for place, fault in enumerate(FAULTS) if fault[1] == 200])
    ends = np.where(generator.random(number) < 0.02, Outcome.LENGTH, Outcome.OK)
    kinds = [model.kind if known else CostKind.UNKNOWN for model in MODELS for known in (False, True)]
    return {
        "provider": [MODELS[at].provider for at in models.tolist()],
        "model": [MODELS[at].name for at in models.tolist()],
        "model_served": [MODELS[at].name for at in models.tolist()],
        "source": [SOURCES[at].value for at in generator.choice(len(SOURCES), number, p=SOURCE_SHARES).tolist()],
        "latency_ms": np.round(latency, 3),
        "ttft_ms": _known(np.round(first, 3), streamed & arrived),
        "prompt_tokens": _known(prompt, arrived),
        "completion_tokens": _known(written, arrived),
        "thinking_tokens": _known(np.zeros(number, dtype=np.int64), arrived),
        "cost_usd": _known(cost, arrived & ~np.isnan(cost)),
        "cost_kind": [kinds[at].value for at in (2 * models + arrived).tolist()],
        "outcome": [
            FAULTS[at][0].value if at >= 0 else str(end) for at, end in zip(faults.tolist(), ends, strict=True)
        ],
        "http_status": [FAULTS[at][1] if at >= 0 else 200 for at in faults.tolist()],
        "finish_reason": [None if at >= 0 else FinishReason.STOP.value for at in faults.tolist()],
    }


def _of(models: NDArray[np.int64], name: str) -> NDArray[np.float64]:
    return np.array([getattr(model, name) for model in MODELS])[models]


def _known(values: NDArray[Any], known: NDArray[np.bool_]) -> list[Any]:
    return [value if there else None for value, there in zip(values.tolist(), known.tolist(), strict=True)]


def _name_series(engine: Engine, until: int) -> dict[tuple[str, str, str], int]:
    rows = [
        {"id": number, "provider": model.provider, "model": model.name, "source": source}
        for number, (model, source) in enumerate(((model, source) for model in MODELS for source in SOURCES), start=1)
    ]
    with engine.begin() as connection:
        if connection.execute(select(func.count()).select_from(calls)).scalar_one():
            raise SystemExit("There are calls already: name a folder without any.")
        connection.execute(insert(series), rows)
        kept = [{"level": level, "until": _kept_since(level, until)} for level in KEEP.levels]
        connection.execute(insert(pruned), kept)
    return {(row["provider"], row["model"], row["source"]): row["id"] for row in rows}  # type: ignore[misc]


def _write(
    connection: Connection, rows: list[tuple[Any, ...]], numbers: dict[tuple[str, str, str], int], until: int
) -> None:
    """Calls of one UTC day, and what they add up to."""
    columns = ", ".join(NAMES)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"INSERT INTO calls ({columns}) VALUES ({', '.join('?' * len(NAMES))})", rows)
    else:
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor, cursor.copy(f"COPY calls ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    places = [NAMES.index(name) for name in COLUMNS]
    whose = [NAMES.index(name) for name in ("provider", "model", "source")]
    added = Columns.of(
        [[row[place] for row in rows] for place in places],
        [numbers[row[whose[0]], row[whose[1]], row[whose[2]]] for row in rows],
    )
    midnight = int(added.started[0]) // DAY_MS * DAY_MS
    save_buckets(
        connection, 0, buckets(added, tuple(level for level in LEVELS if midnight >= _kept_since(level, until)))
    )


def _kept_since(level: int, until: int) -> int:
    """The midnight from which on buckets of a level are there: the days that are kept, and the one begun before."""
    days = KEEP.levels.get(level)
    return 0 if days is None else (until // DAY_MS - days - 1) * DAY_MS


def _show(written: int, number: int) -> None:
    full = 40 * written // number
    print(f"\r[{'#' * full:<40}] {written:>12,} of {number:,}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
