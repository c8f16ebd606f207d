"""The webhook, posting to a real server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from conductor_core.incidents import Step
from conductor_core.kinds import IncidentKind
from conductor_core.providers.wire import Wire
from conductor_core.redaction import Redactor
from conductor_core.secret import Secret
from conductor_core.settings import Settings
from conductor_core.store.records import Incident
from conductor_core.turns import LaneSetup
from conductor_core.webhook import WAITING, Webhook, message
from tests.installation import KEY, environment_for, installation
from tests.upstream import Upstream


class Receiver:
    """A server that notes what is posted and answers with the statuses it is given, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.posted: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.held = asyncio.Event()
        self.held.set()
        self.elsewhere = ""
        self.url = ""
        self._news = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.posted.append(await request.json())
        self.paths.append(request.path_qs)
        self._news.set()
        await self.held.wait()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, text="ok", headers={"Location": self.elsewhere} if status == 302 else {})

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.posted) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def receiver(*statuses: int) -> AsyncIterator[Receiver]:
    one = Receiver(*statuses)
    app = web.Application()
    app.router.add_post("/{path:.*}", one.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/T0/?token=s3cret-part"
    try:
        yield one
    finally:
        one.held.set()
        await runner.cleanup()


@asynccontextmanager
async def webhook(url: str, *, trusted: bool = True, timeout: float = 5.0, retries: int = 2) -> AsyncIterator[Webhook]:
    redactor = Redactor()
    redactor.learn(Secret(KEY))
    wire = Wire(Settings(), redactor)
    made = Webhook(wire, redactor, timeout=timeout, pauses=(0.01,) * retries)
    made.apply(Secret(url), trusted=trusted)
    try:
        yield made
    finally:
        await made.close()
        await wire.close()


def incident(**given: Any) -> Incident:
    known = {"id": "a" * 32, "kind": IncidentKind.BREAKER, "provider": "openai", "model": "gpt", "started_at": 1_000}
    return Incident(**{**known, "ended_at": None, "reason": "The last 3 calls failed.", **given})


def test_a_message_speaks_to_people_and_to_programs() -> None:
    """A sentence, and every field with times in ISO 8601."""
    assert message(incident(ended_at=61_500), Step.ENDED) == {
        "event": "ended",
        "text": "Conductor: breaker ended (openai). The last 3 calls failed.",
        "incident": {
            "id": "a" * 32,
            "kind": "breaker",
            "provider": "openai",
            "model": "gpt",
            "started_at": "1970-01-01T00:00:01.000Z",
            "ended_at": "1970-01-01T00:01:01.500Z",
            "reason": "The last 3 calls failed.",
        },
    }


async def test_messages_arrive_in_order_at_the_address_as_it_is() -> None:
    """With its path, slash and query; what waits is still sent when it closes."""
    async with receiver() as server:
        async with webhook(server.url) as hook:
            hook.post(incident(), Step.BEGAN)
            hook.post(incident(), Step.ENDED)
        assert [posted["event"] for posted in server.posted] == ["began", "ended"]
        assert set(server.paths) == {"/hooks/T0/?token=s3cret-part"}
        assert hook.trouble == ""


async def test_a_key_is_never_posted() -> None:
    """Whatever a reason says."""
    async with receiver() as server, webhook(server.url) as hook:
        hook.post(incident(reason=f"refused {KEY} and sk-ant-{'x1' * 12}"), Step.BEGAN)
        await server.until(1)
        assert KEY not in str(server.posted)
        assert server.posted[0]["incident"]["reason"] == "refused [key] and [key]"


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    """Until it is taken; the trouble is then over."""
    async with receiver(status, status) as server, webhook(server.url) as hook:
        hook.post(incident(), Step.BEGAN)
        await server.until(3)
        hook.post(incident(), Step.ENDED)
        await server.until(4)
        assert [posted["event"] for posted in server.posted] == ["began"] * 3 + ["ended"]


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_what_will_not_pass_is_not(status: int) -> None:
    """One attempt, a sentence, and on to the next message."""
    async with receiver(status) as server, webhook(server.url) as hook:
        hook.post(incident(), Step.BEGAN)
        await server.until(1)
        while not hook.trouble:
            await asyncio.sleep(0)
        assert hook.trouble == f"The webhook answered with status {status}. Check CONDUCTOR_WEBHOOK_URL."
        hook.post(incident(), Step.ENDED)
        await server.until(2)
        assert [posted["event"] for posted in server.posted] == ["began", "ended"]


async def test_a_redirect_is_not_followed() -> None:
    """The message goes nowhere else."""
    async with receiver() as other, receiver(302) as server:
        server.elsewhere = other.url
        async with webhook(server.url) as hook:
            hook.post(incident(), Step.BEGAN)
            await server.until(1)
        assert other.posted == []
        assert "302" in hook.trouble


async def test_a_silent_server_holds_up_neither_calls_nor_the_end() -> None:
    """Posting returns at once, each attempt has its time, so many messages wait and no more."""
    async with receiver() as server:
        server.held.clear()
        async with webhook(server.url, timeout=0.05, retries=0) as hook:
            for _ in range(WAITING + 5):
                hook.post(incident(), Step.BEGAN)
            await server.until(1)
            assert "later ones are dropped" in hook.trouble
            await server.until(2)


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("http://169.254.169.254/latest", True),
        ("http://127.0.0.1:9/hook", False),
        ("http://localhost:9/hook", False),
        ("ftp://example.org/hook", True),
        ("http://user:pass@example.org/", True),
    ],
)
async def test_the_rules_of_providers_addresses_hold(url: str, trusted: bool) -> None:
    """Metadata never, loopback only on the owner's word, no other scheme, no password in it."""
    async with webhook(url, trusted=trusted) as hook:
        assert hook.trouble.startswith("The webhook can't be reached.")
        hook.post(incident(), Step.BEGAN)
        assert hook._queue.empty()


async def test_fallbacks_of_one_provider_are_posted_once_a_minute() -> None:
    """A busy installation has many; the rows have them all."""
    async with receiver() as server:
        async with webhook(server.url) as hook:
            for provider in ("openai", "openai", "gemini"):
                hook.post(incident(kind=IncidentKind.FALLBACK, provider=provider), Step.HAPPENED)
        assert [posted["incident"]["provider"] for posted in server.posted] == ["openai", "gemini"]


async def test_an_installation_posts_its_incidents(tmp_path: Path) -> None:
    """A refused key opens a breaker, a closed one ends it; what a drill breaks is posted to nobody."""
    async with receiver() as server, Upstream() as upstream:
        variables = {"CONDUCTOR_WEBHOOK_URL": server.url, "CONDUCTOR_DRILL": "1"}
        async with installation(tmp_path, upstream, **variables) as conductor:
            upstream.behaviour = "status-401"
            conductor.gateway.breakers.cool("drill_swift", None, 30, "Simulated")
            turn = await conductor.conversations.start_turn("Hello", [LaneSetup(provider="openai")])
            await turn.wait()
            conductor.gateway.breakers.recover_now("openai")
            await server.until(2)
            assert conductor.redactor.clean(server.url) == "[key]"
        assert [(posted["event"], posted["incident"]["provider"]) for posted in server.posted] == [
            ("began", "openai"),
            ("ended", "openai"),
        ]


def test_the_address_is_kept_like_a_key(tmp_path: Path) -> None:
    """It is not printed with the settings."""
    environment = environment_for(tmp_path, None, CONDUCTOR_WEBHOOK_URL="https://example.org/s3cret-part")
    assert "s3cret-part" not in repr(Settings.load(environment))
