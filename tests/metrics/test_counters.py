"""Counts against a plain sum over the same calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conductor_core.kinds import FAILURES, SUCCESSES, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.counters import SECONDS, Counters

CALLS = st.lists(
    st.builds(
        lambda provider, source, outcome, latency, ttft, tokens, cost: Call(
            "0" * 32, "1" * 32, 0, source, None, None, provider, "m", None, None, None, 0,
            latency_ms=latency, ttft_ms=ttft, prompt_tokens=tokens, completion_tokens=tokens, cost_usd=cost,
            outcome=outcome,
        ),
        st.sampled_from(["openai", "gemini"]),
        st.sampled_from([Source.API, Source.CHAT]),
        st.sampled_from(sorted(set(Outcome) - {Outcome.RUNNING})),
        st.none() | st.floats(0, 400_000),
        st.none() | st.floats(0, 400_000),
        st.none() | st.integers(0, 1_000),
        st.none() | st.floats(0, 10),
    ),
    max_size=40,
)  # fmt: skip


@given(CALLS)
def test_counts_are_sums(calls: list[Call]) -> None:
    """Of every provider and source, for itself."""
    counters = Counters()
    for call in calls:
        counters.count(call)
    found = counters.read()
    assert found.keys() == {(call.provider, call.source.value) for call in calls}
    for (provider, source), count in found.items():
        mine = [call for call in calls if (call.provider, call.source) == (provider, source)]
        good = [call for call in mine if call.outcome in SUCCESSES]
        assert count.ends["success"] == len(good)
        assert count.ends["failure"] == sum(call.outcome in FAILURES for call in mine)
        assert sum(count.ends.values()) == len(mine)
        assert count.prompt_tokens == count.completion_tokens == sum(call.prompt_tokens or 0 for call in mine)
        assert abs(count.cost - sum(call.cost_usd or 0.0 for call in mine)) < 1e-9
        assert count.unpriced == sum(call.cost_usd is None for call in mine)
        latencies = [call.latency_ms / 1000 for call in good if call.latency_ms is not None]
        for place, bound in enumerate(SECONDS):
            assert sum(count.latency.counts[: place + 1]) == sum(latency <= bound for latency in latencies)
        assert sum(count.latency.counts) == len(latencies)
