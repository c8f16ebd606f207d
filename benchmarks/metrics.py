"""What Health costs: pages of every range, cold and warm, a live refresh, the same in plain SQL, and recording a call.

    python -m benchmarks.metrics                                    # generates what it needs: a minute
    python -m benchmarks.metrics --calls 10000000 --keep /tmp/bench # the full size: some minutes more the first time
    python -m benchmarks.metrics --home postgresql+psycopg://… --tenth postgresql+psycopg://…   # two empty databases

CPU time is the process's; other programs on the machine lengthen only wall time. Ratios are of one run.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from benchmarks.history import MODELS, SOURCES, fill, is_address, postgres
from benchmarks.store import finished, started, writer_seconds
from conductor_core.metrics.call import Call
from conductor_core.metrics.health import Health
from conductor_core.metrics.span import HOUR, Range, Span
from conductor_core.secret import Secret
from conductor_core.store.database import Store
from conductor_core.store.sqlite_file import reading_engine

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata")
CUSTOM = "20 days"
QUESTIONS = [*(one.value for one in Range), CUSTOM]
PARTS = ("pages", "recording", "sql", "live")
WARM, COLD, GROWTH, LIVE = 150, 1000, 1.5, 15


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds: of wall time and of the process's CPU."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:7.1f} ({self.cpu:6.1f})"


def measured(action: Callable[[], object]) -> Took:
    """What running something once takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return Took((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3)


def span_of(question: str, now: int, zone: tzinfo) -> Span:
    """The span of a range, or the custom one: twenty days that ended five days ago, at odd minutes."""
    if question != CUSTOM:
        return Span.ending(now, Range(question), zone)
    end = now - 5 * 24 * HOUR - 17 * 60_000
    return Span.between(end - 20 * 24 * HOUR, end, zone)


def ask(health: Health, question: str, now: int, zone: tzinfo) -> None:
    """The whole page's data."""
    health.overview(span_of(question, now, zone), "model", compare=True)


def newest(store: Store) -> int:
    """When the last call began, UTC ms."""
    return store.recent_calls(1)[0].started_at


def cold(home: str, question: str, zone: str) -> Took:
    """The first page of a process that has just opened the store, best of five."""
    command = [sys.executable, "-m", "benchmarks.metrics", "--cold", question, "--zone", zone, "--home", home]
    found = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(5)]
    return min((Took(*one) for one in found), key=lambda took: took.cpu)


def print_cold(home: str, question: str, zone: str) -> None:
    """What that process does."""
    with opened(home) as store:
        now, health = newest(store), Health(store)
        took = measured(lambda: ask(health, question, now, ZoneInfo(zone)))
    print(json.dumps([took.wall, took.cpu]))


def warm(health: Health, question: str, now: int, zone: tzinfo, times: int = 7) -> Took:
    """The median of some looks after the first."""
    ask(health, question, now, zone)
    gc.collect()
    took = [measured(lambda: ask(health, question, now, zone)) for _ in range(times)]
    return Took(statistics.median(one.wall for one in took), statistics.median(one.cpu for one in took))


def pages(home: str, tenth: str) -> None:
    """Every question in every zone, with all calls and with a tenth of them."""
    print("page of        zone             cold: ms (CPU)    tenth, CPU   ratio   warm: ms (CPU)   tenth, CPU   ratio")
    with opened(home) as store, opened(tenth) as small:
        now, health, small_health = newest(store), Health(store), Health(small)
        looks = {
            (zone, question): (
                warm(health, question, now, ZoneInfo(zone)),
                warm(small_health, question, now, ZoneInfo(zone)),
            )
            for zone in ZONES
            for question in QUESTIONS
        }
        grown = rss()
        for zone in ZONES:
            for question in QUESTIONS:
                ask(health, question, now, ZoneInfo(zone))
        print(f"(memory after all of them {grown:.0f} MB, after all of them again {rss():.0f} MB)")
    for (zone, question), (all_calls, some) in looks.items():
        first, first_some = cold(home, question, zone), cold(tenth, question, zone)
        print(
            f"{question:<14} {zone:<14} {first}  {first_some.cpu:10.1f}  {ratio(first, first_some)}"
            f"  {all_calls}  {some.cpu:10.1f}  {ratio(all_calls, some)}"
        )
    print(f"targets: warm under {WARM} ms, cold under {COLD} ms, ratio at most {GROWTH} at ten million calls")


def ratio(all_calls: Took, some: Took) -> str:
    """How much more all calls cost than a tenth."""
    return f"{all_calls.cpu / some.cpu:6.2f}"


def live(home: str) -> None:
    """A refresh after each of some new calls, with what is not added up yet and what just was."""
    with opened(home) as store:
        now, health = newest(store), Health(store)
        print("a refresh after new calls, CPU ms of the thread that asks:")
        for question in QUESTIONS:
            ask(health, question, now, ZoneInfo("Europe/Berlin"))
            took = []
            for number in range(8):
                for call in range(20):
                    store.save_call(finished(started(now - 1_790_000_000_000 - 100 * number - call))).result()
                before = time.thread_time()
                ask(health, question, now, ZoneInfo("Europe/Berlin"))
                took.append((time.thread_time() - before) * 1e3)
                time.sleep(0.3)
            print(f"    {question:<10} median {statistics.median(took):6.1f}, most {max(took):6.1f}")
    print(f"    target: under {LIVE}")


PLAIN = """
SELECT provider, model, count(*), sum(cost_usd), sum(prompt_tokens), sum(completion_tokens),
       sum(CASE WHEN outcome IN ('ok', 'length', 'blocked') THEN 1 ELSE 0 END)
FROM calls WHERE started_at >= :since AND started_at < :until AND source <> 'drill' AND outcome <> 'running'
GROUP BY provider, model
"""
PLAIN_LINES = """
SELECT (started_at - :since) / :width AS bucket, provider, model, count(*), sum(cost_usd), outcome
FROM calls WHERE started_at >= :since AND started_at < :until AND source <> 'drill' AND outcome <> 'running'
GROUP BY 1, 2, 3, outcome
"""
PLAIN_PERCENTILES = {
    "sqlite": """
SELECT provider, model, min(latency_ms) FROM (
    SELECT provider, model, latency_ms, cume_dist() OVER (PARTITION BY provider, model ORDER BY latency_ms) AS share
    FROM calls WHERE started_at >= :since AND started_at < :until AND source <> 'drill'
                 AND outcome IN ('ok', 'length', 'blocked')) AS ranked
WHERE share >= 0.95 GROUP BY provider, model
""",
    "postgresql": """
SELECT provider, model, percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_ms),
       percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY ttft_ms)
FROM calls WHERE started_at >= :since AND started_at < :until AND source <> 'drill'
             AND outcome IN ('ok', 'length', 'blocked') GROUP BY provider, model
""",
}


def plain_sql(home: str, ranges: Iterable[str]) -> None:
    """Three of the page's questions as SQL over the rows: totals, lines, and percentiles of the groups."""
    engine = postgres(home) if is_address(home) else reading_engine(Path(home) / "conductor.db")
    with opened(home) as store, engine.connect() as connection:
        print(f"the same in plain SQL ({engine.dialect.name}; totals, lines, percentiles without lines):")
        _compare(connection, Health(store), newest(store), ranges)
    engine.dispose()


def _compare(connection: Connection, health: Health, now: int, ranges: Iterable[str]) -> None:
    texts = (PLAIN, PLAIN_LINES, PLAIN_PERCENTILES[connection.dialect.name])
    for question in ranges:
        span = span_of(question, now, ZoneInfo("UTC"))
        given = {"since": span.since, "until": span.until, "width": span.edges[1] - span.edges[0]}

        def run(given: dict[str, int] = given) -> None:
            for one in texts:
                connection.execute(text(one), given).all()

        theirs, ours = measured(run), warm(health, question, now, ZoneInfo("UTC"), times=3)
        first = measured(lambda question=question: ask(Health(health._store), question, now, ZoneInfo("UTC")))  # type: ignore[misc]  # a default
        print(
            f"    {question:<10} SQL {theirs.wall:9.1f} ms, Health {first.wall:7.1f} cold {ours.wall:6.1f} warm:"
            f" {theirs.wall / first.wall:7.1f} x, {theirs.wall / ours.wall:8.1f} x"
        )


def recording(calls: int) -> None:
    """What a finished call costs whoever made it, and how many the writer takes, rollups included."""
    with tempfile.TemporaryDirectory() as folder, opened(folder) as store:
        rows = [_one_of_many(number) for number in range(calls)]
        store.save_call(rows[0]).result()
        before, begun, spent = writer_seconds(), time.perf_counter(), 0.0
        for block in range(0, calls, 500):
            own = time.thread_time()
            saved = [store.save_call(row) for row in rows[block : block + 500]]
            spent += time.thread_time() - own
            saved[-1].result()
        while waiting(store):
            time.sleep(0.02)
        took = time.perf_counter() - begun
        writer = writer_seconds() - before
    print(f"recording a finished call: {spent / calls * 1e6:.1f} µs CPU on the caller's side; target under 30")
    print(
        f"    the writer, rollups included: {calls / took:,.0f} calls/s, {writer / calls * 1e6:.0f} µs CPU a call"
        f" ({calls / writer:,.0f} calls/s of a core to itself); target at least 5,000"
    )


def _one_of_many(number: int) -> Call:
    """A finished call of one of the models, from one of the sources."""
    model, source = MODELS[number % len(MODELS)], SOURCES[number % len(SOURCES)]
    return replace(finished(started(number * 7)), provider=model.provider, model=model.name, source=source)


def waiting(store: Store) -> int:
    """Finished calls that are not added up yet."""
    with store.history() as past:
        return past.count_pending(0, 2**62)


@contextmanager
def opened(home: str) -> Iterator[Store]:
    """The store of a folder, or of a database; closed again."""
    with tempfile.TemporaryDirectory() as empty:
        url = Secret(home) if is_address(home) else None
        store = Store.open(Path(empty if url else home), database_url=url)
        try:
            yield store
        finally:
            store.close()


def filled(home: str) -> bool:
    """Whether there are calls in it."""
    if not is_address(home):
        return Path(home).exists()
    engine = postgres(home)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT 1 FROM calls LIMIT 1")).first()
    engine.dispose()
    return found is not None


def rss() -> float:
    """The most memory this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=300_000)
    parser.add_argument("--keep", type=Path, help="where to keep the generated folders from run to run")
    parser.add_argument("--home", help="a folder, or a database's address, filled by benchmarks.history, instead …")
    parser.add_argument("--tenth", help="… and one with a tenth of its calls up to the same time")
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--cold", help=argparse.SUPPRESS)
    parser.add_argument("--zone", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.cold:
        print_cold(given.home, given.cold, given.zone)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        home, tenth = given.home or str(folder / "all"), given.tenth or str(folder / "tenth")
        until = time.time_ns() // 1_000_000
        for place, calls in ((home, given.calls), (tenth, given.calls // 10)):
            if not filled(place):
                fill(place, calls, 90, until, progress=sys.stderr.isatty())
        if "pages" in given.parts:
            pages(home, tenth)
        if "recording" in given.parts:
            recording(50_000)
        if "sql" in given.parts:
            plain_sql(home, QUESTIONS[:-1])
        if "live" in given.parts:  # last, since it adds calls
            live(home)


if __name__ == "__main__":
    main()
