"""The Health page's figures counted the plain way: call by call, number by number, without numpy or SQL."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest

from conductor_core.kinds import FAILURES, SUCCESSES, CostKind, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.figures import SHARES, Figures, Filter, Key, Lines, Overview, Quantiles, Spread
from conductor_core.metrics.overview import SPREAD_EDGES, By
from conductor_core.metrics.span import Span

SKETCHED = 0.0101
"""How far a percentile of a sketch may be from the true one: 1 %, and a hair for a double's rounding."""


def passes(call: Call, filter: Filter) -> bool:
    """Whether a filter lets a call through."""
    return (
        call.outcome is not Outcome.RUNNING
        and (call.source is Source.DRILL) == filter.drill
        and (not filter.providers or call.provider in filter.providers)
        and (not filter.models or call.model in filter.models)
        and (not filter.sources or call.source in filter.sources)
        and (not filter.outcomes or call.outcome in filter.outcomes)
        and (not filter.conversation or call.conversation_id == filter.conversation)
    )


def check(
    found: Overview, calls: Iterable[Call], by: By, filter: Filter, *, rows: Iterable[Call] | None = None
) -> None:
    """Every number of an overview is what the calls add up to.

    Args:
        calls: every call there ever was.
        rows: those whose rows are still there, if not all: only they can be the last error.
    """
    mine = [call for call in calls if passes(call, filter)]
    error = 1e-9 if found.exact else SKETCHED
    here = _within(mine, found.span)
    _check_figures(found.total, here, error)
    groups = _grouped(here, by)
    assert found.groups.keys() == groups.keys() == found.lines.keys() == found.spreads.keys()
    for key, group in groups.items():
        _check_figures(found.groups[key], group, error)
        _check_lines(found.lines[key], group, found.span, error)
        _check_spread(found.spreads[key], group, exact=found.exact)
    _check_lines(found.all_lines, here, found.span, error)
    there = mine if rows is None else [call for call in rows if passes(call, filter)]
    _check_last_errors(found, _within(there, found.span))
    if found.before is not None:
        assert found.span_before is not None
        earlier = _within(mine, found.span_before)
        _check_figures(found.before, earlier, SKETCHED)
        groups_before = _grouped(earlier, by)
        for key in groups:
            _check_figures(found.groups_before[key], groups_before.get(key, []), SKETCHED)


def _within(calls: Iterable[Call], span: Span) -> list[Call]:
    return [call for call in calls if span.since <= call.started_at < span.until]


def _grouped(calls: Iterable[Call], by: By) -> dict[Key, list[Call]]:
    groups: dict[Key, list[Call]] = {}
    for call in calls:
        groups.setdefault(Key(call.provider, call.model if by == "model" else ""), []).append(call)
    return groups


def _measures(calls: Sequence[Call]) -> dict[str, list[float]]:
    answered = [call for call in calls if call.outcome in SUCCESSES]
    of: dict[str, Callable[[Call], float | None]] = {
        "latency": lambda call: call.latency_ms,
        "ttft": lambda call: call.ttft_ms,
        "pace": lambda call: call.tokens_per_second,
    }
    return {name: [value for call in answered if (value := get(call)) is not None] for name, get in of.items()}


def percentile(values: Sequence[float], share: float) -> float | None:
    """With linear interpolation, as numpy and pandas do by default (Hyndman and Fan's seventh definition)."""
    if not values:
        return None
    ordered, place = sorted(values), share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _check_figures(figures: Figures, calls: Sequence[Call], error: float) -> None:
    last = [call for call in calls if not call.superseded]
    assert dict(figures.attempts) == Counter(call.outcome for call in calls)
    assert dict(figures.requests) == Counter(call.outcome for call in last)
    assert (figures.calls, figures.asked) == (len(calls), len(last))
    assert (figures.answered, figures.judged) == _judged(last)
    good, judged = _judged(calls)
    assert (figures.failed_attempts, figures.judged_attempts) == (judged - good, judged)
    assert figures.error_rate == (pytest.approx((judged - good) / judged) if judged else None)
    assert figures.success_rate == (figures.answered / figures.judged if figures.judged else None)
    for name, values in _measures(calls).items():
        _check_quantiles(getattr(figures, name), values, error)
    assert figures.prompt_tokens == sum(call.prompt_tokens or 0 for call in calls)
    assert figures.completion_tokens == sum(call.completion_tokens or 0 for call in calls)
    assert figures.thinking_tokens == sum(call.thinking_tokens or 0 for call in calls)
    priced = [call for call in calls if call.cost_usd is not None]
    assert (figures.priced, figures.unpriced) == (len(priced), len(calls) - len(priced))
    assert figures.free == sum(call.cost_kind is CostKind.FREE for call in priced)
    assert figures.priced_tokens == sum((call.prompt_tokens or 0) + (call.completion_tokens or 0) for call in priced)
    tokens = sum((call.prompt_tokens or 0) + (call.completion_tokens or 0) for call in calls)
    assert figures.coverage == (pytest.approx(figures.priced_tokens / tokens) if tokens else None)
    estimated = math.fsum(call.cost_usd or 0 for call in priced if call.cost_kind is CostKind.ESTIMATED)
    reported = math.fsum(call.cost_usd or 0 for call in priced if call.cost_kind is not CostKind.ESTIMATED)
    assert figures.cost_estimated == pytest.approx(estimated, abs=1e-9)
    assert figures.cost_reported == pytest.approx(reported, abs=1e-9)
    assert figures.cost_usd == (pytest.approx(estimated + reported, abs=1e-9) if priced else None)


def _judged(calls: Iterable[Call]) -> tuple[int, int]:
    ends = [call.outcome for call in calls]
    good = sum(end in SUCCESSES for end in ends)
    return good, good + sum(end in FAILURES for end in ends)


def _check_quantiles(found: Quantiles, values: Sequence[float], error: float) -> None:
    assert found.n == len(values)
    for share, shown in zip(SHARES, (found.p50, found.p90, found.p95, found.p99), strict=True):
        assert shown == (pytest.approx(percentile(values, share), rel=error, abs=0.001) if values else None)


def _check_lines(lines: Lines, calls: Sequence[Call], span: Span, error: float) -> None:
    """One bucket after the other; a bucket without calls is a gap."""
    occurred = {call.outcome for call in calls} & FAILURES
    assert lines.failures.keys() == occurred
    rates = lines.success_rate
    for place, start in enumerate(span.starts):
        here = [call for call in calls if start <= call.started_at < span.edges[place + 1]]
        last = [call for call in here if not call.superseded]
        good, judged = _judged(last)
        assert (lines.answered[place], lines.judged[place], lines.requests[place]) == (good, judged, len(last))
        assert rates[place] == pytest.approx(good / judged if judged else math.nan, nan_ok=True)
        for kind in occurred:
            assert lines.failures[kind][place] == sum(call.outcome is kind for call in here)
        for name, values in _measures(here).items():
            assert getattr(lines, f"{name}_n")[place] == len(values)
            expected = [percentile(values, share) if values else math.nan for share in SHARES]
            shown = getattr(lines, name)[:, place]
            assert list(shown) == pytest.approx(expected, rel=error, abs=0.001, nan_ok=True)
        assert lines.prompt_tokens[place] == sum(call.prompt_tokens or 0 for call in here)
        assert lines.completion_tokens[place] == sum(call.completion_tokens or 0 for call in here)
        costs = [call.cost_usd for call in here if call.cost_usd is not None]
        assert lines.cost[place] == pytest.approx(math.fsum(costs) if costs else math.nan, abs=1e-9, nan_ok=True)


def _check_spread(spread: Spread, calls: Sequence[Call], *, exact: bool) -> None:
    """Every answered attempt is in a bar: the right one, or of a sketch one that begins within 1 % of it."""
    latencies = np.array(_measures(calls)["latency"])
    assert spread.counts.sum() == len(latencies)
    slack = 0.0 if exact else SKETCHED
    for edge, below in zip(SPREAD_EDGES[1:-1], np.cumsum(spread.counts), strict=False):
        least = (latencies < edge * (1 - slack)).sum()
        assert least <= below <= (latencies <= edge * (1 + slack)).sum()


def _check_last_errors(found: Overview, calls: Sequence[Call]) -> None:
    failed: dict[str, list[Call]] = {}
    for call in calls:
        if call.outcome in FAILURES:
            failed.setdefault(call.provider, []).append(call)
    assert found.last_errors.keys() == failed.keys()
    for provider, errors in failed.items():
        at = max(call.started_at for call in errors)
        last = found.last_errors[provider]
        assert last.at == at
        assert (last.outcome, last.http_status) in {
            (call.outcome, call.http_status) for call in errors if call.started_at == at
        }
