"""Rows to store, and a way to wait for what another thread does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from conductor_core.kinds import CostKind, FinishReason, IncidentKind, LaneState, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.models import MessageRole
from conductor_core.store.records import Conversation, Incident, StoredMessage


def fresh_id() -> str:
    """32 hexadecimal digits."""
    return uuid4().hex


def conversation(**given: object) -> Conversation:
    """A chat."""
    made = Conversation(fresh_id(), "chat", "Rivers", {"provider": "auto", "temperature": 0.7}, 1_000, 1_000)
    return replace(made, **given)  # type: ignore[arg-type]  # a test's own fields


def message(conversation_id: str, **given: object) -> StoredMessage:
    """The user's message of turn 0."""
    made = StoredMessage(
        fresh_id(), conversation_id, 0, 0, 0, MessageRole.USER, "How long is the Rhine?", "", LaneState.DONE, {}, 1_000
    )
    return replace(made, **given)  # type: ignore[arg-type]  # a test's own fields


def answer(conversation_id: str, **given: object) -> StoredMessage:
    """An answer of turn 0."""
    return message(conversation_id, **{"role": MessageRole.ASSISTANT, "content": "1,233 km.", **given})


def running(**given: object) -> Call:
    """A call that has begun."""
    made = Call(fresh_id(), fresh_id(), 0, Source.CHAT, None, None, "openai", "gpt-4o", None, "fastest", None, 1_000)
    return replace(made, **given)  # type: ignore[arg-type]  # a test's own fields


def finished(call: Call | None = None, **given: object) -> Call:
    """The same call at its end."""
    end = replace(
        call or running(),
        model_served="gpt-4o-2024-08-06",
        latency_ms=812.25,
        ttft_ms=301.5,
        prompt_tokens=42,
        completion_tokens=180,
        thinking_tokens=0,
        cost_usd=0.000114,
        cost_kind=CostKind.REPORTED,
        outcome=Outcome.OK,
        http_status=200,
        finish_reason=FinishReason.STOP,
    )
    return replace(end, **given)  # type: ignore[arg-type]  # a test's own fields


def incident(**given: object) -> Incident:
    """A breaker that opened and is still open."""
    made = Incident(fresh_id(), IncidentKind.BREAKER, "openai", "gpt-4o", 1_000, None, "The last 3 calls failed.")
    return replace(made, **given)  # type: ignore[arg-type]  # a test's own fields


def until(holds: Callable[[], object], within: float = 10.0) -> None:
    """Looks again and again until something holds; fails after `within` s."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.002)
