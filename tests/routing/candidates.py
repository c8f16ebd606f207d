"""Candidates made up for tests."""

from __future__ import annotations

from typing import Any

from conductor_core.kinds import ProviderState
from conductor_core.routing.candidates import Candidate, Job

JOB = Job(400, 300)
KNOWN = {
    "ttft_ms": 500.0,
    "tokens_per_second": 100.0,
    "successes": 40.0,
    "failures": 0.0,
    "prompt_price": 1e-6,
    "completion_price": 4e-6,
    "context_window": 128_000,
    "idle_s": 5.0,
}
"""A healthy provider of which everything is known."""


def known(name: str, state: str = "healthy", **facts: Any) -> Candidate:
    """`KNOWN` with other facts."""
    return Candidate(name, name.title(), "m", ProviderState(state), f"Because of {name}.", **(KNOWN | facts))


def new(name: str, **facts: Any) -> Candidate:
    """A provider never called, with a known price."""
    prices = {"prompt_price": 1e-6, "completion_price": 4e-6}
    return Candidate(name, name.title(), "m", ProviderState.UNKNOWN, "No calls yet.", **(prices | facts))
