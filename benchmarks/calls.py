"""What a whole call through the Conductor costs: routing, metrics and saving included, held against bare httpx.

    python -m benchmarks.calls

The simulated upstream runs in a process of its own on another core. Blocks of both sides alternate in one process, so
the ratio holds when the machine's speed drifts; CPU time is the whole process's, the writer's thread included.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx

from benchmarks.loopback import own_core, upstream
from conductor_core import interpreter
from conductor_core.budgets import Budgets
from conductor_core.conductor import Conductor
from conductor_core.kinds import FinishReason, Source
from conductor_core.models import ChatMessage, ChatRequest, MessageRole
from conductor_core.prompt import Prompt
from conductor_core.providers import BaseProvider, Chunk, Completion, Usage
from conductor_core.routing.attempt import Attempt
from conductor_core.settings import Environment, Origin, Settings
from conductor_core.store.database import Store

MESSAGES = [
    ChatMessage(role=MessageRole.SYSTEM, content="You are a helpful assistant."),
    ChatMessage(role=MessageRole.USER, content="Say something about benchmarks. " * 6),
]
WHOLE = ChatRequest(provider="openai", model="gpt-4.1-mini", messages=MESSAGES)
STREAMED = ChatRequest(provider="openai", model="gpt-4.1-mini-chunks-200", messages=MESSAGES)


class Bare:
    """The yardstick: a pooled httpx client, dict in, dict out, nothing else."""

    def __init__(self, base_url: str) -> None:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        self._client = httpx.AsyncClient(headers={"authorization": "Bearer sk-bench"}, timeout=60, limits=limits)
        self._url = f"{base_url}/chat/completions"
        self._messages = [{"role": message.role.value, "content": message.content} for message in MESSAGES]

    async def call(self) -> None:
        body = {"model": WHOLE.model, "messages": self._messages}
        answer = (await self._client.post(self._url, json=body)).json()
        assert answer["choices"][0]["message"]["content"]

    async def first_byte(self) -> float:
        started = time.perf_counter()
        body = {"model": STREAMED.model, "messages": self._messages, "stream": True}
        async with self._client.stream("POST", self._url, json=body) as response:
            async for _ in response.aiter_raw():
                return time.perf_counter() - started
        raise AssertionError("the upstream sent nothing")


async def sequential(call: Callable[[], Awaitable[object]], calls: int) -> float:
    """CPU seconds per call, one at a time."""
    gc.collect()
    started = time.process_time()
    for _ in range(calls):
        await call()
    return (time.process_time() - started) / calls


async def at_once(call: Callable[[], Awaitable[object]], calls: int, width: int) -> tuple[float, float]:
    """Calls per second and CPU seconds per call, `width` in flight."""
    todo = iter(range(calls))

    async def worker() -> None:
        for _ in todo:
            await call()

    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(width)))
    return calls / (time.perf_counter() - wall), (time.process_time() - cpu) / calls


async def streamed(conductor: Conductor) -> tuple[float, int, float]:
    """CPU seconds, chunks and seconds to the first token of one streamed call."""
    cpu, wall = time.process_time(), time.perf_counter()
    chunks, first = 0, 0.0
    async for item in conductor.stream(STREAMED):
        if isinstance(item, Chunk):
            chunks += 1
            first = first or time.perf_counter() - wall
    return time.process_time() - cpu, chunks, first


class Instant(BaseProvider):
    """Answers at once and in process, so that only what is around a call is left to be measured."""

    async def chat_completion(self, prompt: Prompt) -> Completion:
        return Completion("Yes.", "gpt-4.1-mini", FinishReason.STOP, Usage(prompt_tokens=7, completion_tokens=2))

    async def stream_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        yield Chunk("Yes.", finish_reason=FinishReason.STOP)

    async def get_available_models(self) -> list[str]:
        return []


async def wrapper(conductor: Conductor, rounds: int, calls: int) -> tuple[float, float]:
    """CPU seconds that the loop adds to a call that succeeds at once, by name and by AUTO's choice among three.

    (Deadline, admission, place, breaker and retry budget; held against the bare attempt, which writes the same row.)
    """
    prompt, get = Prompt.from_request(WHOLE.model_copy(update={"model": None})), conductor.providers.get
    instants: dict[str, BaseProvider] = {
        one.name: Instant(one.vendor, one.endpoint, one.default_model) for one in conductor.providers.available()
    }
    instant = instants["openai"]
    conductor.providers.get = lambda name: instants.get(name) or get(name)  # type: ignore[method-assign]  # no wire

    async def bare() -> None:
        attempt = Attempt.begin(instant, prompt, conductor.store, conductor.live, source=Source.API)
        await attempt.complete()
        await attempt.saved

    async def asked(name: str) -> None:
        request = conductor.gateway.begin(name, prompt, source=Source.API)
        await request.complete()
        await request.attempt.saved

    named, auto = [], []
    for turn in range(rounds + 1):
        alone = await sequential(bare, calls)
        by_name = await sequential(lambda: asked("openai"), calls)
        by_auto = await sequential(lambda: asked("auto"), calls)
        if turn:
            named.append(by_name - alone)
            auto.append(by_auto - alone)
    conductor.providers.get = get  # type: ignore[method-assign]  # as it was
    return statistics.median(named), statistics.median(auto)


def reserving(store: Store, calls: int) -> float:
    """CPU seconds to reserve what a call may cost in the four budgets that bind it."""
    limits = {"day": 1e9, "month": 1e9}
    budgets = Budgets(
        Settings.model_validate({"budget_day": 1e9, "budget_month": 1e9, "budgets": {"openai": limits}}), store
    )
    budgets.reserve("openai", 0.001)  # reads what was spent
    began = time.process_time()
    for _ in range(calls):
        budgets.reserve("openai", 0.001)
    return (time.process_time() - began) / calls


async def measure(base_url: str, rounds: int, calls: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        variables = {
            "CONDUCTOR_HOME": home,
            "OPENAI_API_KEY": "sk-bench-0123456789ab",
            "OPENAI_BASE_URL": base_url,
            "ANTHROPIC_API_KEY": "sk-bench-0123456789ab",
            "GROQ_API_KEY": "sk-bench-0123456789ab",
        }
        environment = Environment({origin: {} for origin in Origin} | {Origin.ENVIRONMENT: variables})
        conductor = await Conductor.open(environment)
        bare = Bare(base_url)
        interpreter.serve()  # as the app is, for both sides

        async def ours() -> None:
            assert (await conductor.chat(WHOLE)).content

        ratios, own_cpu, bare_cpu, per_chunk, first_ours, first_bare = [], [], [], [], [], []
        for turn in range(rounds + 1):
            theirs, mine = await sequential(bare.call, calls), await sequential(ours, calls)
            cpu, chunks, first = await streamed(conductor)
            byte = await bare.first_byte()
            if turn:  # the first round only warms up
                ratios.append(mine / theirs)
                own_cpu.append(mine)
                bare_cpu.append(theirs)
                per_chunk.append(cpu / chunks)
                first_ours.append(first)
                first_bare.append(byte)
        added_named, added_auto = await wrapper(conductor, rounds, 4 * calls)
        reserved = statistics.median(reserving(conductor.store, 40 * calls) for _ in range(rounds))
        rates = [await at_once(ours, 40 * calls, 64) for _ in range(4)][1:]
        await conductor.close()
    median = statistics.median
    print(f"one at a time: {median(own_cpu) * 1e6:.0f} µs CPU a call, bare httpx {median(bare_cpu) * 1e6:.0f} µs")
    print(f"  ratio {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}); target at most 0.8")
    print(
        f"  of it the loop around the attempt: {added_named * 1e6:.0f} µs, {added_auto * 1e6:.0f} µs when AUTO chooses"
    )
    print("  (deadline, admission, place, breaker, retry budget, routing); target at most 100")
    print(
        f"  with a day's and a month's budget, in all and of a provider: {reserved * 1e6:.1f} µs more; target under 10"
    )
    print(
        f"64 in flight: {median(rate for rate, _ in rates):.0f} calls/s, "
        f"{median(cpu for _, cpu in rates) * 1e6:.0f} µs CPU a call"
    )
    print("  target at least 2,500 calls/s on one core")
    print(f"streamed: {median(per_chunk) * 1e6:.1f} µs CPU a chunk (the whole call, 200 chunks); target at most 20")
    added = (median(first_ours) - median(first_bare)) * 1e3
    print(f"first token: {median(first_ours) * 1e3:.2f} ms, bare httpx's first byte {median(first_bare) * 1e3:.2f} ms")
    print(f"  added {added:+.2f} ms; target at most 1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--calls", type=int, default=50)
    options = parser.parse_args()
    own_core(0)
    with upstream(1, "benchmarks.quick_upstream") as url:
        asyncio.run(measure(f"{url}/v1", options.rounds, options.calls))


if __name__ == "__main__":
    main()
