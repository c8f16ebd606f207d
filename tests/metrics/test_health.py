"""Every figure of any span, by any clock, against a plain count over the calls themselves."""

from __future__ import annotations

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from conductor_core.metrics.call import Call
from conductor_core.metrics.health import Health
from conductor_core.store.database import Store
from tests.metrics.histories import World, clear, play, worlds
from tests.metrics.plain import check


@settings(phases=[Phase.explicit, Phase.generate])
@given(worlds(), st.sampled_from([0, 4, 10_000]))
def test_every_figure_equals_a_plain_count(
    resting_store: Store, engine: Engine, world: World, exact_below: int
) -> None:
    """Whatever was called, however it ended, was asked again, saved and added up: and as of every moment."""
    clear(engine)
    health = Health(resting_store, exact_below)
    known: dict[str, Call] = {}
    for step in world.steps:
        play(world, step, resting_store, engine, known)
        rows = resting_store.calls_between(0, 2**62)
        for asked in world.questions:
            found = health.overview(asked.span, asked.by, asked.filter, compare=asked.compare)
            assert found.stale == 0
            assert found.span.since <= asked.span.since
            assert found.span.until >= asked.span.until
            check(found, rows if asked.filter.of_rows else known.values(), asked.by, asked.filter, rows=rows)
