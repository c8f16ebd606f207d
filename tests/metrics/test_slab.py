"""Slabs: rows and samples by series, added up once, and put together."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.metrics import sketch
from conductor_core.metrics.rollup import WIDTH, Entries
from conductor_core.metrics.slab import Slab, by_series, empty_slab, joined, slab_of, slabs_of

ROWS = st.lists(st.tuples(st.integers(0, 5), st.floats(0.01, 1e6) | st.none()), max_size=30)
"""Series, and what was measured."""


def made_of(rows: list[tuple[int, float | None]], *, exact: bool) -> Slab:
    """Each row counts one in its first sum; all measures are the same."""
    sums = np.zeros((len(rows), WIDTH))
    sums[:, 0] = 1
    known = np.array([place for place, (_, value) in enumerate(rows) if value is not None], dtype=np.int64)
    values = np.array([value for _, value in rows if value is not None], dtype=np.float64)
    return slab_of(np.array([of for of, _ in rows], dtype=np.int64), sums, [(known, values)] * 3, exact=exact)


def rows_in(slab: Slab) -> Counter[int]:
    counted: Counter[int] = Counter()
    for series, sums in zip(slab.series.tolist(), slab.sums, strict=True):
        counted[series] += int(sums[0])
    return counted


def samples_in(slab: Slab) -> Counter[tuple[int, float]]:
    counted: Counter[tuple[int, float]] = Counter()
    one = slab.samples[0]
    for owner, value, count in zip(one.owners.tolist(), one.values.tolist(), one.counts.tolist(), strict=True):
        counted[int(slab.series[owner]), value] += count
    return counted


@given(ROWS, st.booleans())
def test_a_slab_has_every_row_and_sample_of_its_series(rows: list[tuple[int, float | None]], exact: bool) -> None:
    """Each series once; samples as they are, or as the bins they fall into."""
    slab = made_of(rows, exact=exact)
    kept = [(of, value if exact else int(sketch.bins_of(np.array([value]))[0])) for of, value in rows if value]
    assert slab.series.tolist() == sorted({of for of, _ in rows})
    assert rows_in(slab) == Counter(of for of, _ in rows)
    assert samples_in(slab) == Counter(kept)


@given(st.lists(ROWS, max_size=5), st.booleans())
def test_runs_of_rows_are_told_apart(runs: list[list[tuple[int, float | None]]], exact: bool) -> None:
    """Each is the slab that it would be alone."""
    series = np.array([of for rows in runs for of, _ in rows], dtype=np.int64)
    measured = [value for rows in runs for _, value in rows]
    known = np.array([place for place, value in enumerate(measured) if value is not None], dtype=np.int64)
    samples = (known, np.array([value for value in measured if value is not None], dtype=np.float64))
    sums = np.zeros((len(series), WIDTH))
    sums[:, 0] = 1
    edges = list(accumulate(map(len, runs), initial=0))
    found = slabs_of(series, Entries.of_rows(sums), [samples] * 3, edges, exact=exact)
    alone = [made_of(rows, exact=exact) for rows in runs]
    assert [one.series.tolist() for one in found] == [one.series.tolist() for one in alone]
    assert list(map(rows_in, found)) == list(map(rows_in, alone))
    assert list(map(samples_in, found)) == list(map(samples_in, alone))


@given(ROWS, ROWS, st.booleans())
def test_two_slabs_joined_are_the_slab_of_all_rows(
    ours: list[tuple[int, float | None]], theirs: list[tuple[int, float | None]], exact: bool
) -> None:
    """What is not added up yet counts like what is."""
    together, whole = (
        joined(made_of(ours, exact=exact), made_of(theirs, exact=exact)),
        made_of(ours + theirs, exact=exact),
    )
    assert rows_in(together) == rows_in(whole)
    assert samples_in(together) == samples_in(whole)
    assert samples_in(joined(empty_slab(exact=exact), whole)) == samples_in(whole)


@pytest.mark.parametrize("series", [[3, 1, 2], [3, 1, 3]])
def test_rows_are_added_up_by_series(series: list[int]) -> None:
    """In the order of the series, also where each has only one."""
    sums = np.arange(3 * WIDTH, dtype=np.float64).reshape(3, WIDTH)
    distinct, owners, summed = by_series(np.array(series), Entries.of_rows(sums))
    assert distinct[owners].tolist() == series
    for place, one in enumerate(distinct.tolist()):
        assert summed[place].tolist() == sums[np.array(series) == one].sum(axis=0).tolist()
