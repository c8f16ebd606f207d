"""What the child process costs: tokens per second through `LocalProvider`, beside the same engine in this process.

Run from the root: `python -m benchmarks.local [--blocks 8] [--tokens 200] [--threads 1]`. Both stream the same answer,
in alternating blocks of one run, so that what else the machine does falls on both. Aim: a ratio of 0.85 or more.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics
import time
from typing import Any

from conductor_core.models import MessageRole
from conductor_core.prompt import Message, Prompt
from conductor_core.providers import VENDORS, Endpoint
from conductor_core.providers.local_models import Installation, LocalModel
from conductor_core.providers.local_provider import LocalProvider
from conductor_core.providers.local_server import load
from conductor_core.providers.wire import Wire
from conductor_core.redaction import Redactor
from conductor_core.settings import Settings

STORY = "Write a long story about a dog and the sea."


def in_process(model: LocalModel, threads: int) -> Any:
    """The engine's own server in this process, with the child's parameters."""
    server, _ = load(
        {
            "path": str(model.path),
            "alias": model.name,
            "key": secrets.token_hex(16),
            "threads": threads,
            "sha256": model.sha256,
            "template": model.template,
            "sampling": model.sampling,
        }
    )
    return server


def direct_rate(server: Any, tokens: int) -> float:
    """Tokens per second of one streamed answer, asked of the engine directly."""
    pieces: list[dict[str, Any]] = []
    began = time.perf_counter()
    server.handle_chat_completions(
        {
            "messages": [{"role": "user", "content": STORY}],
            "max_tokens": tokens,
            "temperature": 0.0,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        pieces.append,
    )
    seconds = time.perf_counter() - began
    return float(pieces[-1]["usage"]["completion_tokens"]) / seconds


async def provider_rate(provider: LocalProvider, tokens: int) -> float:
    """Tokens per second of the same answer through the provider, as a chat would get it."""
    prompt = Prompt((Message.of(MessageRole.USER, STORY),), max_tokens=tokens, temperature=0.0)
    began = time.perf_counter()
    usages = [chunk.usage async for chunk in provider.stream_completion(prompt) if chunk.usage]
    return usages[-1].completion_tokens / (time.perf_counter() - began)


async def measure(blocks: int, tokens: int, threads: int) -> None:
    settings = Settings(local_threads=threads)
    wire = Wire(settings, Redactor())
    vendor = next(vendor for vendor in VENDORS if vendor.name == "local")
    provider = LocalProvider(vendor, Endpoint(""), wire, settings)
    server = in_process(Installation.here().models([])[0], threads)
    through, direct = [], []
    for block in range(blocks + 1):
        pair = await provider_rate(provider, tokens), await asyncio.to_thread(direct_rate, server, tokens)
        if block:  # the first loads and reads the prompt
            through.append(pair[0])
            direct.append(pair[1])
            print(f"block {block}: provider {pair[0]:6.1f}   in process {pair[1]:6.1f} tokens/s")
    await provider.close()
    await wire.close()
    ours, theirs = statistics.median(through), statistics.median(direct)
    print(f"median : provider {ours:6.1f}   in process {theirs:6.1f} tokens/s   ratio {ours / theirs:.2f} (aim 0.85)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--blocks", type=int, default=8, help="pairs of answers measured")
    parser.add_argument("--tokens", type=int, default=200, help="tokens per answer")
    parser.add_argument("--threads", type=int, default=1, help="threads of the model, as CONDUCTOR_LOCAL_THREADS")
    asked = parser.parse_args()
    asyncio.run(measure(asked.blocks, asked.tokens, asked.threads))


if __name__ == "__main__":
    main()
