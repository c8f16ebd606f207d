"""Finished calls as tests need them."""

from __future__ import annotations

from secrets import token_hex

from conductor_core.kinds import Outcome, Source
from conductor_core.metrics.call import Call


def ended(
    outcome: Outcome = Outcome.OK,
    *,
    provider: str = "openai",
    model: str = "m",
    latency_ms: float = 0.0,
    started_at: int = 0,
    status: int | None = None,
) -> Call:
    """A call that ended so."""
    return Call(
        id=token_hex(16),
        request_id=token_hex(16),
        attempt=0,
        source=Source.API,
        conversation_id=None,
        lane_id=None,
        provider=provider,
        model=model,
        model_served=None,
        strategy=None,
        fallback_from=None,
        started_at=started_at,
        latency_ms=latency_ms,
        outcome=outcome,
        http_status=status,
    )
