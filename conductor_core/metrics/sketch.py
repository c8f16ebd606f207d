"""A sketch of many numbers: how many fell into each of a fixed row of bins, every one 2 % wider than the one before.

A percentile read from it is within 1 % of the true one (the bound of Masson, Rim and Lee, "DDSketch", VLDB 2019, for
bins of this ratio), whatever was added in whatever order, and sketches are merged by adding their bins. Stored as
uint32s: the bin in the upper 12 bits, the count in the lower 20; a larger count takes several of them.

Where few numbers are wanted as they are, a sketch is just them: a byte, and then the numbers as float64s, sorted. It
can be merged with others like any sketch; an odd length tells it from them.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from conductor_core.metrics.figures import SHARES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

RATIO = 1.02
LEAST = 0.001
"""Upper edge of the first bin: a thousandth of a ms, or of a token per second."""
BINS = 1200
"""The last one ends at LEAST * RATIO ** (BINS - 1): six hours in ms."""

EDGES = LEAST * np.power(RATIO, np.arange(BINS, dtype=np.float64))
"""Upper edge of each bin."""
MIDDLES: NDArray[np.float64] = EDGES * 2 / (RATIO + 1)
"""What is read for a number of each bin: at most 1 % from either edge."""

FEW = 256
"""So many numbers may be kept as they are: 2 KB, about what the bins of a busy minute take."""

_COUNT_BITS = 20
_MOST = (1 << _COUNT_BITS) - 1
_ENTRY, _NUMBER = 4, 8
"""Bytes of a bin with its count, and of a number kept as it is."""
_FEW_MARK = b"\0"


def bins_of(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each number; all must be known and not below zero."""
    logs = np.log(np.maximum(values, LEAST) / LEAST) / math.log(RATIO)
    # A hair less, so that a number on a bin's edge falls into the same bin however its logarithm is rounded.
    return np.clip(np.ceil(logs - 1e-9), 0, BINS - 1).astype(np.int64)


def pack(bins: NDArray[np.int64], counts: NDArray[np.int64]) -> bytes:
    """Bins and their counts as they are stored."""
    if len(counts) and counts.max() > _MOST:
        parts = -(-counts // _MOST)
        whole = np.repeat(bins, parts)
        sizes = np.full(len(whole), _MOST, dtype=np.int64)
        sizes[np.cumsum(parts) - 1] = counts - (parts - 1) * _MOST
        bins, counts = whole, sizes
    return ((bins.astype(np.uint32) << _COUNT_BITS) | counts.astype(np.uint32)).astype("<u4").tobytes()


def of_each(
    values: NDArray[np.float64], owners: NDArray[np.int64], number: int, *, keep_few: bool = False
) -> list[bytes]:
    """A sketch per owner (from 0 to `number` - 1) of what is its.

    Args:
        keep_few: up to `FEW` numbers of an owner are kept as they are.
    """
    sizes = np.bincount(owners, minlength=number)
    few = sizes <= (FEW if keep_few else 0)
    binned = ~few[owners]
    stored = _binned_each(values[binned], owners[binned], number)
    if keep_few:
        order = np.lexsort((values, owners))
        as_they_are = values[order].astype("<f8").tobytes()
        ends = _NUMBER * np.cumsum(sizes)
        for owner in np.flatnonzero(few & (sizes > 0)).tolist():
            stored[owner] = _FEW_MARK + as_they_are[ends[owner] - _NUMBER * sizes[owner] : ends[owner]]
    return stored


def values_of(stored: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """The numbers that stored sketches keep as they are, one after the other.

    Returns:
        Of which sketch each number is, the number; and of each sketch whether it has only bins.
    """
    lengths = _lengths(stored)
    only_bins = _have_only_bins(lengths)
    kept = np.where(only_bins, 0, lengths // _NUMBER)
    return np.repeat(np.arange(len(stored)), kept), _as_they_are(stored, lengths), only_bins


def entries_of(stored: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int16], NDArray[np.int32]]:
    """Stored sketches one after the other: where each begins and the last one ends; the bin and count of each entry.

    What is kept as it is is an entry each.
    """
    lengths = _lengths(stored)
    few = lengths % 2 == 1
    ends = np.cumsum(np.where(few, lengths // _NUMBER, lengths // _ENTRY))
    edges = np.concatenate(([0], ends))
    with_bins = [one for one in stored if not len(one) % 2] if few.any() else stored
    entries = np.frombuffer(b"".join(with_bins), dtype="<u4")
    upper_halves = entries.view("<u2")[1::2]
    bins, counts = (upper_halves >> (_COUNT_BITS - 16)).view(np.int16), (entries & _MOST).view(np.int32)
    if not few.any():
        return edges, bins, counts
    values = _as_they_are(stored, lengths)
    as_they_are = np.repeat(few, np.diff(edges))
    every_bin, every_count = np.empty(len(as_they_are), dtype=np.int16), np.ones(len(as_they_are), dtype=np.int32)
    every_bin[as_they_are], every_bin[~as_they_are] = bins_of(values), bins
    every_count[~as_they_are] = counts
    return edges, every_bin, every_count


def merge(stored: Sequence[bytes]) -> bytes:
    """Several sketches as one."""
    if all(len(one) % 2 or not one for one in stored):
        # For two or three a tenth of what `values_of` takes, which is for thousands.
        values = np.sort(np.frombuffer(b"".join([one[1:] for one in stored]), dtype="<f8"))
        if len(values) <= FEW:
            return _FEW_MARK + values.tobytes() if len(values) else b""
    return binned(stored)


def binned(stored: Sequence[bytes]) -> bytes:
    """Several sketches as one that has bins, whatever they have."""
    _, bins, counts = entries_of(stored)
    summed = np.bincount(bins, weights=counts, minlength=1).astype(np.int64)
    used = np.flatnonzero(summed)
    return pack(used, summed[used])


def same(one: bytes, other: bytes) -> bool:
    """Whether two sketches say the same, as far as both know it."""
    return merge([one]) == merge([other]) or (len(one) % 2 != len(other) % 2 and binned([one]) == binned([other]))


def _binned_each(values: NDArray[np.float64], owners: NDArray[np.int64], number: int) -> list[bytes]:
    keys, counts = np.unique(owners * BINS + bins_of(values), return_counts=True)
    bins, edges = keys % BINS, np.searchsorted(keys, np.arange(number + 1) * BINS)
    if len(counts) and counts.max() > _MOST:
        return [pack(bins[low:high], counts[low:high]) for low, high in pairwise(edges)]
    packed = pack(bins, counts)
    return [packed[low:high] for low, high in pairwise((_ENTRY * edges).tolist())]


def _as_they_are(stored: Sequence[bytes], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """The numbers of those sketches that keep them, one after the other."""
    with_marks = [one for one in stored if len(one) % 2] if _have_only_bins(lengths).any() else stored
    whole = np.frombuffer(b"".join(with_marks), dtype=np.uint8)
    marked = lengths[lengths % 2 == 1]
    return np.delete(whole, np.cumsum(marked) - marked).view("<f8")


def _have_only_bins(lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    only_bins: NDArray[np.bool_] = (lengths % 2 == 0) & (lengths > 0)
    return only_bins


def _lengths(stored: Sequence[bytes]) -> NDArray[np.int64]:
    return np.fromiter(map(len, stored), dtype=np.int64, count=len(stored))


def quantiles(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The percentiles of `SHARES` of each of several sketches (rows of counts per bin), as rows; NaN for an empty one.

    Between two samples linear, like numpy's and Excel's (Hyndman and Fan's seventh definition).
    """
    running = np.cumsum(counts.ravel())
    ends = running[BINS - 1 :: BINS]
    begins = np.concatenate(([0], ends[:-1]))
    return ranked(ends - begins, begins, lambda rank: MIDDLES[np.searchsorted(running, rank, side="right") % BINS])


def ranked(
    sizes: NDArray[np.int64],
    begins: NDArray[np.int64],
    value_of: Callable[[NDArray[np.int64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """The percentiles of `SHARES` of each group of a row of samples that is sorted by group, then by size.

    Args:
        sizes: samples of each group.
        begins: samples before each group.
        value_of: for places in the row, from 0 on, the values there.
    """
    found = np.full((len(sizes), len(SHARES)), np.nan)
    some = sizes > 0
    ranks = np.multiply.outer(sizes[some] - 1, np.array(SHARES))
    below = np.floor(ranks).astype(np.int64)
    first = begins[some][:, None]
    low = value_of(first + below)
    high = value_of(first + np.minimum(below + 1, (sizes[some] - 1)[:, None]))
    found[some] = low + (high - low) * (ranks - below)
    return found


def exact_quantiles(groups: NDArray[np.int64], values: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """The same of the samples themselves; `groups` says whose each is, from 0 to `number` - 1. The last row: of all."""
    order = np.argsort(values)
    # Sorting small whole numbers takes no comparisons, so that this is faster than sorting by both at once.
    by_group = order[np.argsort(groups[order].astype(np.int16 if number < 2**15 else np.int64), kind="stable")]
    sizes = np.append(np.bincount(groups, minlength=number), len(values))
    in_order = values[np.concatenate((by_group, order))]
    return ranked(sizes, np.cumsum(sizes) - sizes, lambda rank: in_order[rank])
