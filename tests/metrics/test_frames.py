"""The Health page's figures, against a plain count over random calls."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor_core.kinds import FAILURES, SUCCESSES, CostKind, Outcome
from conductor_core.metrics.frames import COLUMNS, Range, Summary, Window, buckets, frame, summaries, summary

NOW = 1_790_000_123_456
ENDS = sorted(set(Outcome) - {Outcome.RUNNING})
Row = dict[str, object]


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Finished calls of up to three providers over two hours, oldest first, with anything unmeasured in them."""
    started = sorted(draw(st.lists(st.integers(NOW - 7_200_000, NOW), max_size=40)))
    return [_row(draw, number, at) for number, at in enumerate(started)]


def _row(draw: st.DrawFn, number: int, started: int) -> Row:
    latency = draw(st.none() | st.floats(1, 60_000))
    cost = draw(st.none() | st.floats(0, 1))
    return {
        "id": f"{number:032x}",
        "started_at": started,
        "provider": draw(st.sampled_from(["gemini", "local", "custom:mine"])),
        "model": "m",
        "source": "chat",
        "outcome": draw(st.sampled_from(ENDS)),
        "http_status": draw(st.sampled_from([None, 200, 429])),
        "latency_ms": latency,
        "ttft_ms": None if latency is None else draw(st.none() | st.floats(0, latency)),
        "prompt_tokens": draw(st.none() | st.integers(0, 10_000)),
        "completion_tokens": draw(st.none() | st.integers(0, 10_000)),
        "cost_usd": cost,
        "cost_kind": CostKind.UNKNOWN
        if cost is None
        else draw(st.sampled_from([CostKind.REPORTED, CostKind.ESTIMATED])),
        "error": None,
    }


def tuples(calls: list[Row]) -> list[tuple[object, ...]]:
    return [tuple(call[name] for name in COLUMNS) for call in calls]


def percentile(values: list[float], share: float) -> float | None:
    """With linear interpolation, as numpy and pandas do by default (Hyndman and Fan's seventh definition)."""
    if not values:
        return None
    ordered, place = sorted(values), share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def measured(calls: list[Row], name: str, outcomes: frozenset[Outcome] = frozenset(Outcome)) -> list[float]:
    return [value for call in calls if call["outcome"] in outcomes and isinstance(value := call[name], float)]


@settings(deadline=None)
@given(rows())
def test_summaries_equal_a_plain_count(calls: list[Row]) -> None:
    """Every figure of every provider, whatever is missing from its rows."""
    found = summaries(frame(tuples(calls)))
    assert found.keys() == {str(call["provider"]) for call in calls}
    for provider, figures in found.items():
        _check(figures, [call for call in calls if call["provider"] == provider])


def _check(figures: Summary, calls: list[Row]) -> None:
    answered = [call for call in calls if call["outcome"] in SUCCESSES]
    failed = [call for call in calls if call["outcome"] in FAILURES]
    assert (figures.calls, figures.successes, figures.judged) == (
        len(calls),
        len(answered),
        len(answered) + len(failed),
    )
    latencies = measured(calls, "latency_ms", SUCCESSES)
    assert figures.p50_ms == pytest.approx(percentile(latencies, 0.5))
    assert figures.p95_ms == pytest.approx(percentile(latencies, 0.95))
    first = measured(answered, "ttft_ms")
    assert figures.ttft_ms == (pytest.approx(median(first)) if first else None)
    costs = measured(calls, "cost_usd")
    assert figures.cost_usd == (pytest.approx(sum(costs)) if costs else None)
    assert figures.unpriced == len(calls) - len(costs)
    assert figures.estimated == any(call["cost_kind"] is CostKind.ESTIMATED for call in calls)
    last = failed[-1] if failed else {"outcome": None, "started_at": None, "http_status": None}
    assert figures.last_error == last["outcome"]
    assert (figures.last_error_at, figures.last_status) == (last["started_at"], last["http_status"])


@settings(deadline=None)
@given(rows(), st.sampled_from([Range.QUARTER, Range.HOUR]))
def test_buckets_equal_a_plain_count_and_empty_ones_are_gaps(calls: list[Row], range: Range) -> None:
    """Each provider has every bucket of the window; one without calls shows nothing, not nought."""
    window = Window.ending(NOW, range)
    found = buckets(frame(tuples(calls)), window)
    inside = [call for call in calls if window.since <= call["started_at"] < window.until]  # type: ignore[operator]  # ints
    groups: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for call in inside:
        start = max(start for start in window.starts if start <= call["started_at"])  # type: ignore[operator]  # ints
        groups[str(call["provider"]), start].append(call)
    assert set(found.index) == {(str(call["provider"]), start) for call in inside for start in window.starts}
    for key, row in found.iterrows():
        here = groups.get(key, [])  # type: ignore[call-overload]  # the index is (provider, start)
        values = {name: None if value != value else value for name, value in row.items()}
        assert values == pytest.approx(_expected(here)), key


def _expected(calls: list[Row]) -> dict[str, object]:
    if not calls:
        return dict.fromkeys(["calls", "cost_usd", "p50_ms", "p95_ms", "answered", "judged", "success_rate"])
    latencies, costs = measured(calls, "latency_ms", SUCCESSES), measured(calls, "cost_usd")
    good = sum(call["outcome"] in SUCCESSES for call in calls)
    judged = good + sum(call["outcome"] in FAILURES for call in calls)
    return {
        "calls": len(calls),
        "cost_usd": sum(costs) if costs else None,
        "p50_ms": percentile(latencies, 0.5),
        "p95_ms": percentile(latencies, 0.95),
        "answered": len(latencies),
        "judged": judged,
        "success_rate": good / judged if judged else None,
    }


def test_no_calls_at_all_are_no_figures() -> None:
    """An empty store is summed up without an error and without a single nought that was not counted."""
    empty = frame([])
    figures = summary(empty)
    assert (figures.calls, figures.cost_usd, figures.p50_ms, figures.success_rate, figures.interval) == (0, *[None] * 4)
    assert summaries(empty) == {}
    assert buckets(empty, Window.ending(NOW, Range.DAY)).empty


@given(st.sampled_from(Range), st.integers(NOW, NOW + 10**10), st.integers(-12, 14))
def test_a_window_holds_now_in_its_last_bucket_and_begins_days_at_the_readers_midnight(
    range: Range, now: int, hours: int
) -> None:
    """Buckets are whole, as many as the range, and aligned to the reader's clock."""
    offset = hours * 3_600_000
    window = Window.ending(now, range, offset)
    assert window.starts[-1] <= now < window.until
    assert window.until - window.since == range.span_ms == len(window.starts) * window.step
    assert (window.since + offset) % window.step == 0
    assert len(window.starts) <= 60


def test_a_window_takes_its_beginning_and_not_its_end() -> None:
    """A call on the border of two windows is in one of them."""
    begun = [999, 1000, 1999, 2000]
    calls = [dict.fromkeys(COLUMNS) | {"id": str(at), "started_at": at, "provider": "local"} for at in begun]
    found = buckets(frame(tuples(calls)), Window(1000, 2000, 500))
    assert list(found["calls"]) == [1, 1]


def test_importing_the_module_loads_no_pandas() -> None:
    """pandas costs 0.4 s; only the page that draws frames may pay that."""
    code = (
        "import sys, conductor_core.metrics.frames, conductor_core.metrics.history; sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
