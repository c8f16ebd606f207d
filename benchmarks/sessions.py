"""Twenty readers at once, each with an answer of 100 tokens a second: how long does anyone see nothing new?

    python -m benchmarks.sessions [--sessions 20] [--seconds 6]

Every session is Streamlit's own WebSocket without a browser, all of them in this process; the server and the simulated
upstream have processes of their own. An update is the answer as drawn anew; when the machine is so busy that even the
upstream sends nothing, the figure for new words says so.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.loopback import cpu_seconds, upstream
from benchmarks.page_session import PageSession
from tests.serving import Served, free_port, serving

TOKENS_PER_SECOND = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader saw of the answer; seconds from sending the message."""

    first: float
    last: float
    updates: list[float]
    new_words: list[float]


async def read_one(page: PageSession) -> Reading:
    """Sends a message and reads the answer; of all texts on the page the one that changes most often."""
    asked = time.perf_counter()
    await page.say("Tell me something.")
    await page.watch_until_it_ends()
    place = max(page.changes, key=lambda place: sum(moment > asked for moment in page.changes[place]))
    words = [moment - asked for moment in page.changes[place] if moment > asked]
    drawn = [moment - asked for moment in page.drawn[place] if words[0] <= moment - asked <= words[-1]]
    return Reading(words[0], words[-1], gaps(drawn), gaps(words))


def gaps(moments: Iterable[float]) -> list[float]:
    return [after - before for before, after in pairwise(moments)]


async def measure(server: Served, sessions: int, seconds: float) -> None:
    """Opens all pages at once, then sends all messages at once."""
    async with AsyncExitStack() as stack:
        began = time.perf_counter()
        pages = await asyncio.gather(*(stack.enter_async_context(PageSession(server.url)) for _ in range(sessions)))
        opened = time.perf_counter() - began
        began, cpu = time.perf_counter(), cpu_seconds(server.process.pid)
        read = await asyncio.gather(*map(read_one, pages))
        took = time.perf_counter() - began
        cpu = cpu_seconds(server.process.pid) - cpu
        received = sum(page.received for page in pages)
    longest = [max(reading.updates) for reading in read]
    median = statistics.median
    print(f"{sessions} pages opened at once: all drawn after {opened:.2f} s")
    print(f"answers of {seconds:.1f} s: the last one complete after {max(reading.last for reading in read):.2f} s")
    print(f"  first words after {median(reading.first for reading in read) * 1e3:.0f} ms (median)")
    print(f"  server {cpu / took:.0%} of one core, {received / took / 1024:.0f} KiB/s to all readers")
    print(f"  between updates: median {median(gap for one in read for gap in one.updates) * 1e3:.0f} ms")
    print(
        f"  longest of any session {max(longest) * 1e3:.0f} ms (median {median(longest) * 1e3:.0f}); target at most 500"
    )
    print(f"  longest without a new word {max(max(reading.new_words) for reading in read) * 1e3:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=6.0, help="how long each answer takes")
    options = parser.parse_args()
    words = round(options.seconds * TOKENS_PER_SECOND)
    with tempfile.TemporaryDirectory() as name, upstream(core=1) as url:
        port, home = free_port(), Path(name) / "home"
        variables = {
            "CONDUCTOR_PORT": str(port),
            "OPENAI_API_KEY": "sk-bench-0123456789ab",
            "OPENAI_BASE_URL": f"{url}/v1",
            "CONDUCTOR_DEFAULT_MODELS__OPENAI": f"gpt-4.1-mini-gap-10-words-{words}",
        }
        with serving([sys.executable, "-m", "dashboard"], port, home, **variables) as server:
            asyncio.run(measure(server, options.sessions, options.seconds))


if __name__ == "__main__":
    main()
