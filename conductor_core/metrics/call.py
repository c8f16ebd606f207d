"""The call: one attempt at one provider, one row, written whatever happens, the same from every page and door."""

from __future__ import annotations

from dataclasses import dataclass

from conductor_core.kinds import CostKind, FinishReason, Outcome, Source

SHORTEST_WRITING_MS = 20.0
"""An answer that took less from its first token to its end came in one burst."""

COLUMNS = (
    "started_at",
    "outcome",
    "superseded",
    "counted",
    "latency_ms",
    "ttft_ms",
    "prompt_tokens",
    "completion_tokens",
    "thinking_tokens",
    "cost_usd",
    "cost_kind",
)
"""The columns of `calls` that are read to add it up."""


@dataclass(slots=True)
class Call:
    """One attempt. Fields are the first columns of the `calls` table, in their order.

    `started_at` is UTC in ms since 1970; latencies are in ms by the monotonic clock; cost is in USD.
    None means "not known (yet)", never zero. `superseded`: another attempt of its request followed, so how this one
    ended is not how the request did.
    """

    id: str
    request_id: str
    attempt: int
    source: Source
    conversation_id: str | None
    lane_id: str | None
    provider: str
    model: str
    model_served: str | None
    strategy: str | None
    fallback_from: str | None
    started_at: int
    latency_ms: float | None = None
    ttft_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    thinking_tokens: int | None = None
    cost_usd: float | None = None
    cost_kind: CostKind = CostKind.UNKNOWN
    outcome: Outcome = Outcome.RUNNING
    http_status: int | None = None
    finish_reason: FinishReason | None = None
    error: str | None = None
    api_key_id: str | None = None
    superseded: bool = False

    @property
    def ended_at(self) -> float | None:
        """UTC ms; None while it runs."""
        return None if self.latency_ms is None else self.started_at + self.latency_ms

    @property
    def tokens_per_second(self) -> float | None:
        """Completion tokens per second after the first token (of the whole call, when it was not streamed).

        None where all of it came at once: its rate would be that of the machine, not of the model.
        """
        if not self.completion_tokens or not self.latency_ms:
            return None
        span = self.latency_ms - (self.ttft_ms or 0.0)
        return self.completion_tokens / span * 1000 if span >= SHORTEST_WRITING_MS else None
