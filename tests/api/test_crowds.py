"""Many streams at once through the HTTP door: each one whole and its own, and no memory kept of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import orjson

from tests.api.door import new_token
from tests.beside import upstream_beside
from tests.conftest import SCALE
from tests.installation import KEY
from tests.serving import Served, api_alone, free_port, serving
from tests.upstream import Plan

AT_ONCE = 60 if SCALE == 1 else 500
KEPT_MEGABYTES = 20
"""What a crowd may leave behind that the same crowd before it did not."""


async def test_streams_at_once_are_whole_and_leave_nothing(tmp_path: Path) -> None:
    """Streams of different lengths all run at the same time; the second crowd takes no more memory than the first."""
    token = await new_token(tmp_path / "home")
    with upstream_beside() as beside:
        port = free_port()
        variables = {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{beside.upstream.url}/v1",
            "CONDUCTOR_PROVIDER_CONCURRENCY": str(AT_ONCE),
            "CONDUCTOR_MAX_REQUESTS": str(AT_ONCE),
        }
        with serving(api_alone(port), port, tmp_path / "home", alive="/api/health", **variables) as served:
            await crowd(served, token)
            before = megabytes(served)
            await crowd(served, token)
            assert megabytes(served) <= before + KEPT_MEGABYTES


async def crowd(served: Served, token: str) -> None:
    """So many streams, the first of which ends only when all have begun."""
    begun = asyncio.Barrier(AT_ONCE)

    async def one(session: aiohttp.ClientSession, number: int) -> None:
        words = 100 + number % 7
        body = {
            "model": f"openai/any-words-{words}-gap-20",
            "messages": [{"role": "user", "content": "Hello"}],
            "stream": True,
        }
        async with session.post("/v1/chat/completions", json=body) as response:
            assert response.status == 200, await response.text()
            await begun.wait()
            answer = await response.text()
        events = [line.removeprefix("data: ") for line in answer.split("\n") if line.startswith("data: ")]
        assert events.pop() == "[DONE]", answer[-500:]
        pieces = [choice["delta"].get("content") for event in events for choice in orjson.loads(event)["choices"]]
        assert "".join(filter(None, pieces)) == Plan.of(f"words-{words}").text

    headers, connector = {"authorization": f"Bearer {token}"}, aiohttp.TCPConnector(limit=0)
    session = aiohttp.ClientSession(served.url, headers=headers, connector=connector)
    async with session, asyncio.TaskGroup() as group:
        for number in range(AT_ONCE):
            group.create_task(one(session, number))


def megabytes(served: Served) -> float:
    """Resident memory of the server."""
    pages = int(Path(f"/proc/{served.process.pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6
