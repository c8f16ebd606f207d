"""Limits by the minute: against a brute force that knows only what a token bucket promises, and in their own words."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.errors import LimitReached
from conductor_core.keys.limits import Bucket, Limits, duration
from tests.clock import Clock
from tests.keys.keys import api_key


def has_room(taken: Sequence[tuple[float, int]], limit: int, amount: int, now: float) -> bool:
    """A bucket's promise: since no moment more was taken than it holds and what has come in since then."""
    moments = [*range(len(taken)), len(taken)]
    all_of_them = [*taken, (now, amount)]
    return all(
        sum(of for _, of in all_of_them[start:]) <= limit + (now - all_of_them[start][0]) * limit / 60
        for start in moments
    )


# Times in 64ths of a second and limits in sixties: every sum in them is exact in binary.
steps = st.lists(st.tuples(st.integers(0, 64 * 90), st.integers(1, 150)), max_size=60)


@given(st.sampled_from([60, 120, 600]), steps)
def test_a_bucket_lets_through_what_brute_force_would_and_nothing_else(
    limit: int, asked: list[tuple[int, int]]
) -> None:
    """Every answer is the oracle's; after the wait it names there is room, and just before there is not."""
    taken: list[tuple[float, int]] = []
    bucket, now = Bucket(limit, 0.0), 0.0
    for pause, amount in asked:
        now += pause / 64
        wait = bucket.wait(amount, now)
        assert (wait == 0.0) == has_room(taken, limit, amount, now)
        assert (wait is None) == (amount > limit)
        if wait == 0.0:
            bucket.take(amount, now)
            taken.append((now, amount))
        elif wait is not None:
            assert has_room(taken, limit, amount, now + wait + 1e-4)
            assert not has_room(taken, limit, amount, now + wait - 1e-2)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=30))
def test_what_an_answer_took_replaces_what_was_reserved(requests: list[tuple[int, int]]) -> None:
    """However far off the reservations were, what is left is what was not used, and never more than there is."""
    clock = Clock(0.0)
    limits = Limits(api_key(tokens_per_minute=10_000), clock)
    for reserved, used in requests:
        admission = limits.admit(reserved)
        admission.settle(used)
        admission.settle(5_000)
    left = 10_000 - sum(used for _, used in requests)
    assert limits.admit(0).headers()["x-ratelimit-remaining-tokens"] == str(left)


def test_the_requests_of_a_minute_are_counted() -> None:
    """Of 1,000 in one second 600 come through and those that the second has refilled; the others know when to retry."""
    clock = Clock(0.0)
    limits = Limits(api_key(requests_per_minute=600), clock)
    came, waits = 0, []
    for number in range(1000):
        clock.now = number / 1024
        try:
            limits.admit(10).settle(10)
            came += 1
        except LimitReached as reached:
            waits.append(reached.retry_after)
    assert came == 609
    assert all(wait is not None and 0 < wait <= 0.1 for wait in waits)


def test_a_limit_says_whose_it_is_and_when_there_is_room() -> None:
    """Requests, tokens, a prompt that never fits, and requests at the same time; a refusal takes nothing."""
    clock = Clock(0.0)
    limits = Limits(api_key(requests_per_minute=2, tokens_per_minute=1_200, concurrency=2), clock)

    def refused(tokens: int) -> tuple[str, float | None]:
        with pytest.raises(LimitReached) as found:
            limits.admit(tokens)
        return str(found.value), found.value.retry_after

    assert refused(1_201) == (
        "The key “laptop” may use 1,200 tokens a minute, and this prompt alone has about 1,201. "
        "Send a shorter one, or use another key.",
        None,
    )
    first = limits.admit(1_000)
    assert refused(600) == ("The key “laptop” may use 1,200 tokens a minute, and has. Try again in 20 s.", 20.0)
    second = limits.admit(100)
    assert refused(1) == (
        "The key “laptop” may have 2 requests running at the same time, and has. Try again when one has ended.",
        1.0,
    )
    first.settle(1_000)
    second.settle(100)
    assert refused(1) == ("The key “laptop” may make 2 requests a minute, and has. Try again in 30 s.", 30.0)
    clock.now = 30.0
    limits.admit(700)


def test_an_answer_that_took_more_than_the_limit_is_owed() -> None:
    """Its length is known only at its end; what comes after waits for it, but for what needs no tokens."""
    clock = Clock(0.0)
    limits = Limits(api_key(tokens_per_minute=60), clock)
    limits.admit(10).settle(120)
    with pytest.raises(LimitReached) as reached:
        limits.admit(10)
    assert reached.value.retry_after == 70.0
    assert reached.value.headers["x-ratelimit-remaining-tokens"] == "0"
    limits.admit(0).settle(0)


def test_headers_are_those_openais_clients_read() -> None:
    """Only of limits there are; durations as OpenAI writes them."""
    clock = Clock(0.0)
    limits = Limits(api_key(requests_per_minute=600, tokens_per_minute=60_000), clock)
    assert limits.admit(1_500).headers() == {
        "x-ratelimit-limit-requests": "600",
        "x-ratelimit-remaining-requests": "599",
        "x-ratelimit-reset-requests": "100ms",
        "x-ratelimit-limit-tokens": "60000",
        "x-ratelimit-remaining-tokens": "58500",
        "x-ratelimit-reset-tokens": "1.5s",
    }
    assert Limits(api_key(), clock).admit(5).headers() == {}
    assert [duration(seconds) for seconds in (0, 0.0204, 1, 8.64, 59.9999, 360, 3661.5)] == [
        "0ms", "20ms", "1s", "8.64s", "1m0s", "6m0s", "61m1.5s",
    ]  # fmt: skip


def test_a_request_that_nobody_settles_gives_its_place_back() -> None:
    """As a context it ends with its block, whatever happened there; what it had reserved counts as used."""
    limits = Limits(api_key(tokens_per_minute=100, concurrency=1), Clock(0.0))
    with pytest.raises(KeyError), limits.admit(40):
        raise KeyError
    with limits.admit(10) as admission:
        admission.settle(0)
    assert limits.admit(0).headers()["x-ratelimit-remaining-tokens"] == "60"


def test_threads_share_one_count() -> None:
    """Of many threads that ask at once exactly as many come through as there is room for."""
    limits = Limits(api_key(requests_per_minute=100), Clock(0.0))
    came: list[int] = []

    def ask() -> None:
        for number in range(50):
            try:
                limits.admit(1).settle(1)
            except LimitReached:
                continue
            came.append(number)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(came) == 100
