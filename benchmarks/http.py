"""What the HTTP door adds to a call, held against the upstream itself, the smallest forwarder, and peers.

    python -m benchmarks.http            the upstream, the forwarder, the API alone, the app with a Health page live
    PEERS=1 python -m benchmarks.http    LiteLLM's proxy and Portkey's gateway too, installed into .venv-peers

Each server has core 0 to itself, upstream and load share core 1. Blocks alternate between all of them, so that ratios
hold when the machine's speed drifts. Everything is on in Conductor: keys, limits, routing, a row for every call.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.http_load import Target, at_once, one_at_a_time
from benchmarks.http_peers import Candidate, peers
from benchmarks.loopback import cpu_seconds, own_core, upstream
from conductor_core.conductor import Conductor
from conductor_core.keys.key import Scope, Wish
from conductor_core.settings import Environment, Origin
from tests.serving import api_alone, free_port, streamlit_run

SERVERS_CORE, LOADS_CORE = 0, 1
STARTS_WITHIN = 90.0
WIDTH, STREAMS = 64, 16
WIDTHS = (9, 8, 9, 8, 8, 11, 8, 8, 7)
HEADS = (
    ("", "added", "CPU", "64 at", "CPU", "first", "16 streams", "CPU", "ready", "RSS"),
    ("", "p50 ms", "µs", "once /s", "µs", "+ ms", "events/s", "µs", "s", "MB"),
)


class Server:
    """A server under load.

    Attributes:
        figures: of each round.
    """

    def __init__(self, candidate: Candidate, target: Target, process: subprocess.Popen[bytes] | None) -> None:
        self.candidate = candidate
        self.target = target
        self.figures: dict[str, list[float]] = defaultdict(list)
        self.ready = 0.0
        self._process = process

    def cpu(self) -> float:
        """CPU seconds so far."""
        return cpu_seconds(self._process.pid) if self._process else 0.0

    @property
    def memory(self) -> float:
        """Resident megabytes."""
        if not self._process:
            return 0.0
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def middle(self, name: str) -> float:
        return statistics.median(self.figures[name])

    def take(self, calls: int, streams: int) -> None:
        """One block of everything."""
        target, figures, cpu = self.target, self.figures, self.cpu()
        figures["p50"].append(statistics.median(took for _, took in one_at_a_time(target, calls)))
        figures["cpu"].append((self.cpu() - cpu) / calls)
        cpu = self.cpu()
        load = asyncio.run(at_once(target, 8 * calls, WIDTH))
        figures["rate"].append(load.rate)
        figures["cpu_64"].append((self.cpu() - cpu) / len(load.took))
        if not self.candidate.streams:
            return
        figures["first"].append(statistics.median(first for first, _ in one_at_a_time(target, 10, stream=True)))
        cpu = self.cpu()
        load = asyncio.run(at_once(target, streams, STREAMS, stream=True))
        figures["events"].append(load.events / load.seconds)
        figures["cpu_event"].append((self.cpu() - cpu) / load.events)

    def told(self, direct: Server) -> tuple[str, ...]:
        """Its line of the table."""
        streamed = ("–", "–", "–")
        if self.candidate.streams:
            first = (self.middle("first") - direct.middle("first")) * 1e3
            streamed = (f"{first:.2f}", f"{self.middle('events'):,.0f}", f"{self.middle('cpu_event') * 1e6:.1f}")
        return (
            self.candidate.name,
            f"{(self.middle('p50') - direct.middle('p50')) * 1e3:.2f}",
            f"{self.middle('cpu') * 1e6:.0f}",
            f"{self.middle('rate'):,.0f}",
            f"{self.middle('cpu_64') * 1e6:.0f}",
            *streamed,
            f"{self.ready:.2f}",
            f"{self.memory:.0f}",
        )


@contextmanager
def started(candidate: Candidate) -> Iterator[Server]:
    """Starts a server on its core and waits for its first answer."""
    port, began = free_port(), time.perf_counter()
    target = Target(f"http://127.0.0.1:{port}/v1/chat/completions", candidate.headers, candidate.model)
    environment = os.environ | dict(candidate.variables)
    with (
        tempfile.NamedTemporaryFile(prefix="bench-", suffix=".log") as log,
        subprocess.Popen(candidate.command(port), stdout=log, stderr=log, env=environment) as process,
    ):
        os.sched_setaffinity(process.pid, {SERVERS_CORE})
        try:
            while not _answers(target):
                if process.poll() is not None or time.perf_counter() - began > STARTS_WITHIN:
                    sys.exit(f"{candidate.name} never answered: {Path(log.name).read_text()[-2000:]}")
                time.sleep(0.02)
            server = Server(candidate, target, process)
            server.ready = time.perf_counter() - began
            yield server
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(target: Target) -> bool:
    try:
        return bool(list(one_at_a_time(target, 1)))
    except (OSError, AssertionError):
        return False


def conductor(name: str, home: Path, url: str, *, whole: bool) -> Candidate:
    """Conductor in front of the upstream, with a key that may ask as often as it likes.

    Args:
        whole: with the dashboard.
    """
    variables = {
        "CONDUCTOR_HOME": str(home),
        "OPENAI_API_KEY": "sk-bench-0123456789ab",
        "OPENAI_BASE_URL": f"{url}/v1",
    }
    headers = (("authorization", f"Bearer {asyncio.run(_new_key(variables))}"),)
    command = streamlit_run if whole else lambda port: [*api_alone(port), "--log-level", "warning", "--no-access-log"]
    return Candidate(name, command, headers, "openai/gpt-4.1-mini", variables)


async def _new_key(variables: dict[str, str]) -> str:
    environment = Environment({origin: {} for origin in Origin} | {Origin.ENVIRONMENT: variables})
    opened = await Conductor.open(environment)
    _, token = await opened.keys.create(Wish("benchmark", (Scope.CHAT, Scope.READ), requests_per_minute=None))
    await opened.close()
    return token.reveal()


@contextmanager
def health_page(server: Server) -> Iterator[None]:
    """A tab that keeps the Health page live, as a browser would."""
    host, port = server.target.address
    command = [sys.executable, "-m", "benchmarks.page_session", f"http://{host}:{port}", "health", "range=15m"]
    with subprocess.Popen(command) as process:
        os.sched_setaffinity(process.pid, {LOADS_CORE})
        try:
            yield
        finally:
            process.terminate()


def table(lines: list[tuple[str, ...]]) -> str:
    """Names to the left, figures to the right."""
    return "\n".join(
        f"{name:<26}" + "".join(f"{figure:>{width}}" for figure, width in zip(figures, WIDTHS, strict=True))
        for name, *figures in (*HEADS, *lines)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=150)
    parser.add_argument("--streams", type=int, default=64)
    options = parser.parse_args()
    own_core(LOADS_CORE)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(upstream(LOADS_CORE, "benchmarks.quick_upstream"))
        floor = [sys.executable, "-m", "benchmarks.http_floor", "--upstream", url, "--port"]
        candidates = [
            Candidate("smallest forwarder", lambda port: [*floor, str(port)]),
            conductor("Conductor, API alone", home / "alone", url, whole=False),
            conductor("Conductor, a page live", home / "whole", url, whole=True),
            *(peers(url) if os.environ.get("PEERS") else ()),
        ]
        direct = Server(Candidate("upstream itself", lambda _: []), Target(f"{url}/v1/chat/completions"), None)
        servers = [direct, *(stack.enter_context(started(candidate)) for candidate in candidates)]
        stack.enter_context(health_page(servers[3]))
        for turn in range(options.rounds + 1):
            for server in servers:
                server.take(options.calls, options.streams)
                if turn == 0:  # it only warms up
                    server.figures.clear()
        print(table([server.told(direct) for server in servers]))


if __name__ == "__main__":
    main()
