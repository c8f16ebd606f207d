"""Who could answer, with the live facts a choice goes by, and who is left out beforehand and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from conductor_core.kinds import Need, ProviderState
from conductor_core.metrics.live import LiveMetrics, Standing
from conductor_core.pricing import estimate_tokens

if TYPE_CHECKING:
    from conductor_core.prompt import Prompt
    from conductor_core.providers.base import BaseProvider

USUAL_ANSWER = 300
"""Tokens of an answer before the first one was counted."""


class Job(NamedTuple):
    """The expected size of one request, in tokens. `most_tokens`: what its answer may have; 0: nothing limits it.

    `needs`: what it holds that not every provider takes.
    """

    prompt_tokens: int
    completion_tokens: int
    most_tokens: int = 0
    needs: tuple[Need, ...] = ()


class Candidate(NamedTuple):
    """A provider as a choice sees it, at one moment; a plain tuple, because each choice makes one per provider.

    None is "not known", never zero. Prices are in USD per token, the counts of calls weigh older ones less.

    Attributes:
        model: the one that would answer; None: the server's own default.
        idle_s: seconds since it was last used.
        waiting_ms: how long its oldest running call has been waiting for a first token.
        doubt: the probability that the fault of its last calls goes on, from 0 to 1.
        quality: the rating of its model by the user's votes, 1,000 in the mean; None: not rated, or not gone by.
        local: the model that comes along: a demonstration, so the last to be asked.
    """

    provider: str
    label: str
    model: str | None
    state: ProviderState
    reason: str
    ttft_ms: float | None = None
    tokens_per_second: float | None = None
    successes: float = 0.0
    failures: float = 0.0
    prompt_price: float | None = None
    completion_price: float | None = None
    context_window: int | None = None
    in_flight: int = 0
    idle_s: float | None = None
    local: bool = False
    waiting_ms: float = 0.0
    doubt: float = 0.0
    quality: float | None = None
    lacks: tuple[Need, ...] = ()

    def expected_ms(self, job: Job) -> float | None:
        """Time to the whole answer; None before one was timed."""
        if not self.tokens_per_second:
            return None
        writing, first, waiting = job.completion_tokens / self.tokens_per_second * 1000, self.ttft_ms, self.waiting_ms
        return writing + (waiting if first is None or waiting > first else first)

    def expected_usd(self, job: Job) -> float | None:
        """Price of prompt and answer; None when unknown."""
        if self.prompt_price is None or self.completion_price is None:
            return None
        return job.prompt_tokens * self.prompt_price + job.completion_tokens * self.completion_price


class PassedOver(NamedTuple):
    """A provider that is not asked now, and why."""

    provider: str
    label: str
    reason: str


Refusal = Callable[[Candidate, Job], str | None]
"""Why a candidate may not be used for a job, as a sentence (a budget, a price); None when it may."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the user allows AUTO.

    Attributes:
        pinned: the only providers it may use; empty: all.
        refusals: asked of every candidate that nothing else rules out.
    """

    pinned: frozenset[str] = frozenset()
    refusals: tuple[Refusal, ...] = ()


@dataclass(slots=True)
class Sifted:
    """Candidates after the filters.

    Attributes:
        usable: nothing speaks against them.
        reserve: better than nobody: their breaker is open, or the prompt seems too long for them.
        passed_over: everyone not in `usable`, with the reason.
    """

    usable: list[Candidate] = field(default_factory=list)
    reserve: list[Candidate] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)


NO_LIMITS = Limits()
NOT_RATED: Mapping[tuple[str, str], float] = MappingProxyType({})
_BAD = (ProviderState.NOT_CONFIGURED, ProviderState.OPEN)


def candidates_of(
    providers: Iterable[BaseProvider],
    live: LiveMetrics,
    prompt_tokens: int = 0,
    standing: Callable[[str, str], Standing] | None = None,
    quality: Mapping[tuple[str, str], float] = NOT_RATED,
) -> list[Candidate]:
    """Providers with their live facts, in the order given.

    Args:
        prompt_tokens: the length of the prompt, which some prices depend on.
        standing: state and reason of a (provider, model); when not given, as the live figures judge.
        quality: ratings by (provider, model), where votes are gone by.
    """
    providers = list(providers)
    keys = [(provider.name, provider.default_model or "") for provider in providers]
    found = []
    for provider, key, facts in zip(providers, keys, live.facts(keys), strict=True):
        missing = provider.endpoint.missing
        if missing:
            state, reason = ProviderState.NOT_CONFIGURED, f"Set {missing} in Settings or in the environment."
        elif provider.unavailable:
            state, reason = ProviderState.NOT_CONFIGURED, provider.unavailable
        else:
            stands = standing(*key) if standing else live.state(provider.name)
            state, reason = stands.state, stands.reason
        prices = provider.token_prices(prompt_tokens) or (None, None)
        found.append(
            Candidate(
                provider.name,
                provider.vendor.label,
                provider.default_model,
                state,
                reason,
                facts.ttft_ms,
                facts.tokens_per_second,
                facts.successes,
                facts.failures,
                prices[0],
                prices[1],
                provider.context_window(),
                facts.in_flight,
                facts.idle_s,
                provider.vendor.dialect == "local",
                facts.waiting_ms,
                facts.doubt,
                quality.get(key),
                provider.vendor.lacks,
            )
        )
    return found


def job_of(prompt: Prompt, answer_tokens: float | None) -> Job:
    """The size to expect of a prompt and its answer: as long as answers are lately, within what the prompt allows."""
    usual = round(answer_tokens or USUAL_ANSWER) or 1
    return Job(
        estimate_tokens(prompt.characters),
        min(usual, prompt.max_tokens or usual),
        prompt.max_tokens or 0,
        prompt.needs,
    )


def sift(candidates: Sequence[Candidate], job: Job, limits: Limits = NO_LIMITS) -> Sifted:
    """Filters candidates; the first reason that applies is the one told."""
    sifted = Sifted()
    needed = job.prompt_tokens + job.completion_tokens
    anybody = not limits.pinned and not limits.refusals and not job.needs
    for candidate in candidates:
        window = candidate.context_window
        if anybody and candidate.state not in _BAD and (window is None or needed <= window):
            sifted.usable.append(candidate)
            continue
        barred = _barred(candidate, job, limits)
        doubt = "" if barred else _doubt(candidate, job)
        if not barred and not doubt:
            sifted.usable.append(candidate)
            continue
        if doubt:
            sifted.reserve.append(candidate)
        sifted.passed_over.append(PassedOver(candidate.provider, candidate.label, barred or doubt))
    return sifted


def _barred(candidate: Candidate, job: Job, limits: Limits) -> str:
    """Why a candidate may not be asked at all."""
    if candidate.state is ProviderState.NOT_CONFIGURED:
        return candidate.reason
    if limits.pinned and candidate.provider not in limits.pinned:
        return f"Not one of the providers AUTO may use ({', '.join(sorted(limits.pinned))})."
    for need in job.needs:
        if need in candidate.lacks:
            return f"It takes no {need.words}."
    for refusal in limits.refusals:
        reason = refusal(candidate, job)
        if reason:
            return reason
    return ""


def _doubt(candidate: Candidate, job: Job) -> str:
    """Why a candidate is asked only when nobody else is left."""
    if candidate.state is ProviderState.OPEN:
        return candidate.reason
    needed = job.prompt_tokens + job.completion_tokens
    if needed > (candidate.context_window or math.inf):
        return f"Prompt and answer need about {needed:,} tokens; its window has {candidate.context_window:,}."
    return ""
