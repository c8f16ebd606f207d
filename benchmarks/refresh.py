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
from statistics import median

import aiohttp

from benchmarks.history import fill
from benchmarks.loopback import cpu_seconds
from benchmarks.page_session import PageSession
from dashboard.components.health_controls import LIVE_SECONDS
from tests.beside import upstream_beside
from tests.installation import KEY
from tests.serving import Served, free_port, serving

WARM_UP_SECONDS = 6.0
ASK_EVERY_SECONDS = 1.0
REFRESHES_EVERY_SECONDS = float(LIVE_SECONDS)
API_KEY = "sk-of-the-benchmark-alone"


async def measure(server: Served, viewers: int, seconds: float, query: str, *, asking: bool) -> None:
    """Keeps so many pages open; prints what one refresh of one of them costs beyond what the server does anyway."""
    async with AsyncExitStack() as stack:
        if asking:
            asker = asyncio.create_task(_ask(server.url))
            stack.callback(asker.cancel)
        await asyncio.sleep(WARM_UP_SECONDS)
        without = await _cpu(server, seconds)
        pages = []
        for _ in range(viewers):
            pages.append(await stack.enter_async_context(PageSession(server.url, "health", query)))
            await asyncio.sleep(REFRESHES_EVERY_SECONDS / viewers)  # people do not come all at once
        await asyncio.sleep(WARM_UP_SECONDS)
        received = sum(page.received for page in pages)
        for page in pages:
            page.waits.clear()
        spent = await _cpu(server, seconds)
        waits = [wait * 1e3 for page in pages for wait in page.waits]
        kib = (sum(page.received for page in pages) - received) / len(waits) / 1024
    what = f"{viewers} viewer{'s' if viewers > 1 else ''}, ?{query}{', calls coming in' if asking else ''}"
    cpu = (spent - without) * seconds / len(waits)
    print(
        f"{what}: {cpu * 1e3:.1f} ms CPU and {kib:.1f} KiB a refresh ({len(waits)} in {seconds:.0f} s), "
        f"there after {median(waits):.0f} ms, at most {max(waits):.0f} ms"
    )


async def _cpu(server: Served, seconds: float) -> float:
    """The share of a core that the server takes."""
    before, began = cpu_seconds(server.process.pid), time.perf_counter()
    await asyncio.sleep(seconds)
    return (cpu_seconds(server.process.pid) - before) / (time.perf_counter() - began)


async def _ask(url: str) -> None:
    """By the HTTP door: a chat grows, and so does what the server spends on its page."""
    body = {"provider": "openai", "messages": [{"role": "user", "content": "Hello"}]}
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}, raise_for_status=True) as door:
        while True:
            async with door.post(f"{url}/api/chat", json=body) as answer:
                await answer.read()
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
        variables |= {"CONDUCTOR_API_KEY": API_KEY}
        with serving([sys.executable, "-m", "dashboard"], port, home, **variables) as server:
            for viewers, query, asking in (
                (1, "range=24h", False),
                (1, "range=30d", False),
                (10, "range=24h", False),
                (1, "range=24h", True),
                (10, "range=24h", True),
            ):
                asyncio.run(measure(server, viewers, options.seconds, query, asking=asking))
    print("  target under 15 ms and 30 KiB")


if __name__ == "__main__":
    main()
