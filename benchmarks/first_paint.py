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
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

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
def started(command: Sequence[str], port: int, folder: Path, home: Path) -> Iterator[None]:
    """A server from the moment it is asked for; it need not listen yet."""
    variables = environment(home, CONDUCTOR_PORT=str(port))
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=quiet, stderr=quiet) as process:
        try:
            yield
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


def one_start(playwright: Playwright, which: str, folder: Path, visits: int) -> tuple[float, float, list[float]]:
    """Seconds until it answers, until the first paint, and of later visits."""
    command = {"ours": ours, "bare": bare}[which]
    port = free_port()
    browser = playwright.chromium.launch(executable_path=find(), args=launch_arguments())
    began = time.perf_counter()
    with started(command(port), port, ROOT if which == "ours" else folder, folder / "home"):
        wait_until_it_answers(port)
        answers = time.perf_counter() - began
        seconds_to_the_box(browser, port)
        painted = time.perf_counter() - began
        later = [seconds_to_the_box(browser, port) for _ in range(visits)]
        browser.close()
    return answers, painted, later


def measure(rounds: int, visits: int) -> None:
    """Starts both in turn; prints the medians and the ratio of every pair."""
    answers: dict[str, list[float]] = {"ours": [], "bare": []}
    painted: dict[str, list[float]] = {"ours": [], "bare": []}
    later: dict[str, list[float]] = {"ours": [], "bare": []}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        (folder / "home").mkdir()
        (folder / "one_line.py").write_text(ONE_LINE)
        for turn in range(rounds + 1):
            for which in ("bare", "ours"):
                start, paint, visited = one_start(playwright, which, folder, visits)
                if turn:  # the first round warms the disk, and makes our database
                    answers[which].append(start)
                    painted[which].append(paint)
                    later[which].extend(visited)
    ratios = [mine / theirs for mine, theirs in zip(painted["ours"], painted["bare"], strict=True)]
    median = statistics.median
    for what, figures in (("answers after", answers), ("first paint", painted), ("a new visitor later", later)):
        print(f"{what}: {median(figures['ours']):.2f} s, one-line app {median(figures['bare']):.2f} s")
    print(f"  first paint's ratio {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}); target at most 1.5")
    print(f"  new visitor's ratio {median(later['ours']) / median(later['bare']):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="starts of each")
    parser.add_argument("--visits", type=int, default=2, help="later visits per start")
    options = parser.parse_args()
    measure(options.rounds, options.visits)


if __name__ == "__main__":
    main()
