"""`POST /api/chat`: one prompt, one answer, whole or as it is written."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Annotated

import orjson
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from conductor_core.api.access import needs
from conductor_core.api.asking import Asking
from conductor_core.api.body import read_json
from conductor_core.api.documented import answer, errors
from conductor_core.api.errors import Problem, Protocol
from conductor_core.api.event_stream import EventStream
from conductor_core.api.once import idempotency_key, once
from conductor_core.api.quick import quick
from conductor_core.api.visit import Visit
from conductor_core.conductor import response_of
from conductor_core.keys.key import Scope
from conductor_core.models import ChatRequest, ChatResponse
from conductor_core.prompt import Prompt

router = APIRouter(prefix="/api", tags=["chat"], dependencies=[needs(Scope.CHAT)])

_ANSWER = answer("The answer; with `stream`, server-sent events named `chunk`, `done` and `error`.")
_ANSWER[200]["content"] = {
    "application/json": {},
    "text/event-stream": {
        "schema": {
            "type": "object",
            "description": "One event. The data of a chunk is text or thinking, of the last one the whole answer.",
            "properties": {"event": {"enum": ["chunk", "done", "error"]}, "data": {"type": "string"}},
            "required": ["event", "data"],
        },
        "example": 'event: chunk\ndata: {"text":"Paris"}\n\nevent: done\ndata: {"content":"Paris", …}\n\n',
    },
}


class ChatForm(ChatRequest):
    """A completion asked for over HTTP."""

    stream: Annotated[bool, Field(strict=True, description="Send the answer as it is written.")] = False


@router.post(
    "/chat",
    response_model=ChatResponse,
    responses={**errors(404, 408, 409, 413, 415, 422, 502, 504), **_ANSWER},
    openapi_extra={
        "parameters": [
            {
                "name": "idempotency-key",
                "in": "header",
                "description": "Sent again within five minutes, the same request gets the same answer, asked once.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ChatForm"}}},
        },
    },
)
@quick
async def chat(request: Request) -> Response:
    """Asks a provider, or the one AUTO chooses, and answers with text, tokens, times and cost."""
    value = await read_json(request)
    form = ChatForm.model_validate(value)
    asking = Asking(request, form.provider, Prompt.from_request(form))
    key = idempotency_key(request, stream=form.stream)
    if key is not None:
        return await once(request, asking, key, value, partial(_whole, asking))
    if form.stream:
        return EventStream(_events(asking), lambda problem: _error(problem, asking.visit), asking.facts)
    return Response(await _whole(asking), media_type="application/json")


async def _whole(asking: Asking) -> bytes:
    completion = await asking.complete()
    return response_of(asking.asked, completion.text).model_dump_json().encode()


async def _events(asking: Asking) -> AsyncGenerator[bytes, None]:
    pieces = []
    async with aclosing(asking.stream()) as chunks:
        async for chunk in chunks:
            told = {name: text for name, text in (("text", chunk.text), ("thinking", chunk.thinking)) if text}
            if told:
                pieces.append(chunk.text)
                yield _event(b"chunk", orjson.dumps(told))
    yield _event(b"done", response_of(asking.asked, "".join(pieces)).model_dump_json().encode())


def _error(problem: Problem, visit: Visit) -> bytes:
    return _event(b"error", orjson.dumps(Protocol.API.body(problem, visit.id)))


def _event(name: bytes, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name, data)
