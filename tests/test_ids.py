"""Names of calls: unlike each other, in the order of time."""

from __future__ import annotations

import time

from conductor_core.ids import new_id


def test_no_two_are_alike() -> None:
    assert len({new_id() for _ in range(100_000)}) == 100_000


def test_they_are_32_hexadecimal_digits_that_begin_with_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert len(made) == 32
    assert before <= int(made[:12], 16) <= time.time_ns() // 1_000_000
    int(made, 16)
