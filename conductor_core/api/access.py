"""Who may do what: every route asks for a scope, and a route that asks for none can't be added.

A key comes as `Authorization: Bearer …` or `x-api-key: …`. Whatever is wrong with it, the answer is the same 401: which
part was wrong is nobody's business. Keys are made in Settings; on loopback too there is no way in without one, since
any web page can send requests to this machine.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from conductor_core.api.errors import HttpError, Problem
from conductor_core.api.installation import conductor_of
from conductor_core.api.visit import Visit
from conductor_core.keys.key import LONGEST_TOKEN, ApiKey, Scope
from conductor_core.keys.limits import Admission

OPEN = frozenset(
    {"/api/health", "/api/health/ready", "/api/openapi.json", "/api/docs", "/api/docs/{name}"},
)
"""What answers without a key: it says nothing of this installation but that it lives."""

_BEARER = re.compile(r"bearer +([!-~]+)", re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]+")
_NO_KEY = Problem(
    401,
    "invalid_api_key",
    "This needs a valid API key: Authorization: Bearer sk-cond-… or x-api-key. Keys are made in Settings.",
    headers={"www-authenticate": "Bearer"},
)


@cache
def needs(scope: Scope) -> Any:
    """What a router depends on: a key with this scope. Every request counts against the key's limits.

    Routes that ask a model count theirs themselves, by `admit`, since they know how long the prompt is.
    """

    async def known(request: Request) -> ApiKey:
        return let_in(request, scope)

    known.scope = scope  # type: ignore[attr-defined] # tells `scope_of` what was asked for
    return Depends(known)


def let_in(request: Request, scope: Scope) -> ApiKey:
    """The key of a request to a route that needs a scope.

    Raises:
        HttpError: 401, or 403 where the key lacks it.
        LimitReached: names the limit.
    """
    key = key_of(request)
    if scope not in key.scopes:
        raise HttpError(
            Problem(403, "missing_scope", f"The key “{key.name}” lacks the scope “{scope}”. Make one that has it.")
        )
    if scope is not Scope.CHAT:
        admit(request, 0)
    return key


def key_of(request: Request) -> ApiKey:
    """Whose request this is.

    Raises:
        HttpError: 401.
    """
    key = conductor_of(request).keys.verify(_token(request))
    if key is None:
        raise HttpError(_NO_KEY)
    Visit.of(request.scope).key = key
    return key


def admit(request: Request, prompt_tokens: int) -> Admission:
    """Takes a request from what its key may do in a minute. The door settles it, if nobody did, when it has ended.

    Raises:
        LimitReached: names the limit.
    """
    visit = Visit.of(request.scope)
    assert visit.key is not None, "a route that admits needs a scope"
    visit.admission = admission = conductor_of(request).keys.admit(visit.key, prompt_tokens)
    visit.tell(admission.headers())
    return admission


def scope_of(route: BaseRoute) -> Scope | None:
    """The scope a route asks for; None when it asks for none."""
    if not isinstance(route, APIRoute):
        return None
    dependants: list[Dependency] = route.dependencies
    found = [scope for one in dependants if (scope := getattr(one.dependency, "scope", None)) is not None]
    return found[0] if found else None


def check_routes(app: FastAPI) -> None:
    """Refuses an application with a route that anybody could use.

    Raises:
        AssertionError: names the routes.
    """
    bare = sorted(path for route in app.routes if (path := _path(route)) not in OPEN and scope_of(route) is None)
    assert not bare, f"these routes ask for no key: {', '.join(bare)}"


def _path(route: BaseRoute) -> str:
    return str(getattr(route, "path", route))


def _token(request: Request) -> str:
    """The token as sent; an empty one, which is nobody's, where there is none or it is not clear which."""
    bearers = request.headers.getlist("authorization")
    plain = request.headers.getlist("x-api-key")
    if len(bearers) > 1 or len(plain) > 1:
        return ""
    found = set()
    if bearers:
        match = _BEARER.fullmatch(bearers[0])
        found.add(match[1] if match else "")
    if plain:
        found.add(plain[0] if _TOKEN.fullmatch(plain[0]) else "")
    token = found.pop() if len(found) == 1 else ""
    return token if len(token) <= LONGEST_TOKEN else ""
