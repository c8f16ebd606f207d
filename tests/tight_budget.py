"""Calls under a budget with room for ten of them, and a process that is killed while these are out."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from conductor_core.conductor import Conductor
from conductor_core.errors import ConductorError
from conductor_core.models import ChatMessage, ChatRequest, MessageRole
from tests.installation import environment_for
from tests.upstream import Upstream

REQUEST = ChatRequest(provider="openai", messages=[ChatMessage(role=MessageRole.USER, content="Hello")])
ROOM_FOR_TEN = 0.0161
"""USD: ten of REQUEST's reservations at the default model's price, and not eleven."""

_KILLED = """
import asyncio, sys
from conductor_core.conductor import Conductor
from tests.tight_budget import asked

async def main(refused):
    conductor = await Conductor.open()
    calls = [asyncio.create_task(asked(conductor)) for _ in range(refused + 10)]
    while sum(call.done() for call in calls) < refused:
        await asyncio.sleep(0.01)
    print("refused", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(int(sys.argv[1])))
"""


async def asked(conductor: Conductor, key: str | None = None, request: ChatRequest = REQUEST) -> str:
    """Nothing for an answer, else the sentence that refused it."""
    try:
        await conductor.chat(request, api_key_id=key)
    except ConductorError as error:
        return str(error)
    return ""


async def killed_with_ten_out(home: Path, upstream: Upstream, refused: int, **limits: str) -> None:
    """Another process asks a silent upstream so many times more than it may, and is killed with ten calls out."""
    variables = environment_for(home, upstream, **limits).merged()
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "TZ") if name in os.environ} | variables
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _KILLED, str(refused), env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    assert await process.stdout.readline() == b"refused\n"
    async with asyncio.timeout(10):
        while len(upstream.requests) < 10:
            await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
