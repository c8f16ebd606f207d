"""The short way to routes on which every microsecond counts: through the same door, with the same key, past FastAPI.

What FastAPI puts around a route (finding it, its dependencies, three exit stacks) takes longer than all of ours. A
route marked as quick is declared like any other, so it is documented and checked for its scope like any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from conductor_core.api.access import let_in, scope_of
from conductor_core.api.errors import TOLD, problem_of, response_of
from conductor_core.api.visit import Visit

Endpoint = TypeVar("Endpoint", bound=Callable[[Request], Awaitable[Response]])

_MARK = "is_quick"


def quick(endpoint: Endpoint) -> Endpoint:
    """Marks an endpoint that takes nothing but the request, and gives a response."""
    setattr(endpoint, _MARK, True)
    return endpoint


class Application(FastAPI):
    """FastAPI, with a short way past it that begins inside of our own middleware."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Without what FastAPI would trace of each request, if somebody had set that up."""
        call = super().__call__ if scope["type"] == "lifespan" else super(FastAPI, self).__call__
        await call(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Ours around both: FastAPI's own stay around the routes they are for."""
        ours, self.user_middleware = self.user_middleware, []
        try:
            app: ASGIApp = _Quick(super().build_middleware_stack(), self)
        finally:
            self.user_middleware = ours
        for middleware in reversed(ours):
            app = middleware.cls(app, *middleware.args, **middleware.kwargs)
        return app


class _Quick:
    """Answers what is asked of quick routes; all else goes on."""

    def __init__(self, app: ASGIApp, application: FastAPI) -> None:
        self._app = app
        routes = [route for route in application.routes if isinstance(route, APIRoute)]
        self._routes = {
            (method, route.path): _QuickRoute(route)
            for route in routes
            if getattr(route.endpoint, _MARK, False)
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        await (found or self._app)(scope, receive, send)


class _QuickRoute:
    def __init__(self, route: APIRoute) -> None:
        needed = scope_of(route)
        assert needed is not None, f"{route.path} asks for no key"
        self._route = route
        self._needed = needed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self._route
        request = Request(scope, receive)
        try:
            let_in(request, self._needed)
            response = await self._route.endpoint(request)
            await response(scope, receive, send)  # a stream may fail before it begins
        except TOLD as error:
            await response_of(problem_of(error), scope, Visit.of(scope).id)(scope, receive, send)
