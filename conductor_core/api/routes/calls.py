"""`GET /api/calls`: what was asked of whom, how it ended, how long it took and what it cost. No text of anybody's."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from conductor_core.api import cursor
from conductor_core.api.access import needs
from conductor_core.api.documented import answer, errors
from conductor_core.api.installation import conductor_of
from conductor_core.errors import InvalidRequest
from conductor_core.keys.key import Scope
from conductor_core.kinds import CostKind, FinishReason, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.metrics.figures import Filter
from conductor_core.models import CleanText
from conductor_core.store import call_rows

router = APIRouter(prefix="/api", tags=["calls"], dependencies=[needs(Scope.READ)])

MOST = 1_000
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)
_EXAMPLE: dict[str, Any] = {
    "id": "0199f0c1a2b34c35a7d1d0b3f2c4e6a8",
    "request_id": "0199f0c1a2b14c35a7d1d0b3f2c4e6a7",
    "attempt": 0,
    "source": "api",
    "provider": "openai",
    "model": "gpt-4.1-mini",
    "model_served": "gpt-4.1-mini-2025-04-14",
    "strategy": "balanced",
    "fallback_from": None,
    "started_at": "2026-11-23T12:00:00.000Z",
    "latency_ms": 912.4,
    "ttft_ms": 402.1,
    "prompt_tokens": 7,
    "completion_tokens": 8,
    "thinking_tokens": 0,
    "cost_usd": 0.0000156,
    "cost_kind": "reported",
    "outcome": "ok",
    "http_status": None,
    "finish_reason": "stop",
    "error": None,
    "key": "5d0c1f0e9a7b4c35a7d1d0b3f2c4e6a8",
}


class CallEntry(BaseModel):
    """One attempt at one provider. Times in ms, money in USD; null is "not known"."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    request_id: str
    attempt: int = Field(description="Counts the attempts of a request, from 0.")
    source: Source
    provider: str
    model: str
    model_served: str | None
    strategy: str | None
    fallback_from: str | None
    started_at: datetime
    latency_ms: float | None
    ttft_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    thinking_tokens: int | None
    cost_usd: float | None
    cost_kind: CostKind
    outcome: Outcome
    http_status: int | None
    finish_reason: FinishReason | None
    error: str | None
    key: str | None = Field(description="The id of the API key it was asked for with.")


class CallList(BaseModel):
    """Finished calls, the newest first, and where the next page begins; null: there is none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"calls": [_EXAMPLE], "next_cursor": None}]})

    calls: list[CallEntry]
    next_cursor: str | None


_NAMES = tuple(name for name in CallEntry.model_fields if name not in ("key", "started_at"))
_Name = Annotated[CleanText, Field(max_length=200)]


@router.get("/calls", responses={**errors(), **answer("A page of calls.")})
async def calls(
    request: Request,
    provider: Annotated[list[_Name], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
    model: Annotated[list[_Name], Query(max_length=50)] = [],  # noqa: B006
    source: Annotated[list[Source], Query(max_length=10)] = [],  # noqa: B006
    outcome: Annotated[list[Outcome], Query(max_length=30)] = [],  # noqa: B006
    key: Annotated[list[_Name], Query(max_length=50, description="Ids of API keys.")] = [],  # noqa: B006
    since: Annotated[AwareDatetime, Query(description="Begun then or later; with its zone.")] = _FIRST,
    until: Annotated[AwareDatetime, Query(description="Begun before then; with its zone.")] = _LAST,
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=cursor.LONGEST)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> CallList:
    """Lists finished calls, the newest first. Pages stay as they are while new calls come in.

    Calls of a drill are told only when `source` is `drill`.
    """
    span = _ms(since, "since"), _ms(until, "until")
    if Source.DRILL in source and len(source) > 1:
        raise InvalidRequest("source: drill can't be asked for together with others.", "source")
    wanted = Filter(
        providers=tuple(provider),
        models=tuple(model),
        sources=tuple(source),
        outcomes=tuple(outcome),
        keys=tuple(key),
        drill=Source.DRILL in source,
    )
    after = cursor.read(cursor_) if cursor_ is not None else None
    store = conductor_of(request).store
    page = await asyncio.to_thread(call_rows.page, store, span, wanted, call_rows.NEWEST_FIRST, after, limit)
    return CallList(
        calls=[_entry(call) for call in page.calls],
        next_cursor=cursor.write(*page.next) if page.next else None,
    )


def _entry(call: Call) -> CallEntry:
    values = asdict(call)
    started = datetime.fromtimestamp(call.started_at / 1000, UTC)
    return CallEntry(**{name: values[name] for name in _NAMES}, started_at=started, key=call.api_key_id)


def _ms(moment: datetime, field: str) -> int:
    if not _FIRST <= moment <= _LAST:
        raise InvalidRequest(f"{field}: must be between the years 1970 and 9998.", field)
    return int(moment.timestamp() * 1000)
