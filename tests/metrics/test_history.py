"""The kept frame equals a fresh reading, and reads only what is new."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_core.kinds import Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.frames import COLUMNS
from conductor_core.metrics.history import History
from conductor_core.store.database import Store

SETTLE = 1000


class Calls:
    """A store's calls on a clock turned by hand: each is read once it has ended."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.ends: list[tuple[int, int]] = []
        self.read: list[int] = []

    def columns(self, since: int, until: int, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        ended = sorted(start for start, end in self.ends if end <= self.now and since <= start < until)
        self.read.append(len(ended))
        return [(f"{at}", at, *[None] * (len(columns) - 2)) for at in ended]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, SETTLE), st.integers(0, 5000)), max_size=25))
def test_it_always_equals_a_fresh_reading(steps: list[tuple[int, int, int]]) -> None:
    """Calls that end late and out of order, and ranges that widen and narrow, lose and double nothing."""
    calls = Calls()
    history = History(calls.columns, SETTLE, lambda: calls.now)
    for pause, takes, back in steps:
        calls.ends.append((calls.now, calls.now + takes))
        calls.now += pause
        since = calls.now - back
        fresh = [row[0] for row in calls.columns(since, 2**62, COLUMNS)]
        assert list(history.since(since)["id"]) == fresh


def test_a_second_look_reads_only_what_was_not_settled() -> None:
    """A thousand old calls are read once."""
    calls = Calls()
    calls.ends = [(at, at) for at in range(calls.now - 5000, calls.now, 5)]
    history = History(calls.columns, SETTLE, lambda: calls.now)
    first = history.since(0)
    assert history.since(0).equals(first)
    assert calls.read == [1000, SETTLE // 5]


def test_a_clock_set_back_is_read_afresh() -> None:
    """New calls then begin before the last reading; none is missed."""
    calls = Calls()
    history = History(calls.columns, SETTLE, lambda: calls.now)
    history.since(0)
    calls.now -= 500_000
    calls.ends.append((calls.now, calls.now))
    assert len(history.since(0)) == 1


def test_it_reads_a_real_store(tmp_path: Path) -> None:
    """Column names and types are those the database gives."""
    store = Store.open(tmp_path)
    try:
        call = Call("0" * 32, "1" * 32, 1, Source.CHAT, None, None, "local", "m", None, None, None, 1_790_000_000_000)
        call.outcome, call.latency_ms, call.error = Outcome.TIMEOUT, 12.5, "It did not answer."
        store.save_call(call).result(5)
        found = History(store.call_columns, SETTLE).since(0)
        assert list(found[["provider", "latency_ms", "error"]].iloc[0]) == ["local", 12.5, "It did not answer."]
        assert bool(found["failure"].iloc[0])
    finally:
        store.close()
