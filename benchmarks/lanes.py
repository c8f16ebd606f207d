"""What the server spends while somebody watches Compare: four lanes, each at 100 tokens a second.

    python -m benchmarks.lanes [--seconds 8]

One tab, spoken over Streamlit's WebSocket without a browser; the server and the simulated upstream have processes of
their own.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.loopback import cpu_seconds, upstream
from benchmarks.page_session import PageSession
from tests.serving import Served, free_port, serving

LANES = ("OPENAI", "GROQ", "MISTRAL", "DEEPSEEK")
TOKENS_PER_SECOND = 100
RAMP_SECONDS = 1.0


async def measure(server: Served, seconds: float) -> None:
    """Prints the share of a core between the first second and the last."""
    async with PageSession(server.url, "compare") as page:
        idle = await share(server, seconds / 4)
        await page.say("Tell me something.")
        await asyncio.sleep(RAMP_SECONDS)
        received, runs = page.received, page.fragment_runs
        watched = seconds - 2 * RAMP_SECONDS
        busy = await share(server, watched)
        ticks = (page.fragment_runs - runs) / watched
        kib = (page.received - received) / watched / 1024
        await page.watch_until_it_ends()
    print(f"{len(LANES)} lanes at {TOKENS_PER_SECOND} tokens/s: server {busy:.1%} of one core; target under 10 %")
    print(f"  {ticks:.1f} updates/s, {kib:.0f} KiB/s; an open page that waits costs {idle:.1%}")


async def share(server: Served, seconds: float) -> float:
    """The part of one core the server takes over some seconds."""
    began, cpu = time.perf_counter(), cpu_seconds(server.process.pid)
    await asyncio.sleep(seconds)
    return (cpu_seconds(server.process.pid) - cpu) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long the answers take")
    options = parser.parse_args()
    words = round(options.seconds * TOKENS_PER_SECOND)
    with tempfile.TemporaryDirectory() as name, upstream(core=1) as url:
        port, home = free_port(), Path(name) / "home"
        variables = {"CONDUCTOR_PORT": str(port)}
        for vendor in LANES:
            variables[f"{vendor}_API_KEY"] = f"sk-bench-0123456789-{vendor}"
            variables[f"{vendor}_BASE_URL"] = f"{url}/v1"
            variables[f"CONDUCTOR_DEFAULT_MODELS__{vendor}"] = f"some-model-gap-10-words-{words}"
        with serving([sys.executable, "-m", "dashboard"], port, home, **variables) as server:
            asyncio.run(measure(server, options.seconds))


if __name__ == "__main__":
    main()
