"""Who may do what: no route without a scope, no scope without a key."""

from __future__ import annotations

import re
import time

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from conductor_core.api.access import OPEN, check_routes, needs, scope_of
from conductor_core.api.app import _ROUTERS
from conductor_core.keys.key import Scope, Wish
from tests.api.door import Open

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROUTES = [route for router in _ROUTERS for route in router.routes if isinstance(route, APIRoute)]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
async def test_every_route_asks_for_a_key(shared_door: Open, route: APIRoute) -> None:
    """401 without one on all but a short list, which says nothing of this installation."""
    path = re.sub(r"\{[^}]*\}", "0" * 32, route.path)
    for method in route.methods or ():
        answer = await shared_door.stranger.request(method, path, json={})
        if route.path in OPEN:
            assert answer.status_code in (200, 404)
        else:
            assert answer.status_code == 401


async def test_a_route_without_a_scope_cannot_be_added() -> None:
    """Default deny: the application is refused, and names the route."""
    app, router = FastAPI(openapi_url=None), APIRouter()

    @router.get("/api/forgotten")
    async def forgotten() -> None: ...

    app.router.routes.extend(router.routes)
    with pytest.raises(AssertionError, match="/api/forgotten"):
        check_routes(app)
    guarded = APIRouter(dependencies=[needs(Scope.READ)])
    guarded.add_api_route("/api/guarded", forgotten)
    app.router.routes[:] = guarded.routes
    check_routes(app)


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_key_does_what_its_scopes_say(shared_door: Open, scope: Scope) -> None:
    """403 on the routes of other scopes, and never on its own."""
    _, token = await shared_door.conductor.keys.create(Wish(f"only {scope}", (scope,)))
    for route in ROUTES:
        wanted = scope_of(route)
        if wanted is None:
            continue
        path = re.sub(r"\{[^}]*\}", "0" * 32, route.path)
        for method in route.methods or ():
            answer = await shared_door.stranger.request(
                method, path, json={}, headers={"authorization": f"Bearer {token.reveal()}"}
            )
            assert (answer.status_code == 403) is (wanted is not scope), route.path


async def test_a_revoked_key_is_out_at_once(shared_door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so is one that has expired."""
    keys = shared_door.conductor.keys
    key, token = await keys.create(Wish("short lived", (Scope.READ,)))
    headers = {"x-api-key": token.reveal()}
    assert (await shared_door.stranger.get("/api/status", headers=headers)).status_code == 200
    await keys.revoke(key.id)
    assert (await shared_door.stranger.get("/api/status", headers=headers)).status_code == 401
    end = int(time.time()) + 3600
    _, expiring = await keys.create(Wish("expiring", (Scope.READ,), expires_at=end * 1000))
    for now, status in ((end - 1, 200), (end, 401)):
        monkeypatch.setattr(keys, "_clock", lambda now=now: float(now))
        answer = await shared_door.stranger.get("/api/status", headers={"x-api-key": expiring.reveal()})
        assert answer.status_code == status


async def test_reading_counts_against_the_limit(shared_door: Open) -> None:
    """Every answer says what is left."""
    _, token = await shared_door.conductor.keys.create(Wish("two", (Scope.READ,), requests_per_minute=2))
    answers = [await shared_door.stranger.get("/api/status", headers={"x-api-key": token.reveal()}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["1", "0", "0"]
    assert 25 <= int(answers[2].headers["retry-after"]) <= 31


async def test_a_request_gives_its_place_back(shared_door: Open) -> None:
    """A key that may do one thing at a time can do many one after the other, whatever became of them."""
    _, token = await shared_door.conductor.keys.create(Wish("one by one", tuple(Scope), concurrency=1))
    headers = {"x-api-key": token.reveal()}
    hello = {"messages": [{"role": "user", "content": "Hello"}]}
    for body in (
        hello | {"provider": "openai"},
        hello | {"provider": "nobody"},
        hello | {"provider": "openai", "model": "a-status-400"},
        hello | {"provider": "openai", "stream": True},
        hello | {"provider": "openai", "model": "a-cut-2", "stream": True},
    ):
        answer = await shared_door.stranger.post("/api/chat", headers=headers, json=body)
        assert answer.status_code in (200, 400, 404)
        assert (await shared_door.stranger.get("/api/status", headers=headers)).status_code == 200


async def test_no_token_is_in_what_is_told_of_its_key(shared_door: Open) -> None:
    """An error has the name that somebody gave it."""
    _, token = await shared_door.conductor.keys.create(Wish("quiet", (Scope.CHAT,)))
    answer = await shared_door.stranger.get("/api/status", headers={"x-api-key": token.reveal()})
    assert answer.status_code == 403
    assert "quiet" in answer.text
    assert token.reveal() not in answer.text
