"""Conversations: what was said, for keys that may read it. Whatever is not there, or was deleted, is a plain 404."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from conductor_core.answers import Answer, Exchange, Transcript
from conductor_core.api import cursor
from conductor_core.api.access import needs
from conductor_core.api.documented import answer, errors
from conductor_core.api.installation import conductor_of
from conductor_core.errors import InvalidRequest, NotFound
from conductor_core.export import as_markdown
from conductor_core.keys.key import Scope
from conductor_core.kinds import CostKind, FinishReason, LaneState
from conductor_core.models import CleanText
from conductor_core.store import conversation_pages
from conductor_core.store.records import Attachment, Conversation
from conductor_core.transfer.masking import masked

router = APIRouter(prefix="/api/conversations", tags=["conversations"], dependencies=[needs(Scope.CONVERSATIONS)])

Page = Callable[[Iterable[Transcript], str, Callable[[str], Attachment | None]], Iterator[str]]
"""Makes one web page of conversations, with a title and what finds their files."""

MOST = 200
_ID = "5d0c1f0e9a7b4c35a7d1d0b3f2c4e6a8"
_ENTRY: dict[str, Any] = {
    "id": _ID,
    "kind": "chat",
    "title": "The capital of France",
    "tags": ["geography"],
    "pinned": False,
    "archived": False,
    "created_at": "2026-11-23T12:00:00Z",
    "updated_at": "2026-11-23T12:00:02Z",
    "found": None,
}
_ANSWER: dict[str, Any] = {
    "id": "0199f0c1a2b34c35a7d1d0b3f2c4e6a8",
    "side": "1",
    "provider": "openai",
    "model": "gpt-4.1-mini",
    "state": "done",
    "text": "Paris.",
    "thinking": "",
    "failure": None,
    "finish_reason": "stop",
    "ttft_ms": 402.1,
    "latency_ms": 912.4,
    "prompt_tokens": 7,
    "completion_tokens": 2,
    "cost_usd": 0.000006,
    "cost_kind": "reported",
}
_EXCHANGE: dict[str, Any] = {
    "turn": 0,
    "prompt": "What is the capital of France?",
    "created_at": "2026-11-23T12:00:00Z",
    "files": [],
    "answers": [_ANSWER],
}
ConversationId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=[_ID])]


class ExportFormat(StrEnum):
    """What a conversation can be had as."""

    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


_MEDIA = {
    ExportFormat.MARKDOWN: ("text/markdown; charset=utf-8", "md"),
    ExportFormat.JSON: ("application/json", "json"),
    ExportFormat.HTML: ("text/html; charset=utf-8", "html"),
}


class ConversationEntry(BaseModel):
    """One conversation in a list."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENTRY]})

    id: str
    kind: str
    title: str
    tags: list[str]
    pinned: bool
    archived: bool
    created_at: datetime
    updated_at: datetime
    found: str | None = Field(default=None, description="Of a search: the words around what was found.")


class ConversationList(BaseModel):
    """Some conversations, and where the next page begins; null: there is none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"conversations": [_ENTRY], "next_cursor": None}]})

    conversations: list[ConversationEntry]
    next_cursor: str | None


class AnswerEntry(BaseModel):
    """One answer. Of a blind comparison without a vote nobody is told who gave it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER]})

    id: str
    side: str = Field(description="The number of its lane; in a blind comparison a letter.")
    provider: str | None
    model: str | None
    state: LaneState
    text: str
    thinking: str
    failure: str | None
    finish_reason: FinishReason | None
    ttft_ms: float | None
    latency_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    cost_kind: CostKind


class ExchangeEntry(BaseModel):
    """One prompt and the answers to it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXCHANGE]})

    turn: int
    prompt: str
    created_at: datetime
    files: list[str] = Field(description="The names of the files that went with it.")
    answers: list[AnswerEntry]


class ConversationDetail(ConversationEntry):
    """A conversation along the path that is shown."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_ENTRY, "exchanges": [_EXCHANGE]}]})

    exchanges: list[ExchangeEntry]


@router.get("", responses={**errors(), **answer("A page of conversations.")})
async def conversations(
    request: Request,
    kind: Annotated[Literal["chat", "compare"], Query(description="Chats, or comparisons.")] = "chat",
    archived: Annotated[bool, Query(description="Those that were archived, in place of the others.")] = False,
    q: Annotated[
        CleanText | None,
        Query(
            max_length=500,
            pattern=r"^[^\x00]*$",
            json_schema_extra={"pattern": r"^[^\x00]*$"},  # which pydantic leaves out of the schema of a union
            description="Words that title or messages have; every character is literal.",
        ),
    ] = None,
    cursor_: Annotated[str | None, Query(alias="cursor", max_length=cursor.LONGEST)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
) -> ConversationList:
    """Lists conversations, those used last first; of a search the newest finds first, archived ones too."""
    store, mask = conductor_of(request).store, conductor_of(request).redactor.without_known
    after = cursor.read(cursor_) if cursor_ is not None else None
    if q is None:
        place = (int(after[0]), after[1]) if after else None
        found, end = await asyncio.to_thread(conversation_pages.page, store, kind, archived, place, limit)
        told = [_entry(masked(one, mask)) for one in found]
        return ConversationList(conversations=told, next_cursor=cursor.write(*end) if end else None)
    skipped = int(after[0]) if after else 0
    if not 0 <= skipped <= 1_000_000:
        raise InvalidRequest("cursor: must be the next_cursor of an earlier page.", "cursor")
    hits = await asyncio.to_thread(store.search, q, kind, limit + 1, skipped)
    told = [_entry(masked(hit.conversation, mask), mask(hit.snippet.text)) for hit in hits[:limit]]
    following = cursor.write(skipped + limit, "0") if len(hits) > limit else None
    return ConversationList(conversations=told, next_cursor=following)


@router.get("/{conversation_id}", responses={**errors(404), **answer("The conversation.")})
async def conversation(request: Request, conversation_id: ConversationId) -> ConversationDetail:
    """A conversation with its prompts and answers, along the path that is shown."""
    transcript = await _transcript(request, conversation_id)
    exchanges = [_exchange(exchange) for exchange in transcript.exchanges]
    return ConversationDetail(**_entry(transcript.conversation).model_dump(), exchanges=exchanges)


@router.get(
    "/{conversation_id}/export",
    response_class=Response,
    responses={
        **errors(404),
        200: answer("The conversation as a file.")[200]
        | {
            "content": {
                "text/markdown": {"schema": {"type": "string"}},
                "application/json": {"schema": {"type": "object"}},
                "text/html": {"schema": {"type": "string"}},
            }
        },
    },
)
async def export(
    request: Request, conversation_id: ConversationId, format: Annotated[ExportFormat, Query()] = ExportFormat.MARKDOWN
) -> Response:
    """A conversation as a file: Markdown to read, JSON with everything to bring elsewhere, HTML as a page of its own.

    Keys of this installation that stand in a text are blanked out.
    """
    media, ending = _MEDIA[format]
    transcript = await _transcript(request, conversation_id)
    body = await asyncio.to_thread(_written, request, transcript, format)
    name = f"conversation-{conversation_id[:8]}.{ending}"
    return Response(body, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})


def _written(request: Request, transcript: Transcript, format: ExportFormat) -> bytes:
    transfer = conductor_of(request).transfer
    if format is ExportFormat.MARKDOWN:
        return as_markdown(transcript).encode()
    if format is ExportFormat.JSON:
        if transcript.hidden:
            raise InvalidRequest("format: json tells who answered, and this comparison waits for a vote.", "format")
        return transfer.whole(transcript.conversation.id)
    page: Page | None = request.app.state.page
    if page is None:
        raise NotFound("format: html is made by the dashboard, which does not run here. Use markdown.")
    return "".join(page([transcript], transcript.conversation.title, transfer.file)).encode()


async def _transcript(request: Request, id: str) -> Transcript:
    """As it may go out."""
    conductor = conductor_of(request)

    def read() -> Transcript:
        return conductor.transfer.masked(conductor.conversations.transcript(id))

    return replace(await asyncio.to_thread(read), turn=None, elsewhere=None)


def _entry(found: Conversation, snippet: str | None = None) -> ConversationEntry:
    return ConversationEntry(
        id=found.id,
        kind=found.kind,
        title=found.title,
        tags=found.tags,
        pinned=found.pinned,
        archived=found.archived,
        created_at=_moment(found.created_at),
        updated_at=_moment(found.updated_at),
        found=snippet,
    )


def _exchange(exchange: Exchange) -> ExchangeEntry:
    return ExchangeEntry(
        turn=exchange.turn,
        prompt=exchange.prompt,
        created_at=_moment(exchange.created_at),
        files=[file.name for file in exchange.files],
        answers=[_answer(exchange, answer) for answer in exchange.sides],
    )


def _answer(exchange: Exchange, answer: Answer) -> AnswerEntry:
    hidden = exchange.hidden
    failure = answer.failure and ("This answer failed." if hidden else answer.failure.sentence)
    facts = {} if hidden else {name: getattr(answer, name) for name in _FACTS}
    return AnswerEntry(
        id=answer.id,
        side=exchange.side(answer.lane),
        provider=None if hidden else answer.provider,
        model=None if hidden else answer.model,
        state=answer.state,
        text=answer.text,
        thinking=answer.thinking,
        failure=failure,
        **{**_UNTOLD, **facts},
    )


_FACTS = (
    "finish_reason",
    "ttft_ms",
    "latency_ms",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
    "cost_kind",
)
_UNTOLD: dict[str, Any] = {**dict.fromkeys(_FACTS), "cost_kind": CostKind.UNKNOWN}


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
