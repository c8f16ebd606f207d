"""Anthropic's addresses under /v1."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from conductor_core.api.access import admit, needs
from conductor_core.api.answering import answer
from conductor_core.api.anthropic.messages import Messages, count_tokens
from conductor_core.api.body import read_json
from conductor_core.api.quick import quick
from conductor_core.keys.key import Scope

router = APIRouter(prefix="/v1/messages", tags=["Anthropic"])
_messages = Messages()


@router.post("", dependencies=[needs(Scope.CHAT)], response_model=None)
@quick
async def create_message(request: Request) -> Response:
    """Asks a model, in Anthropic's protocol: whole, or as events with `stream`."""
    return await answer(_messages, request)


@router.post("/count_tokens", dependencies=[needs(Scope.CHAT)], response_model=None)
async def count(request: Request) -> Response:
    """Estimates the tokens of a request. Nobody is asked: it is a quarter of its characters."""
    admit(request, 0)  # whoever may ask models may count for them; it is a request like any other
    body = await read_json(request, images=True)
    return Response(count_tokens(body), media_type="application/json")
