"""What the HTTP door costs: requests per second, what it adds to a call, and streamed chunks per second.

    python -m benchmarks.http_door [--path /v1/chat/completions]

Three processes: the upstream, the API alone (`uvicorn --factory conductor_core.api:build_app`) and this one that asks.
The same requests go to the upstream directly and through the door, in turns, so what is subtracted was measured at the
same time. On two cores the three share what there is: read the figures as lower bounds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import aiohttp
import orjson

from benchmarks.loopback import cpu_seconds, own_core, upstream
from conductor_core.conductor import Conductor
from conductor_core.keys.key import Scope, Wish
from conductor_core.settings import Environment, Origin
from tests.serving import ROOT, api_alone, environment, free_port

SAY = "Say something about benchmarks. " * 6


def body(model: str, stream: bool, path: str) -> bytes:
    """A request in the protocol of an address."""
    fields = {"model": model, "messages": [{"role": "user", "content": SAY}], "stream": stream}
    return orjson.dumps(fields | ({"provider": "openai"} if path.startswith("/api") else {}))


async def unlimited_key(home: Path) -> str:
    """A key that may ask as often as it likes."""
    found = {"CONDUCTOR_HOME": str(home)}
    layers: dict[Origin, dict[str, str]] = {origin: {} for origin in Origin}
    conductor = await Conductor.open(Environment(layers | {Origin.ENVIRONMENT: found}))
    try:
        _, token = await conductor.keys.create(Wish("benchmark", (Scope.CHAT,), requests_per_minute=None))
        return token.reveal()
    finally:
        await conductor.close()


async def wait_for(url: str) -> None:
    """Until a server answers."""
    for _ in range(400):
        try:
            await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=5).close())
            return
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


async def one_by_one(session: aiohttp.ClientSession, url: str, data: bytes, calls: int) -> float:
    """The median time of a call, in ms."""
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        async with session.post(url, data=data) as answer:
            await answer.read()
            assert answer.status == 200, await answer.text()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


async def first_byte(session: aiohttp.ClientSession, url: str, data: bytes, calls: int) -> float:
    """The median time to the first byte of a stream, in ms."""
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        async with session.post(url, data=data) as answer:
            await answer.content.readany()
            times.append((time.perf_counter() - began) * 1000)
            await answer.read()
    return statistics.median(times)


async def at_once(session: aiohttp.ClientSession, url: str, data: bytes, calls: int, width: int) -> float:
    """Calls a second with so many in flight."""
    todo = iter(range(calls))

    async def worker() -> None:
        for _ in todo:
            async with session.post(url, data=data) as answer:
                await answer.read()
                assert answer.status == 200, await answer.text()

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(width)))
    return calls / (time.perf_counter() - began)


def resident_mb(pid: int) -> float:
    """Its memory."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


async def measure(path: str, rounds: int, calls: int) -> None:
    """Starts all three and prints what was found."""
    port, home = free_port(), Path(tempfile.mkdtemp())
    own_core(1)
    key = await unlimited_key(home / "h")
    with upstream(1, "benchmarks.quick_upstream") as base:
        variables = {"OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": base}
        began = time.perf_counter()
        with (home / "log").open("wb") as log:
            server = subprocess.Popen(
                api_alone(port, "--no-access-log"),
                cwd=ROOT,
                env=environment(home / "h", **variables),
                stdout=log,
                stderr=log,
            )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(server.pid, {0})
        try:
            await wait_for(f"http://127.0.0.1:{port}/api/health")
            print(f"cold start to the first answer: {time.perf_counter() - began:.2f} s")
            await _compare(base, f"http://127.0.0.1:{port}", path, key, rounds, calls, server.pid)
            print(f"memory after all that: {resident_mb(server.pid):.0f} MB")
        finally:
            server.terminate()
            server.wait()


async def _compare(base: str, door: str, path: str, key: str, rounds: int, calls: int, pid: int) -> None:
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    there, here = f"{base}/chat/completions", f"{door}{path}"
    direct, ours = body("gpt-4.1-mini", False, "/v1"), body("gpt-4.1-mini", False, path)
    long_direct = body("gpt-4.1-mini-chunks-200", True, "/v1")
    long_ours = body("gpt-4.1-mini-chunks-200", True, path)
    connector = aiohttp.TCPConnector(limit=100)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await at_once(session, here, ours, calls, 16)
        for number in range(rounds):
            added = await one_by_one(session, here, ours, calls) - await one_by_one(session, there, direct, calls)
            first = await first_byte(session, here, long_ours, 50) - await first_byte(session, there, long_direct, 50)
            used = cpu_seconds(pid)
            rate = await at_once(session, here, ours, calls * 4, 64)
            used = (cpu_seconds(pid) - used) / (calls * 4)
            streamed = cpu_seconds(pid)
            chunks = 200 * await at_once(session, here, long_ours, 200, 16)
            streamed = (cpu_seconds(pid) - streamed) / (200 * 200)
            print(
                f"round {number + 1}: adds {added:.2f} ms to a call, {first:.2f} ms to a first word; 64 in flight "
                f"{rate:.0f} calls/s at {used * 1e6:.0f} us of CPU; 16 streams {chunks:.0f} chunks/s "
                f"at {streamed * 1e6:.1f} us of CPU"
            )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", default="/api/chat")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=500)
    given = parser.parse_args()
    asyncio.run(measure(given.path, given.rounds, given.calls))


if __name__ == "__main__":
    main()
