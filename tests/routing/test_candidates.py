"""Candidates: the facts of real providers, and the size of a job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.kinds import Outcome, ProviderState
from conductor_core.metrics.live import Standing
from conductor_core.models import MessageRole
from conductor_core.prompt import Message, Prompt
from conductor_core.routing.candidates import Job, candidates_of, job_of
from tests.installation import installation
from tests.routing.calls import ended
from tests.routing.candidates import JOB, known
from tests.upstream import Upstream


@pytest.fixture
async def conductor(tmp_path: Path) -> AsyncIterator[Conductor]:
    async with Upstream() as upstream, installation(tmp_path, upstream) as opened:
        yield opened


async def test_facts_of_the_default_model_are_what_counts(conductor: Conductor) -> None:
    """AUTO would ask that model, so another one's times are not taken for its own."""
    call = replace(ended(latency_ms=1200.0, model="gpt-4.1-mini"), ttft_ms=200.0, completion_tokens=100)
    conductor.live.record(call)
    conductor.live.record(replace(call, model="slow", latency_ms=90_000.0))
    found = candidates_of([conductor.providers.get("openai")], conductor.live, 1000)[0]
    assert found.ttft_ms == 200.0
    assert found.tokens_per_second == pytest.approx(100.0)
    assert found.prompt_price == pytest.approx(4e-7)
    assert found.completion_price == pytest.approx(1.6e-6)
    assert found.expected_ms(Job(1000, 50)) == pytest.approx(700.0)


async def test_who_is_not_set_up_says_what_is_missing(conductor: Conductor) -> None:
    """The reason names the variable."""
    found = candidates_of([conductor.providers.get("gemini")], conductor.live)[0]
    assert (found.state, found.reason) == (
        ProviderState.NOT_CONFIGURED,
        "Set GEMINI_API_KEY in Settings or in the environment.",
    )


async def test_a_breakers_word_goes_before_the_figures(conductor: Conductor) -> None:
    """With a judge of their own, candidates stand as it says."""
    conductor.live.record(ended(Outcome.OK))
    stands = Standing(ProviderState.OPEN, "It asked to be left alone.")
    found = candidates_of([conductor.providers.get("openai")], conductor.live, standing=lambda *_: stands)[0]
    assert (found.state, found.reason) == stands_of(stands)


def stands_of(standing: Standing) -> tuple[ProviderState, str]:
    return standing.state, standing.reason


@pytest.mark.parametrize(
    ("usual", "most", "expected"), [(None, None, 300), (None, 100, 100), (80.4, None, 80), (5000.0, 1000, 1000)]
)
def test_a_job_is_as_long_as_answers_are_within_what_is_allowed(
    usual: float | None, most: int | None, expected: int
) -> None:
    """Before the first answer it is a guess, afterwards what the answers had."""
    prompt = Prompt((Message.of(MessageRole.USER, "x" * 401),), max_tokens=most)
    job = job_of(prompt, usual)
    assert (job.prompt_tokens, job.completion_tokens) == (101, expected)


def test_unknown_stays_unknown() -> None:
    """Neither a time nor a price is made up of half of what it takes."""
    assert known("a", tokens_per_second=None).expected_ms(JOB) is None
    assert known("a", completion_price=None).expected_usd(JOB) is None
    assert known("a", ttft_ms=None).expected_ms(JOB) == 3000.0
