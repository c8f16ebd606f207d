"""What is made once for all viewers of a view."""

from __future__ import annotations

import operator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

from dashboard.components.kept import Kept


def test_it_is_made_once_for_as_long_as_it_holds() -> None:
    """And anew for another version; each view has its own."""
    kept: Kept[int, list[int]] = Kept()
    first = kept.of("24h", 1, lambda: [1])
    assert kept.of("24h", 1, lambda: [2]) is first
    assert kept.of("1h", 1, lambda: [3]) == [3]
    assert kept.of("24h", 2, lambda: [4]) == [4]


def test_ten_who_ask_at_once_have_it_made_once() -> None:
    """The others wait for it."""
    kept: Kept[int, object] = Kept()
    made: list[object] = []
    together, makers = Barrier(10), Barrier(2)

    def make() -> object:
        with suppress(BrokenBarrierError):
            makers.wait(0.3)  # for a second one who makes it
        made.append(object())
        return made[-1]

    def ask() -> object:
        together.wait(10)
        return kept.of("24h", 1, make)

    with ThreadPoolExecutor(10) as pool:
        given = [asked.result(10) for asked in [pool.submit(ask) for _ in range(10)]]
    assert len(made) == 1
    assert {id(one) for one in given} == {id(made[0])}


def test_versions_may_be_told_apart_by_what_they_are() -> None:
    """Equal ones, too."""
    kept: Kept[list[int], int] = Kept(operator.is_)
    version = [1]
    assert kept.of("24h", version, lambda: 1) == 1
    assert kept.of("24h", [1], lambda: 2) == 2


def test_few_are_kept() -> None:
    """The one made the longest time ago goes first."""
    kept: Kept[int, int] = Kept(most=2)
    for key in ("a", "b", "c"):
        kept.of(key, 1, lambda: 1)
    assert kept.of("c", 1, lambda: 2) == 1
    assert kept.of("a", 1, lambda: 2) == 2
