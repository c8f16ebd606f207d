"""What a live refresh of the Health page costs the server, idle and while calls come in, for one viewer and for ten.

Run from the root: `python -m benchmarks.refresh [--calls 20000] [--seconds 20]`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.history import fill
from benchmarks.loopback import cpu_seconds
from benchmarks.page_session import PageSession
from tests.beside import upstream_beside
from tests.installation import KEY
from tests.serving import Served, free_port, serving

WARM_UP_SECONDS = 6.0
ASK_EVERY_SECONDS = 2.0


async def measure(server: Served, viewers: int, seconds: float, query: str, *, asking: bool) -> None:
    """Keeps so many pages open; prints what one refresh of one of them costs beyond what the server does anyway."""
    async with AsyncExitStack() as stack:
        if asking:
            chat = await stack.enter_async_context(PageSession(server.url))
            asker = asyncio.create_task(_ask(chat))
            stack.callback(asker.cancel)
        await asyncio.sleep(WARM_UP_SECONDS)
        without = await _cpu(server, seconds)
        pages = [await stack.enter_async_context(PageSession(server.url, "health", query)) for _ in range(viewers)]
        await asyncio.sleep(WARM_UP_SECONDS)
        runs, received = sum(page.fragment_runs for page in pages), sum(page.received for page in pages)
        spent = await _cpu(server, seconds)
        refreshes = sum(page.fragment_runs for page in pages) - runs
        kib = (sum(page.received for page in pages) - received) / refreshes / 1024
    what = f"{viewers} viewer{'s' if viewers > 1 else ''}, ?{query}{', calls coming in' if asking else ''}"
    cpu = (spent - without) * seconds / refreshes
    print(f"{what}: {cpu * 1e3:.1f} ms CPU and {kib:.1f} KiB a refresh ({refreshes} in {seconds:.0f} s)")


async def _cpu(server: Served, seconds: float) -> float:
    """The share of a core that the server takes."""
    before, began = cpu_seconds(server.process.pid), time.perf_counter()
    await asyncio.sleep(seconds)
    return (cpu_seconds(server.process.pid) - before) / (time.perf_counter() - began)


async def _ask(chat: PageSession) -> None:
    while True:
        await chat.say("Hello")
        await asyncio.sleep(ASK_EVERY_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, upstream_beside() as beside:
        port, home = free_port(), Path(name) / "home"
        fill(home, options.calls, 30, time.time_ns() // 1_000_000)
        variables = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{beside.upstream.url}/v1", "CONDUCTOR_PORT": str(port)}
        with serving([sys.executable, "-m", "dashboard"], port, home, **variables) as server:
            for viewers, query, asking in (
                (1, "range=24h", False),
                (1, "range=30d", False),
                (10, "range=24h", False),
                (1, "range=24h", True),
            ):
                asyncio.run(measure(server, viewers, options.seconds, query, asking=asking))
    print("  target under 15 ms and 30 KiB")


if __name__ == "__main__":
    main()
