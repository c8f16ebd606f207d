"""Adding calls up: what a bucket keeps, and that nothing is lost or counted twice on the way to disk."""

from __future__ import annotations

from dataclasses import astuple, fields, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.kinds import Outcome
from conductor_core.metrics import rollup, sketch
from conductor_core.metrics.call import COLUMNS, Call
from conductor_core.metrics.rollup import KINDS, LEVELS, Bucket, Columns, buckets, sums_of
from tests.metrics.histories import World, worlds
from tests.store.rows import finished

NAMES = [field.name for field in fields(Call)]


def columns(calls: list[Call], counted: int = 1) -> Columns:
    """Calls as they are read from their table."""
    rows = [dict(zip(NAMES, astuple(call), strict=True)) | {"counted": counted} for call in calls]
    return Columns.of([[row[name] for row in rows] for name in COLUMNS], [0] * len(rows))


def test_every_end_has_its_place() -> None:
    """A kind that were missing would be an error at its first call; a stored place never changes its meaning."""
    assert set(KINDS) == set(Outcome) - {Outcome.RUNNING}
    assert KINDS[:4] == (Outcome.OK, Outcome.LENGTH, Outcome.BLOCKED, Outcome.EMPTY)


@given(worlds())
def test_every_level_has_every_call_once(world: World) -> None:
    """Minutes add up to quarters, quarters to hours, hours to days: sums and sketches."""
    calls = [call for step in world.steps for call in step.saved if call.outcome is not Outcome.RUNNING]
    added = buckets(columns(calls))
    for finer, coarser in pairwise(LEVELS):
        for bucket in (one for one in added if one.level == coarser):
            width = coarser * rollup.MINUTE_MS
            parts = [one for one in added if one.level == finer and one.start // width * width == bucket.start]
            merged = parts[0]
            for part in parts[1:]:
                merged = merged.merged(part.sums, part.sketches)
            assert all(sketch.same(*both) for both in zip(merged.sketches, bucket.sketches, strict=True))
            assert sums_of([merged.sums])[0] == pytest.approx(sums_of([bucket.sums])[0], abs=1e-9)
    attempts = sum(rollup.attempts(sums_of([one.sums])).sum() for one in added if one.level == 1440)
    assert attempts == len(calls)


def test_a_correction_takes_back_the_end_of_a_request_and_nothing_else() -> None:
    """A call that was counted as its request's last and is not: its attempt, tokens and latency stay."""
    [last] = [one for one in buckets(columns([finished()])) if one.level == 1]
    [again] = [one for one in buckets(columns([finished(superseded=True)], counted=2)) if one.level == 1]
    [right] = [one for one in buckets(columns([finished(superseded=True)])) if one.level == 1]
    corrected = last.merged(again.sums, again.sketches)
    assert sums_of([corrected.sums]).tolist() == sums_of([right.sums]).tolist()
    assert corrected.sketches == right.sketches


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.none() | st.integers(0, 1000))
def test_the_pace_is_the_one_of_the_call(latency: float, first: float, tokens: int | None) -> None:
    """The same as on its receipt, and missing where that is."""
    call = finished(latency_ms=latency, ttft_ms=first, completion_tokens=tokens)
    [pace] = columns([call]).measures[2]
    expected = call.tokens_per_second
    assert pace == (pytest.approx(expected) if expected is not None else pytest.approx(np.nan, nan_ok=True))


@pytest.mark.parametrize("outcome", [Outcome.STREAM_CUT, Outcome.CANCELLED, Outcome.TIMEOUT])
def test_a_call_that_was_not_answered_has_no_measures_but_costs_what_arrived(outcome: Outcome) -> None:
    """A time-out of a minute is no latency of a minute."""
    call = columns([finished(outcome=outcome)])
    assert all(np.isnan(values).all() for values in call.measures)
    assert call.sums[0, rollup.FIELDS.index("cost_reported")] == pytest.approx(0.000114)


def test_sums_of_before_a_kind_was_known_stay_readable() -> None:
    """They are shorter; what they did not know of did not occur."""
    old = np.arange(rollup.WIDTH - 2, dtype=np.float64).tobytes()
    assert sums_of([old, np.zeros(rollup.WIDTH).tobytes()])[0, -3:].tolist() == [rollup.WIDTH - 3, 0, 0]


def test_counts_stay_whole_beyond_what_one_entry_holds() -> None:
    """A bucket that is added to for years."""
    [bucket, *_] = buckets(columns([finished()]))
    total: Bucket = bucket
    for _ in range(25):
        total = total.merged(total.sums, total.sketches)
    assert rollup.attempts(sums_of([total.sums])).sum() == 2**25
    assert np.frombuffer(total.sketches[0], dtype="<u4").astype(np.int64).__and__((1 << 20) - 1).sum() == 2**25


def test_no_calls_add_up_to_no_buckets() -> None:
    """And raise nothing."""
    assert buckets(columns([])) == []
    assert len(columns([replace(finished(), cost_usd=None)])) == 1
