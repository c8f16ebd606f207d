"""What a kill -9 of the server leaves of the calls that were acknowledged through the HTTP door."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import orjson

from tests.api.door import new_token
from tests.beside import Beside, upstream_beside
from tests.conftest import SCALE
from tests.installation import KEY
from tests.serving import Served, api_alone, free_port, serving

ROUNDS = 2 if SCALE == 1 else 50
A_SECOND = 200
"""Calls, begun one after the other whether or not the ones before have ended."""
KILLED_AFTER = 60
"""Answers in a round."""


async def test_a_kill_loses_no_acknowledged_call(tmp_path: Path) -> None:
    """Round after round on the same file, at 200 calls a second: each answer that came has its row, with its end."""
    home, acknowledged = tmp_path / "home", set[str]()
    token = await new_token(home)
    with upstream_beside() as beside:
        for _ in range(ROUNDS):
            acknowledged |= await asyncio.to_thread(answered_until_killed, home, beside, token)
    with closing(sqlite3.connect(home / "conductor.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = dict(connection.execute("SELECT request_id, outcome FROM calls"))
    assert len(acknowledged) >= ROUNDS * KILLED_AFTER
    assert {rows.get(request_id) for request_id in acknowledged} == {"ok"}


def answered_until_killed(home: Path, beside: Beside, token: str) -> set[str]:
    """Request ids of the answers that came from a server until it was killed, while more were being asked for."""
    port, address = free_port(), f"{beside.upstream.url}/v1"
    variables = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": address}
    with serving(api_alone(port), port, home, alive="/api/health", **variables) as served:
        return asyncio.run(asked_until_killed(served, token))


async def asked_until_killed(served: Served, token: str) -> set[str]:
    """Every other answer is streamed: it is acknowledged by its last event."""
    acknowledged, enough = set[str](), asyncio.Event()

    async def ask(session: aiohttp.ClientSession, number: int) -> None:
        stream, messages = bool(number % 2), [{"role": "user", "content": "Hello"}]
        body = {"model": "openai/any-words-3", "messages": messages, "stream": stream}
        async with session.post("/v1/chat/completions", json=body) as response:
            answer = await response.read()
        assert response.status == 200, answer
        if stream:
            assert answer.endswith(b"data: [DONE]\n\n")
        else:
            assert orjson.loads(answer)["choices"]
        acknowledged.add(response.headers["x-request-id"])
        if len(acknowledged) >= KILLED_AFTER:
            enough.set()

    headers, connector = {"authorization": f"Bearer {token}"}, aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(served.url, headers=headers, connector=connector) as session:
        asked: list[asyncio.Task[None]] = []
        while not enough.is_set():
            asked.append(asyncio.create_task(ask(session, len(asked))))
            await asyncio.sleep(1 / A_SECOND)  # the rate of the calls, not a wait for anything
            assert len(asked) < 100 * KILLED_AFTER
        served.process.kill()
        ended = await asyncio.gather(*asked, return_exceptions=True)
    cut_off = (aiohttp.ClientError, ConnectionError)
    assert [fault for fault in ended if fault and not isinstance(fault, cut_off)] == []
    return acknowledged
