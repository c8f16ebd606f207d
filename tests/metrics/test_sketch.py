"""Sketches: within 1 % of the truth, whatever is put in and in whatever order, in few bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from conductor_core.metrics import sketch
from conductor_core.metrics.figures import SHARES
from tests.metrics.plain import SKETCHED, percentile

VALUES = st.floats(sketch.LEAST, 2e7)


def sketched(values: list[float]) -> bytes:
    bins, counts = np.unique(sketch.bins_of(np.array(values, dtype=np.float64)), return_counts=True)
    return sketch.pack(bins, counts)


def read(stored: bytes) -> list[float]:
    return list(sketch.quantiles(counts_of(stored)[np.newaxis])[0])


def counts_of(stored: bytes) -> NDArray[np.int64]:
    """By bin."""
    _, bins, counts = sketch.entries_of([stored])
    return np.bincount(bins, weights=counts, minlength=sketch.BINS).astype(np.int64)


@given(st.lists(VALUES, min_size=1, max_size=200))
def test_percentiles_are_within_one_percent(values: list[float]) -> None:
    """Of the ones of the values themselves, with the same interpolation."""
    assert read(sketched(values)) == pytest.approx([percentile(values, share) for share in SHARES], rel=SKETCHED)


@given(st.lists(st.lists(VALUES, max_size=50), min_size=1, max_size=5))
def test_merging_is_adding_it_all_to_one(parts: list[list[float]]) -> None:
    """To the byte, so that it makes no difference which copy of the app added what up when."""
    assert sketch.merge([sketched(part) for part in parts]) == sketched([value for part in parts for value in part])


@given(st.lists(st.tuples(st.integers(0, 3), VALUES), max_size=40), st.integers(0, 12))
def test_few_numbers_are_kept_as_they_are(samples: list[tuple[int, float]], few: int) -> None:
    """Up to so many of each owner, sorted; merged they are what they would have been together."""
    owners, values = np.array([of for of, _ in samples], dtype=np.int64), np.array([value for _, value in samples])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketch, "FEW", few)
        stored = sketch.of_each(values, owners, 4, keep_few=True)
        [together] = sketch.of_each(values, np.zeros_like(owners), 1, keep_few=True)
        assert sketch.merge(stored) == together
        for owner, one in enumerate(stored):
            own = sorted(value for of, value in samples if of == owner)
            whose, kept, only_bins = sketch.values_of([b"", one])
            assert kept.tolist() == (own if len(own) <= few else [])
            assert whose.tolist() == [1] * len(kept)
            assert only_bins.tolist() == [False, len(own) > few]
    assert sketch.same(together, sketched(list(values)))


@given(st.lists(VALUES, min_size=1, max_size=20), st.lists(VALUES, min_size=1, max_size=20))
def test_what_is_kept_as_it_is_adds_up_with_what_is_not(few: list[float], many: list[float]) -> None:
    """To the same bins; only a sketch of other numbers is another one."""
    [kept] = sketch.of_each(np.array(few), np.zeros(len(few), dtype=np.int64), 1, keep_few=True)
    assert sketch.merge([kept, sketched(many)]) == sketched([*few, *many])
    assert not sketch.same(kept, sketched([*few, 1.0]))


@given(st.integers(0, sketch.BINS - 1), st.integers(1, 10_000_000))
def test_any_count_survives_being_stored(bin: int, count: int) -> None:
    """Also one that needs more bits than an entry has."""
    stored = sketch.pack(np.array([bin]), np.array([count]))
    counts = counts_of(stored)
    assert counts[bin] == counts.sum() == count
    assert sketch.merge([stored, stored]) == sketch.pack(np.array([bin]), np.array([2 * count]))


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1e6)), max_size=60))
def test_exact_percentiles_are_those_of_each_group(samples: list[tuple[int, float]]) -> None:
    """As numpy's and Excel's are; an empty group has none. The last are those of all of them."""
    groups, values = np.array([of for of, _ in samples], dtype=np.int64), np.array([value for _, value in samples])
    found = sketch.exact_quantiles(groups, values, 4)
    for group in range(5):
        own = [value for of, value in samples if group in (of, 4)]
        expected = [percentile(own, share) for share in SHARES] if own else [np.nan] * len(SHARES)
        assert list(found[group]) == pytest.approx(expected, nan_ok=True)


def test_nothing_has_no_percentiles() -> None:
    """Not nought."""
    assert np.isnan(read(b"")).all()


@pytest.mark.parametrize("bin", [1, 2, 500, sketch.BINS - 1])
def test_a_number_on_an_edge_is_in_the_bin_below_it(bin: int) -> None:
    """However its logarithm is rounded."""
    assert sketch.bins_of(sketch.EDGES[bin : bin + 1])[0] == bin


def test_what_is_beyond_the_bins_is_in_the_outermost() -> None:
    """A latency of nought, or of a week, is counted."""
    assert list(sketch.bins_of(np.array([0.0, 6e8]))) == [0, sketch.BINS - 1]
