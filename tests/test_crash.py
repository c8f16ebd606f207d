"""kill -9 in mid-answer: after the restart the prompt, the answer up to about a second before, and "interrupted"."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from conductor_core.kinds import LaneState, Outcome
from conductor_core.secret import Secret
from tests.installation import KEY, installation
from tests.upstream import Upstream

PROGRAM = """
import asyncio, sys
from conductor_core.conductor import Conductor
from conductor_core.turns import LaneSetup

async def main():
    conductor = await Conductor.open()
    setup = LaneSetup(provider="openai", model="any-gap-20-words-500")
    turn = await conductor.conversations.start_turn("Tell me a long story.", [setup])
    print(turn.conversation_id, flush=True)
    told = 0
    while True:
        await asyncio.sleep(0.05)
        if len(turn.lanes[0].text) != told:
            told = len(turn.lanes[0].text)
            print(told, flush=True)

asyncio.run(main())
"""


async def test_a_killed_process_loses_about_a_second(tmp_path: Path, database_url: Secret | None) -> None:
    """The process is killed while words arrive every 20 ms; what was there 1.5 s before is there after the restart."""
    database = {"CONDUCTOR_DATABASE_URL": database_url.reveal()} if database_url else {}
    async with Upstream() as upstream:
        environment = {
            **database,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ["PYTHONPATH"],
            "CONDUCTOR_HOME": str(tmp_path),
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{upstream.url}/v1",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, stdout=asyncio.subprocess.PIPE, env=environment
        )
        assert process.stdout
        loop = asyncio.get_running_loop()
        conversation_id = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        arrived: list[tuple[float, int]] = []
        while not arrived or arrived[-1][0] - arrived[0][0] < 2.5:
            arrived.append((loop.time(), int(await process.stdout.readline())))
        process.kill()
        killed = loop.time()
        await process.wait()
    async with installation(tmp_path, None, **database) as conductor:
        exchange = conductor.conversations.transcript(conversation_id).exchanges[0]
        assert exchange.prompt == "Tell me a long story."
        answer = exchange.answers[0]
        assert answer.state is LaneState.INTERRUPTED
        assert len(answer.text) >= max(count for at, count in arrived if at < killed - 1.5)
        assert conductor.store.calls_of(conversation_id)[0].outcome is Outcome.INTERRUPTED
