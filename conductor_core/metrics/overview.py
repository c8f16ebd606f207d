"""One span of time as the Health page shows it, put together from slabs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from conductor_core.kinds import FAILURES, SUCCESSES, Outcome
from conductor_core.metrics import rollup
from conductor_core.metrics.cells import Cells, Grouping, Total
from conductor_core.metrics.figures import (
    Figures,
    Filter,
    Key,
    LastError,
    Lines,
    LinesByGroup,
    Overview,
    Quantiles,
    Spread,
)
from conductor_core.metrics.slab import Slab
from conductor_core.metrics.slabs import Names
from conductor_core.metrics.span import Span
from conductor_core.store.rollups import CALLS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from conductor_core.store.history import History

By = Literal["provider", "model"]

SPREAD_EDGES = 10.0 ** np.linspace(1, 6, 51)
"""Edges of the bars of a latency distribution: ten to each power of ten, from 10 ms to 1,000 s."""

N = TypeVar("N", bound=np.generic)

_MEASURES = range(len(rollup.MEASURES))

_FIELD = {name: place for place, name in enumerate(rollup.FIELDS)}
_SUCCESS = np.array([kind in SUCCESSES for kind in rollup.KINDS])
_FAILURE = np.array([kind in FAILURES for kind in rollup.KINDS])


@dataclass(frozen=True, slots=True)
class Groups:
    """Who is told apart: a key per group, in the order of their numbers."""

    keys: tuple[Key, ...]
    grouping: Grouping

    @classmethod
    def of(cls, names: Names, by: By, filter: Filter) -> Groups:
        """The groups of all series known so far that a filter lets through."""
        found: dict[Key, int] = {}
        of = np.full(max(len(names.known), 1), -1)
        for number, (provider, model, source) in enumerate(names.known):
            if _passes(filter, provider, model, source):
                key = Key(provider, model if by == "model" else "")
                of[number] = found.setdefault(key, len(found))
        grouping = Grouping(of, len(found), (len(names.known), by, filter))
        return cls(tuple(found), grouping)


def _passes(filter: Filter, provider: str, model: str, source: str) -> bool:
    return (
        (source == "drill") == filter.drill
        and (not filter.providers or provider in filter.providers)
        and (not filter.models or model in filter.models)
        and (not filter.sources or source in filter.sources)
    )


def overview(
    span: Span,
    slabs: Sequence[Slab],
    before: tuple[Span, Slab] | None,
    together: Total,
    groups: Groups,
    filter: Filter,
    past: History,
    *,
    pending: int,
    stale: int,
) -> Overview:
    """Puts a span together.

    Args:
        slabs: one per bucket of the span.
        before: the span before, which is one bucket, and its slab.
        together: all slabs' samples.
    """
    buckets = _Buckets([slab.cells(groups.grouping) for slab in slabs])
    total = Cells(buckets.sums.sum(axis=0), together.quantiles, together.samples)
    used = [place for place in range(len(groups.keys)) if rollup.attempts(total.sums[place]).any()]
    earlier = before[1].cells(groups.grouping) if before else None
    return Overview(
        span=span,
        total=_figures(total, -1),
        before=_figures(earlier, -1) if earlier else None,
        groups={groups.keys[place]: _figures(total, place) for place in used},
        groups_before={groups.keys[place]: _figures(earlier, place) for place in used} if earlier else {},
        lines=_lines_by_group(buckets, {groups.keys[place]: place for place in used}),
        spreads={groups.keys[place]: Spread(SPREAD_EDGES, together.spreads[place]) for place in used},
        last_errors=_last_errors(span, slabs, buckets, groups.keys, used, filter, past),
        exact=slabs[0].exact,
        pending=pending,
        stale=stale,
        span_before=before[0] if before else None,
    )


class _Buckets:
    """The cells of neighbouring buckets, stacked: the first axis is time."""

    def __init__(self, cells: Sequence[Cells]) -> None:
        self._cells = cells
        self.sums = _stacked([one.sums for one in cells])

    @cached_property
    def attempts(self) -> NDArray[np.int64]:
        """By bucket, group and kind of end, as `requests`."""
        return rollup.attempts(self.sums).astype(np.int64)

    @cached_property
    def requests(self) -> NDArray[np.int64]:
        return rollup.requests(self.sums).astype(np.int64)

    @cached_property
    def answered(self) -> NDArray[np.int64]:
        """By bucket and group, as what follows."""
        answered: NDArray[np.int64] = self.requests[..., _SUCCESS].sum(axis=-1)
        return answered

    @cached_property
    def judged(self) -> NDArray[np.int64]:
        judged: NDArray[np.int64] = self.answered + self.requests[..., _FAILURE].sum(axis=-1)
        return judged

    @cached_property
    def asked(self) -> NDArray[np.int64]:
        asked: NDArray[np.int64] = self.requests.sum(axis=-1)
        return asked

    @cached_property
    def cost(self) -> NDArray[np.float64]:
        spent = self.sums[..., _FIELD["cost_reported"]] + self.sums[..., _FIELD["cost_estimated"]]
        return np.where(self.sums[..., _FIELD["priced"]] > 0, spent, np.nan)

    @cached_property
    def failed(self) -> NDArray[np.bool_]:
        """Which kinds of failure occurred, by group and kind."""
        failed: NDArray[np.bool_] = _FAILURE & self.attempts.any(axis=0)
        return failed

    @cached_property
    def quantiles(self) -> tuple[NDArray[np.float64], ...]:
        return tuple(_stacked([one.quantiles[measure] for one in self._cells]) for measure in _MEASURES)

    @cached_property
    def samples(self) -> tuple[NDArray[np.int64], ...]:
        return tuple(_stacked([one.samples[measure] for one in self._cells]) for measure in _MEASURES)


def _stacked(arrays: Sequence[NDArray[N]]) -> NDArray[N]:
    # What np.stack does, which takes its time with each of many small arrays.
    return np.concatenate(arrays).reshape(len(arrays), *arrays[0].shape)


def _figures(cells: Cells, place: int) -> Figures:
    sums = cells.sums[place]
    field = dict(zip(rollup.FIELDS, sums.tolist(), strict=False))
    latency, ttft, pace = (
        Quantiles(int(samples[place]), *(None if value != value else value for value in quantiles[place].tolist()))
        for quantiles, samples in zip(cells.quantiles, cells.samples, strict=True)
    )
    return Figures(
        attempts=_ends(rollup.attempts(sums)),
        requests=_ends(rollup.requests(sums)),
        latency=latency,
        ttft=ttft,
        pace=pace,
        prompt_tokens=int(field["prompt_tokens"]),
        completion_tokens=int(field["completion_tokens"]),
        thinking_tokens=int(field["thinking_tokens"]),
        priced_tokens=int(field["priced_tokens"]),
        cost_reported=field["cost_reported"],
        cost_estimated=field["cost_estimated"],
        priced=int(field["priced"]),
        free=int(field["free"]),
    )


def _ends(counts: NDArray[np.float64]) -> Mapping[Outcome, int]:
    return {kind: int(count) for kind, count in zip(rollup.KINDS, counts.tolist(), strict=True) if count}


def _lines_by_group(buckets: _Buckets, places: Mapping[Key, int]) -> LinesByGroup:
    return LinesByGroup(list(places), lambda key: _lines(buckets, -1 if key is None else places[key]))


def _lines(buckets: _Buckets, place: int) -> Lines:
    sums, attempts = buckets.sums[:, place], buckets.attempts[:, place]
    latency, ttft, pace = (one[:, place].T for one in buckets.quantiles)
    latency_n, ttft_n, pace_n = (one[:, place] for one in buckets.samples)
    return Lines(
        latency=latency,
        latency_n=latency_n,
        ttft=ttft,
        ttft_n=ttft_n,
        pace=pace,
        pace_n=pace_n,
        answered=buckets.answered[:, place],
        judged=buckets.judged[:, place],
        requests=buckets.asked[:, place],
        failures={rollup.KINDS[at]: attempts[:, at] for at in np.flatnonzero(buckets.failed[place])},
        prompt_tokens=sums[:, _FIELD["prompt_tokens"]].astype(np.int64),
        completion_tokens=sums[:, _FIELD["completion_tokens"]].astype(np.int64),
        cost=buckets.cost[:, place],
    )


def _last_errors(
    span: Span,
    slabs: Sequence[Slab],
    cells: _Buckets,
    keys: Sequence[Key],
    used: Iterable[int],
    filter: Filter,
    past: History,
) -> dict[str, LastError]:
    """Looked for only where a provider's sums say that there is one."""
    newest: dict[str, tuple[int, set[Outcome]]] = {}
    failed = cells.attempts[..., _FAILURE]
    kinds = [kind for kind in rollup.KINDS if kind in FAILURES]
    for place in used:
        buckets = np.flatnonzero(failed[:, place].any(axis=1))
        if not len(buckets):
            continue
        bucket = int(buckets[-1])
        here = {kinds[at] for at in np.flatnonzero(failed[bucket, place])}
        known = newest.get(keys[place].provider)
        if known is None or known[0] < bucket:
            newest[keys[place].provider] = (bucket, here)
        elif known[0] == bucket:
            known[1].update(here)
    found = {}
    for provider, (bucket, outcomes) in newest.items():
        key = (provider, filter, past.pruned().get(CALLS, 0))
        kept = slabs[bucket].last_errors
        if key not in kept:
            if len(kept) >= 32:
                kept.clear()
            last = past.last_end(provider, sorted(outcomes), (span.edges[bucket], span.edges[bucket + 1]), filter)
            kept[key] = LastError(Outcome(last[0]), last[1], last[2]) if last else None
        error = kept[key]
        if error:
            found[provider] = error
    return found
