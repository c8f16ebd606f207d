"""Buckets in memory: read once, read again when calls in them were added up, and never more of them than so many."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine

from conductor_core.metrics import slabs as slabs_module
from conductor_core.metrics.rollup import attempts
from conductor_core.metrics.slab import Slab
from conductor_core.metrics.slabs import Names, Slabs
from conductor_core.metrics.span import HOUR, MINUTE
from conductor_core.store.database import Store
from conductor_core.store.rollups import Rollups
from tests.store.rows import finished

BEGUN = 21_900 * 24 * HOUR
EDGES = range(BEGUN, BEGUN + 4 * HOUR + 1, HOUR)


def add(store: Store, engine: Engine, at: int, copy: int = 1) -> None:
    """A call that is added up at once."""
    store.save_call(finished(started_at=at)).result()
    Rollups(engine, lambda: copy).add_up()


def read(slabs: Slabs, store: Store, *, exact: bool) -> list[Slab]:
    with store.history() as past:
        return slabs.of(past, EDGES, exact=exact)


def calls_in(slabs: list[Slab]) -> list[int]:
    return [int(attempts(slab.sums).sum()) for slab in slabs]


@pytest.mark.parametrize("exact", [True, False])
def test_only_what_a_batch_touched_is_read_again(resting_store: Store, engine: Engine, exact: bool) -> None:
    """By whichever copy of the app; all the others are the very same."""
    slabs = Slabs()
    add(resting_store, engine, BEGUN)
    before = read(slabs, resting_store, exact=exact)
    add(resting_store, engine, BEGUN + 2 * HOUR + 16 * MINUTE, copy=2)
    after = read(slabs, resting_store, exact=exact)
    assert [old is new for old, new in zip(before, after, strict=True)] == [True, True, False, True]
    assert calls_in(after) == [1, 0, 1, 0]


def test_where_it_is_not_known_any_more_what_changed_all_is_read_again(
    resting_store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many batches are remembered; who looks again after more of them starts anew."""
    monkeypatch.setattr("conductor_core.store.rollups.BATCHES_KEPT", 2)
    slabs = Slabs()
    read(slabs, resting_store, exact=False)
    add(resting_store, engine, BEGUN)
    before = read(slabs, resting_store, exact=False)
    for number in range(4):
        add(resting_store, engine, BEGUN + number * HOUR)
    after = read(slabs, resting_store, exact=False)
    assert not any(old is new for old, new in zip(before, after, strict=True))
    assert calls_in(after) == [2, 1, 1, 1]


def test_the_longest_unused_go_first(resting_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many spans are asked for, memory stays what it is."""
    monkeypatch.setattr(slabs_module, "KEPT", 4)
    slabs = Slabs()
    with resting_store.history() as past:
        first = slabs.of(past, EDGES, exact=False)
        assert slabs.of(past, EDGES, exact=False)[0] is first[0]
        slabs.of(past, [edge + 4 * HOUR for edge in EDGES], exact=False)
        assert slabs.of(past, EDGES, exact=False)[0] is not first[0]


def test_numbers_stay_their_own_whoever_asks_first() -> None:
    """Ten threads that meet the same new series at once agree about all of them."""
    names = Names()
    start = threading.Barrier(10)
    found: list[list[int]] = []

    def ask(offset: int) -> None:
        start.wait()
        order = [(number + offset * 7) % 50 for number in range(50)]
        numbers = {model: names.number("openai", str(model), "chat") for model in order}
        found.append([numbers[model] for model in range(50)])

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one == found[0] for one in found)
    assert [names.known[number][1] for number in found[0]] == [str(model) for model in range(50)]
