"""The facts of an answer in words: what is measured, nothing else."""

from __future__ import annotations

import time

from conductor_core.answers import Answer
from conductor_core.kinds import CostKind, FinishReason, LaneState
from dashboard.components import numbers

SHORTEST_THOUGHT_MS = 100.0
"""Below it the time is that of one packet."""

_ENDS = {
    LaneState.STOPPED: "stopped",
    LaneState.INCOMPLETE: "incomplete",
    LaneState.INTERRUPTED: "interrupted",
}
_REASONS = {
    FinishReason.LENGTH: "cut at max tokens",
    FinishReason.SAFETY: "blocked",
    FinishReason.RECITATION: "blocked",
    FinishReason.OTHER: "ended for another reason",
}


def line(answer: Answer) -> str:
    """`0.42 s first · 84 tok/s · 31 → 118 · $0.0004 · 1.9 s`, then how it ended when that is not the usual way."""
    if answer.failure and not answer.completion_tokens:
        return f"failed after {numbers.seconds(answer.latency_ms)}"
    if answer.waiting_until is not None and not answer.completion_tokens:
        # What the failed attempt took and cost says nothing of the answer to come.
        return numbers.MISSING
    estimated = answer.running or answer.cost_kind is CostKind.ESTIMATED
    parts = [
        f"{numbers.seconds(answer.ttft_ms)} first",
        numbers.rate(answer.tokens_per_second) if answer.running or answer.tokens_per_second else "",
        numbers.tokens(answer.prompt_tokens, answer.completion_tokens, estimated),
        numbers.money(answer.cost_usd, answer.cost_kind if answer.latency_ms is not None else None),
        numbers.seconds(answer.latency_ms),
    ]
    if answer.thinking_tokens:
        parts.insert(3, f"{numbers.count(answer.thinking_tokens)} thinking")
    return " · ".join(part for part in (*parts, _end(answer)) if part)


def cost_kind(answer: Answer) -> CostKind | None:
    """None for an answer that was refused before it began: it is not free, there is none."""
    return None if answer.failure and not answer.completion_tokens else answer.cost_kind


def waiting(answer: Answer, loading_seconds: float | None) -> str:
    """What a person sees before the first token; the clock runs from one second on."""
    if answer.waiting_until is not None:
        return f"Trying again in {max(0.0, answer.waiting_until - time.monotonic()):.0f} s …"
    if loading_seconds is not None:
        return f"Loading the model … {loading_seconds:.0f} s"
    if answer.latency_ms is None and not answer.request_id:
        return "Waiting for its turn …"
    elapsed = (answer.latency_ms or 0.0) / 1000
    return f"Waiting for the first token … {elapsed:.0f} s" if elapsed >= 1 else "Waiting for the first token …"


def thinking(answer: Answer) -> str:
    """`Thought for 3.2 s`; while it still thinks, and where nobody took the time, `Thinking`.

    Without a clock: a label that changes would fold what somebody has just opened.
    """
    if answer.thinking_ms is None or (answer.running and not answer.text):
        return "Thinking"
    if answer.thinking_ms < SHORTEST_THOUGHT_MS:
        return "Thought for a moment"
    return f"Thought for {numbers.seconds(answer.thinking_ms)}"


def _end(answer: Answer) -> str:
    if answer.state in _ENDS:
        return _ENDS[answer.state]
    return _REASONS.get(answer.finish_reason, "") if answer.finish_reason else ""
