"""OpenAI's addresses under /v1."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from conductor_core.api.access import needs
from conductor_core.api.answering import answer
from conductor_core.api.errors import Protocol
from conductor_core.api.installation import conductor_of
from conductor_core.api.openai import models
from conductor_core.api.openai.completions import ChatCompletions
from conductor_core.api.quick import quick
from conductor_core.keys.key import Scope

router = APIRouter(prefix="/v1", tags=["OpenAI"])
_completions = ChatCompletions()


@router.post("/chat/completions", dependencies=[needs(Scope.CHAT)], response_model=None)
@quick
async def create_chat_completion(request: Request) -> Response:
    """Asks a model, in OpenAI's protocol: whole, or as events with `stream`."""
    return await answer(_completions, request)


@router.get("/models", dependencies=[needs(Scope.READ)])
async def list_models(request: Request) -> dict[str, Any]:
    """Every name that `model` may have, in OpenAI's shape, or in Anthropic's for its clients."""
    return await models.listed(conductor_of(request), Protocol.of(request.scope))


@router.get("/models/{name:path}", dependencies=[needs(Scope.READ)])
async def get_model(name: str, request: Request) -> dict[str, Any]:
    """One of them."""
    return await models.found(name, conductor_of(request), Protocol.of(request.scope))
