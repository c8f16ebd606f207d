"""What recording a call costs: CPU on the caller's side, CPU in the writer's thread, rows per second.

Run from the root: `python -m benchmarks.store [--calls 20000] [--rate 2500]`. A call is two rows: its start, its end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from conductor_core.kinds import CostKind, FinishReason, Outcome, Source
from conductor_core.metrics.call import Call
from conductor_core.store.database import Store


def started(number: int) -> Call:
    """A call through the HTTP door as it begins."""
    return Call(
        id=os.urandom(16).hex(),
        request_id=os.urandom(16).hex(),
        attempt=0,
        source=Source.API,
        conversation_id=None,
        lane_id=None,
        provider="openai",
        model="gpt-4o-mini",
        model_served=None,
        strategy="fastest",
        fallback_from=None,
        started_at=1_790_000_000_000 + number,
    )


def finished(call: Call) -> Call:
    """The same call as it ends."""
    return replace(
        call,
        model_served="gpt-4o-mini-2024-07-18",
        latency_ms=812.25,
        ttft_ms=301.5,
        prompt_tokens=42,
        completion_tokens=180,
        cost_usd=0.000114,
        cost_kind=CostKind.REPORTED,
        outcome=Outcome.OK,
        http_status=200,
        finish_reason=FinishReason.STOP,
    )


def writer_seconds() -> float:
    """CPU seconds of the writer's thread so far (schedstat: ns on the CPU come first)."""
    thread = next(thread for thread in threading.enumerate() if thread.name == "conductor-writer")
    return int(Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()[0]) / 1e9


async def record(store: Store, calls: int, rate: float, lasting: float) -> float:
    """Begins calls at a rate, each ending `lasting` s later and waiting for its commit; gives the s it took."""
    waits: list[float] = []

    async def one(number: int) -> None:
        call = started(number)
        store.save_call(call)
        await asyncio.sleep(lasting)
        asked = time.perf_counter()
        await store.save_call(finished(call))
        waits.append(time.perf_counter() - asked)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(calls):
            group.create_task(one(number))
            ahead = number / rate - (time.perf_counter() - begun)
            if ahead > 0.001:
                await asyncio.sleep(ahead)
    waits.sort()
    median, tail = waits[len(waits) // 2] * 1e3, waits[len(waits) * 99 // 100] * 1e3
    print(f"    wait for the commit p50 {median:.2f} ms, p99 {tail:.2f} ms")
    return time.perf_counter() - begun


def caller_side(store: Store, calls: int) -> None:
    """CPU of this thread per `save_call`, with the writer at work beside it."""
    rows = [finished(started(number)) for number in range(calls)]
    before = time.thread_time()
    futures = [store.save_call(row) for row in rows]
    spent = time.thread_time() - before
    futures[-1].result()
    print(f"caller: {spent / calls * 1e6:.1f} µs CPU per save_call")


def flat_out(store: Store, calls: int) -> None:
    """As fast as rows can be taken."""
    rows = [finished(started(number)) for number in range(calls)]
    before, begun = writer_seconds(), time.perf_counter()
    for call in rows:
        store.save_call(call)
    store.save_call(rows[-1]).result()
    took = time.perf_counter() - begun
    writer = (writer_seconds() - before) / calls * 1e6
    print(f"flat out: {calls / took:,.0f} rows/s, writer {writer:.1f} µs CPU per row")


def at_rate(store: Store, calls: int, rate: float, lasting: float) -> None:
    """Calls at a steady rate on an event loop; both rows of each."""
    print(f"{rate:,.0f} calls/s of {lasting * 1e3:.0f} ms each:")
    before, process = writer_seconds(), time.process_time()
    took = asyncio.run(record(store, calls, rate, lasting))
    writer = (writer_seconds() - before) / calls * 1e6
    whole = (time.process_time() - process) / calls * 1e6
    print(f"    {calls / took:,.0f} calls/s; writer {writer:.1f} µs CPU per call, process {whole:.1f} µs per call")


def timed(action: Callable[[], object], what: str) -> None:
    """Prints how long something takes."""
    begun = time.perf_counter()
    action()
    print(f"{what}: {(time.perf_counter() - begun) * 1e3:.1f} ms")


def main() -> None:
    """Measures and prints."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=20_000)
    options.add_argument("--rate", type=float, default=2_500)
    options.add_argument("--durability", default="normal")
    given = options.parse_args()
    sys.setswitchinterval(0.0005)  # as the app does
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder), durability=given.durability)
        caller_side(store, given.calls)
        flat_out(store, given.calls)
        for lasting in (0.0005, 0.02, 0.5):
            at_rate(store, given.calls, given.rate, lasting)
        at_rate(store, given.calls // 20, 100, 0.02)
        columns = ["started_at", "provider", "latency_ms", "outcome"]
        timed(lambda: store.call_columns(0, 2**62, columns), "four columns of every finished call")
        timed(lambda: store.last_calls(50), "last_calls(50)")
        store.close()
        timed(lambda: Store.open(Path(folder)).close(), f"open and close with {given.calls * 5:,} calls")


if __name__ == "__main__":
    main()
