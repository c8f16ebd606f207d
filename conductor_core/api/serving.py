"""The API served by itself, without the dashboard: `uvicorn --factory conductor_core.api:build_app`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from conductor_core import interpreter, logs
from conductor_core.api.app import create_app
from conductor_core.api.errors import refusal_of
from conductor_core.api.paths import content_security_policy
from conductor_core.conductor import Conductor
from conductor_core.net.entrance import Entrance
from conductor_core.net.headers import with_security_headers
from conductor_core.net.listening import is_private, keep_to_this_process, listening_addresses, own_names
from conductor_core.redaction import Redactor
from conductor_core.settings import Environment, Settings


def build_app() -> FastAPI:
    """The application, with a Conductor of its own that is opened and closed with the server.

    Every route needs a key, so it may listen where others can reach it without a password; what stands in front of it
    there should speak TLS, or keys travel as they are.
    """
    served = _Served()
    app = create_app(lambda: served.conductor, lifespan=served.lifespan)
    app.user_middleware.insert(0, Middleware(_Entered, served=served))
    return app


class _Served:
    """What is known once the server runs."""

    def __init__(self) -> None:
        self.entrance = Entrance()
        self.origins: frozenset[str] = frozenset()
        self._conductor: Conductor | None = None

    @property
    def conductor(self) -> Conductor:
        assert self._conductor is not None, "the lifespan opens it"
        return self._conductor

    @property
    def ready(self) -> bool:
        return self._conductor is not None

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Reads the settings, opens the Conductor, and closes it when the server stops."""
        environment = Environment.read()
        redactor = Redactor()
        redactor.learn_environment(environment.merged())
        _log_to(redactor)
        addresses = listening_addresses()
        keep_to_this_process()
        conductor = await Conductor.open(environment, private=all(map(is_private, addresses)))
        _log_to(conductor.redactor)  # it also learns the keys made later
        self._take(conductor.settings, addresses)
        self._conductor = conductor
        preparing = asyncio.create_task(conductor.prepare())
        interpreter.serve()
        try:
            yield
        finally:
            self._conductor = None
            preparing.cancel()
            await conductor.close()

    def _take(self, settings: Settings, addresses: list[str]) -> None:
        self.entrance = Entrance(own_names(settings, addresses))
        self.origins = frozenset(settings.cors_origins)


class _Entered:
    """ASGI middleware: the rules for Host and Origin, and the headers of every response."""

    def __init__(self, app: ASGIApp, served: _Served) -> None:
        self._app = app
        self._served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        send = with_security_headers(send, content_security_policy(scope["path"]))
        refused = self._served.entrance.refusal(scope, self._served.origins)
        if not self._served.ready:
            refused = 503, "Conductor did not start: its server ran no ASGI lifespan."
        if scope["type"] == "http":
            await (refusal_of(scope, *refused) if refused else self._app)(scope, receive, send)
        else:  # there is no WebSocket here
            await receive()
            await send({"type": "websocket.close", "code": 1008})


def _log_to(redactor: Redactor) -> None:
    logs.configure(redactor)
    logs.catch_uncaught()
