"""The application: all routers behind one door."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from conductor_core.api import docs, metrics
from conductor_core.api.access import check_routes
from conductor_core.api.anthropic import routes as anthropic
from conductor_core.api.door import Door
from conductor_core.api.errors import TOLD, problem_of, response_of
from conductor_core.api.installation import Source
from conductor_core.api.openai import routes as openai
from conductor_core.api.quick import Application
from conductor_core.api.routes import calls, chat, conversations, status
from conductor_core.api.routes.conversations import Page
from conductor_core.api.visit import Visit
from conductor_core.conductor import Conductor
from conductor_core.net.hosts import header_values

_REQUEST_HEADERS = (
    "authorization",
    "x-api-key",
    "content-type",
    "idempotency-key",
    "anthropic-version",
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "openai-organization",
    "openai-project",
    "user-agent",
    "x-stainless-arch",
    "x-stainless-async",
    "x-stainless-helper-method",
    "x-stainless-lang",
    "x-stainless-os",
    "x-stainless-package-version",
    "x-stainless-retry-count",
    "x-stainless-runtime",
    "x-stainless-runtime-version",
    "x-stainless-timeout",
)
"""What pages of other sites may send; the vendors' own clients send the last ones."""
_ANSWER_HEADERS = (
    "x-request-id",
    "retry-after",
    "x-conductor-provider",
    "x-conductor-model",
    "x-conductor-attempts",
    "x-conductor-fallback-from",
    "x-conductor-cost-usd",
    "x-conductor-cost-kind",
    "x-conductor-overhead-ms",
    "x-conductor-replayed",
    "x-conductor-ignored",
    *(f"x-ratelimit-{fact}-{of}" for of in ("requests", "tokens") for fact in ("limit", "remaining", "reset")),
)
"""What they may read."""

_ROUTERS = (
    chat.router,
    status.router,
    status.open_router,
    calls.router,
    conversations.router,
    metrics.router,
    docs.router,
    openai.router,
    anthropic.router,
)
"""Every router there is."""


def create_app(
    conductor: Conductor | Source, *, page: Page | None = None, lifespan: Lifespan[Any] | None = None
) -> FastAPI:
    """The API of a Conductor.

    Args:
        conductor: itself, or what gives it once it is open.
        page: makes web pages of conversations, where somebody can.
        lifespan: of an application that is served by itself.
    """
    give: Source = (lambda: conductor) if isinstance(conductor, Conductor) else conductor
    app = Application(
        openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan, title="Conductor"
    )
    app.state.conductor = give
    app.state.page = page
    for router in _ROUTERS:
        # Not `include_router`: that keeps routers whole, and looks into each of them for every request.
        app.router.routes.extend(router.routes)
    app.add_api_route("/api/openapi.json", _document, include_in_schema=False)
    for kind in (*TOLD, Exception):  # Starlette answers the last one, and raises it once more for the door's log
        app.add_exception_handler(kind, _tell)
    app.add_middleware(_Cors, settings=lambda: give().settings.cors_origins)
    app.add_middleware(Door, settings=lambda: give().settings)
    app.openapi = lambda: docs.document(app)  # type: ignore[method-assign] # FastAPI's documented way to change it
    app.state.document = cache(lambda: orjson.dumps(app.openapi()))
    check_routes(app)
    return app


async def _document(request: Request) -> Response:
    """The OpenAPI document."""
    return Response(request.app.state.document(), media_type="application/json")


async def _tell(request: Request, error: Exception) -> Response:
    return response_of(problem_of(error), request.scope, Visit.of(request.scope).id)


class _Cors:
    """Lets pages of the listed sites read answers; never with cookies. Others get no such header."""

    def __init__(self, app: ASGIApp, settings: Any) -> None:
        self._app = app
        self._settings = settings
        self._origins: Collection[str] = ()
        self._cors: ASGIApp = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origins: list[str] = self._settings()
        if origins != self._origins:
            self._origins = origins
            self._cors = CORSMiddleware(
                self._app,
                allow_origins=origins,
                allow_methods=["GET", "POST"],
                allow_headers=_REQUEST_HEADERS,
                expose_headers=_ANSWER_HEADERS,
                allow_credentials=False,
            )
        listed = any(origin in origins for origin in header_values(scope["headers"], b"origin"))
        await (self._cors if listed else self._app)(scope, receive, send)
