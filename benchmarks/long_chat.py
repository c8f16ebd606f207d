"""What one run of the Chat page costs the server: empty, and with 200 messages open; 1,000 conversations stored.

python -m benchmarks.long_chat [--runs 20]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.loopback import cpu_seconds
from benchmarks.page_session import PageSession
from benchmarks.store import finished, started
from conductor_core.kinds import LaneState, Source
from conductor_core.models import MessageRole
from conductor_core.store.database import Store
from conductor_core.store.records import Conversation, StoredMessage
from tests.serving import Served, free_port, serving

CONVERSATIONS = 1000
EXCHANGES = 100
ANSWER = (
    "It **depends** on [many things](https://example.com), as `x` shows.\n\n```python\nprint(x)\n```\n" + "So. " * 80
)


def fill(home: Path) -> str:
    """Stores the conversations; returns the id of the long one."""
    store = Store.open(home)
    now = time.time_ns() // 1_000_000
    ids = [os.urandom(16).hex() for _ in range(CONVERSATIONS)]
    for number, name in enumerate(ids):
        moment = now - number * 3_600_000
        settings = {"lanes": [{"provider": "auto"}]}
        store.save_conversation(Conversation(name, "chat", f"Conversation {number}", settings, moment, moment))
    end: str | None = None
    for turn in range(EXCHANGES):
        prompt = _message(ids[0], turn, MessageRole.USER, f"Question {turn}?", now, end)
        answer = _message(ids[0], turn, MessageRole.ASSISTANT, ANSWER, now, prompt.id)
        end = answer.id
        store.save_message(prompt)
        store.save_call(replace(finished(started(turn)), conversation_id=ids[0], lane_id=answer.id, source=Source.CHAT))
        store.save_message(answer)
    store.close()
    return ids[0]


def _message(
    conversation_id: str, turn: int, role: MessageRole, content: str, at: int, parent: str | None
) -> StoredMessage:
    return StoredMessage(
        os.urandom(16).hex(), conversation_id, turn, 0, 0, role, content, "", LaneState.DONE, {}, at + turn, parent
    )


async def measure(server: Served, query: str, runs: int, what: str) -> None:
    """Has the page run again and again."""
    async with PageSession(server.url, query=query) as page:
        waits, cpu, received = [], cpu_seconds(server.process.pid), page.received
        for _ in range(runs):
            began = time.perf_counter()
            await page.run()
            waits.append(time.perf_counter() - began)
        cpu = (cpu_seconds(server.process.pid) - cpu) / runs
        kib = (page.received - received) / runs / 1024
    print(f"{what}: {cpu * 1e3:.0f} ms CPU a run, {statistics.median(waits) * 1e3:.0f} ms to wait, {kib:.0f} KiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        port, home = free_port(), Path(name) / "home"
        conversation = fill(home)
        with serving([sys.executable, "-m", "dashboard"], port, home, CONDUCTOR_PORT=str(port)) as server:
            asyncio.run(measure(server, "", options.runs, "no conversation open"))
            asyncio.run(measure(server, f"c={conversation}", options.runs, f"{2 * EXCHANGES} messages"))
    print("  target under 50 ms")


if __name__ == "__main__":
    main()
