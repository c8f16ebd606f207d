"""How figures of groups are put together from buckets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.kinds import Outcome
from conductor_core.metrics.cells import Grouping, Totals, measures_of
from conductor_core.metrics.figures import NO_FIGURES, Figures, Filter, Key
from conductor_core.metrics.overview import SPREAD_EDGES, Groups
from conductor_core.metrics.rollup import WIDTH
from conductor_core.metrics.slab import Samples, Slab
from conductor_core.metrics.slabs import Names

SERIES = [("openai", "a", "chat"), ("openai", "b", "api"), ("groq", "a", "chat"), ("groq", "a", "drill")]


def names() -> Names:
    made = Names()
    for one in SERIES:
        made.number(*one)
    return made


def test_groups_are_providers_or_their_models_and_drills_stay_apart() -> None:
    """One model name at two providers is two models."""
    assert Groups.of(names(), "provider", Filter()).grouping.of.tolist() == [0, 0, 1, -1]
    by_model = Groups.of(names(), "model", Filter())
    assert by_model.keys == (Key("openai", "a"), Key("openai", "b"), Key("groq", "a"))
    assert Groups.of(names(), "provider", Filter(drill=True)).grouping.of.tolist() == [-1, -1, -1, 0]


def test_a_filter_lets_through_what_meets_all_of_it() -> None:
    """Empty means any."""
    grouping = Groups.of(names(), "provider", Filter(models=("a",), sources=("chat",))).grouping
    assert grouping.of.tolist() == [0, -1, 1, -1]
    assert Groups.of(names(), "provider", Filter(providers=("nobody",))).grouping.number == 0


SLABS = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1199), st.integers(1, 9)), max_size=8), max_size=6
)


def slab(samples: list[tuple[int, int, int]]) -> Slab:
    owners, bins, counts = (
        (np.array(column, dtype=np.int64) for column in zip(*samples, strict=True))
        if samples
        else (np.zeros(0, dtype=np.int64),) * 3
    )
    return Slab(np.arange(4), np.zeros((4, WIDTH)), (Samples(owners, bins, counts),) * 3, exact=False)


@given(SLABS, SLABS)
def test_a_total_that_is_kept_is_the_one_made_anew(
    first: list[list[tuple[int, int, int]]], then: list[list[tuple[int, int, int]]]
) -> None:
    """Whatever buckets come and go between two looks."""
    grouping = Grouping(np.array([0, 1, 1, -1]), 2, "any")
    stay = [slab([(0, number, 1)]) for number in range(12)]
    totals = Totals(SPREAD_EDGES)
    for some in (first, then, then[1:]):
        slabs = [*stay[len(some) :], *map(slab, some)]
        kept = totals.of("span", slabs, grouping, lambda slabs=slabs: slabs)  # type: ignore[misc]  # a default
        anew = measures_of(slabs, grouping)
        for ours, theirs in zip(kept.measures, anew, strict=True):
            assert np.array_equal(ours.sizes(), theirs.sizes())
            assert np.array_equal(ours.quantiles(), theirs.quantiles(), equal_nan=True)
        assert [int(bars.sum()) for bars in kept.spreads] == kept.samples[0][:-1].tolist()


def test_an_unchanged_span_costs_nothing() -> None:
    """The very same total."""
    grouping = Grouping(np.zeros(4, dtype=np.int64), 1, "any")
    slabs, totals = [slab([(0, 5, 1)])], Totals(SPREAD_EDGES)
    first = totals.of("span", slabs, grouping, lambda: slabs)
    assert totals.of("span", list(slabs), grouping, lambda: slabs) is first


def test_figures_of_nothing_claim_nothing() -> None:
    """No rate, no interval, no cost: unknown is not nought."""
    nothing = NO_FIGURES
    assert [nothing.success_rate, nothing.interval, nothing.error_rate, nothing.cost_usd, nothing.coverage] == [
        None
    ] * 5
    assert (nothing.calls, nothing.asked, nothing.judged, nothing.unpriced) == (0, 0, 0, 0)


def test_success_is_of_requests_and_errors_are_of_attempts() -> None:
    """One request that was answered at the third attempt succeeded, and two of three attempts failed."""
    figures = Figures(attempts={Outcome.TIMEOUT: 2, Outcome.OK: 1, Outcome.CANCELLED: 4}, requests={Outcome.OK: 1})
    assert figures.success_rate == 1
    assert figures.error_rate == pytest.approx(2 / 3)
    assert figures.interval is not None
    assert figures.interval[0] < 0.3
