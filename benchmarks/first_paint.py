"""How soon the page is there: from the start of the process to the message box in a fresh browser.

    python -m benchmarks.first_paint [--rounds 6]

Held against a Streamlit app of one line (`st.chat_input`), started the same way, in turn with ours. The browser is a
new one for every start, and its own start is not counted. Disk and bytecode are warm, as on every start but the first.
The second figure is a new visitor's wait when the server has been running.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

from benchmarks.loopback import cpu_seconds
from scripts.browser import find, launch_arguments
from tests.serving import ROOT, STARTS_WITHIN, environment, free_port

BOX = "[data-testid=stChatInputTextArea]"
ONE_LINE = 'import streamlit as st\n\nst.chat_input("Message")\n'
OPTIONS = ("--server.headless=true", "--browser.gatherUsageStats=false", "--server.address=127.0.0.1")


def ours(port: int) -> list[str]:
    return [sys.executable, "-m", "dashboard"]


def bare(port: int) -> list[str]:
    return [sys.executable, "-m", "streamlit", "run", "one_line.py", f"--server.port={port}", *OPTIONS]


@contextmanager
def started(command: Sequence[str], port: int, folder: Path, home: Path) -> Iterator[int]:
    """A server from the moment it is asked for; it need not listen yet. Yields its process id."""
    variables = environment(home, CONDUCTOR_PORT=str(port))
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=quiet, stderr=quiet) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


def wait_until_it_answers(port: int) -> None:
    deadline = time.perf_counter() + STARTS_WITHIN
    while time.perf_counter() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
            return
        time.sleep(0.01)
    raise TimeoutError(f"Nothing answers on port {port} after {STARTS_WITHIN:.0f} s.")


def seconds_to_the_box(browser: Browser, port: int) -> float:
    """A new visitor, nothing cached: from asking for the page until one can write."""
    page = browser.new_context().new_page()
    began = time.perf_counter()
    page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
    page.locator(BOX).wait_for(state="visible", timeout=STARTS_WITHIN * 1000)
    took = time.perf_counter() - began
    page.context.close()
    return took


@dataclass(slots=True)
class Figures:
    """Of one kind of server, in seconds, a figure per start (`later`: per visit)."""

    answers: list[float] = field(default_factory=list)
    painted: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)


def one_start(playwright: Playwright, which: str, folder: Path, visits: int, figures: Figures) -> None:
    """Notes when it answers, when the first page is painted, what that cost the server, and later visits."""
    command = {"ours": ours, "bare": bare}[which]
    port = free_port()
    browser = playwright.chromium.launch(executable_path=find(), args=launch_arguments())
    began = time.perf_counter()
    with started(command(port), port, ROOT if which == "ours" else folder, folder / "home") as pid:
        wait_until_it_answers(port)
        figures.answers.append(time.perf_counter() - began)
        seconds_to_the_box(browser, port)
        figures.painted.append(time.perf_counter() - began)
        figures.cpu.append(cpu_seconds(pid))
        figures.later.extend(seconds_to_the_box(browser, port) for _ in range(visits))
        browser.close()


def measure(rounds: int, visits: int) -> None:
    """Starts both in turn; prints the medians and the ratio of every pair."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        (folder / "home").mkdir()
        (folder / "one_line.py").write_text(ONE_LINE)
        for which in ("bare", "ours"):  # warms the disk, and makes our database
            one_start(playwright, which, folder, 0, Figures())
        one_line, mine = Figures(), Figures()
        for _ in range(rounds):
            one_start(playwright, "bare", folder, visits, one_line)
            one_start(playwright, "ours", folder, visits, mine)
    ratios = [own / theirs for own, theirs in zip(mine.painted, one_line.painted, strict=True)]
    median = statistics.median
    print(f"first paint: {median(mine.painted):.2f} s, one-line app {median(one_line.painted):.2f} s")
    print(f"  ratio {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}); target at most 1.5")
    print(f"  server answers after {median(mine.answers):.2f} s, one-line app {median(one_line.answers):.2f} s")
    print(f"  server's CPU until then {median(mine.cpu):.2f} s, one-line app {median(one_line.cpu):.2f} s")
    print(f"a new visitor later: {median(mine.later):.2f} s, one-line app {median(one_line.later):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="starts of each")
    parser.add_argument("--visits", type=int, default=2, help="later visits per start")
    options = parser.parse_args()
    measure(options.rounds, options.visits)


if __name__ == "__main__":
    main()
