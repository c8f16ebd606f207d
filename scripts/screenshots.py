"""Takes the README's pictures: a temporary installation, simulated providers on loopback, a real browser.

python -m scripts.screenshots           writes docs/screenshots/<page>-<light|dark>.png
"""

from __future__ import annotations

import asyncio
import math
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from conductor_core.conductor import Conductor
from conductor_core.environment import Environment, Origin
from conductor_core.errors import ProviderError
from conductor_core.kinds import Verdict
from conductor_core.models import ChatMessage, ChatRequest, MessageRole
from conductor_core.prompt_sets.setup import RunSetup
from conductor_core.store.records import Side, Vote
from conductor_core.turns import LaneSetup
from scripts.browser import executable, launch_arguments
from tests.beside import upstream_beside
from tests.e2e.reading import WAIT_MS, answered, choose, opened, send
from tests.serving import ROOT, free_port, serving
from tests.upstream import Upstream

FOLDER = ROOT / "docs" / "screenshots"
HEIGHTS = {"compare": 1700, "prompt-sets": 1100, "leaderboard": 1160, "health": 1900}
"""In CSS pixels; the others are 860."""
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
KEY = "sk-simulated-0123456789abcdef"
CALLS = 36
QUESTION = "Why is the sea salty, and the rain is not?"
ANSWERS = {
    "GEMINI": "**Rivers carry salt to the sea.** Rain is slightly acid and dissolves minerals from rock; rivers bring "
    "them down. Water leaves the sea only by evaporating, and salt can't evaporate. So it has gathered there for "
    "four thousand million years, to about 35 grams in every litre.\n\nThe rain is that evaporated water: fresh.",
    "OPENAI": "Because evaporation takes the water and leaves the salt.\n\n1. Rain dissolves minerals from rocks.\n"
    "2. Rivers carry them to the sea.\n3. The sun lifts pure water into the air; sodium and chloride stay behind.\n"
    "4. That vapour falls as rain, without salt.\n\nVents on the sea floor add some more.",
    "ANTHROPIC": "The sea is where dissolved minerals end up. Every river holds a little salt, too little to taste, "
    "and the sea has no way to let it go: what leaves is vapour, and vapour is nearly pure water.\n\n"
    "Rain is that vapour, condensed. It tastes of nothing because *the salt was left behind*.",
}
PACES = {"GEMINI": (210, 9), "OPENAI": (340, 12), "ANTHROPIC": (430, 10)}
"""Milliseconds to the first word, and between words."""
PROMPTS = """prompt,expected,check,tags
Why is the sea salty?,salt,contains,facts
Why does rain taste of nothing?,vapour,contains,facts
Where does the salt come from?,river,contains,facts
Is the sea getting saltier?,million,contains,facts
Name two ions in sea water.,sodium,contains,chemistry
Answer with the salinity in grams per litre.,35,contains,chemistry
Does evaporation remove salt?,evaporat,contains,chemistry
What adds minerals besides rivers?,vents,contains,geology
"""
VOTES = 110
STRENGTHS = {"gemini": 0.7, "openai": 0.4, "anthropic": 0.9, "local": -1.4}
FAULTS = {"GEMINI": ["status-429"], "OPENAI": ["status-500", "status-503"], "ANTHROPIC": ["status-529"] * 4}


def main() -> None:
    """Writes all pictures anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, simulated() as upstreams:
        home, port = Path(folder) / "home", free_port()
        variables = settings(upstreams)
        run_id = asyncio.run(call_all(home, variables, upstreams))
        spread_over_a_day(home / "conductor.db")
        for vendor, upstream in upstreams.items():
            pace(upstream, vendor, *PACES[vendor])
        command = [sys.executable, "-m", "dashboard"]
        variables["CONDUCTOR_PORT"] = str(port)
        with serving(command, port, home, **variables) as served, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable(), args=launch_arguments())
            take_all(browser, served.url, run_id)
            browser.close()


@contextmanager
def simulated() -> Iterator[dict[str, Upstream]]:
    """An upstream for each vendor: they differ in pace and in what they say."""
    with upstream_beside() as gemini, upstream_beside() as openai, upstream_beside() as anthropic:
        yield {"GEMINI": gemini.upstream, "OPENAI": openai.upstream, "ANTHROPIC": anthropic.upstream}


def settings(upstreams: dict[str, Upstream]) -> dict[str, str]:
    """Keys and addresses of the simulated vendors."""
    found = {f"{vendor}_API_KEY": KEY for vendor in upstreams}
    for vendor, upstream in upstreams.items():
        found[f"{vendor}_BASE_URL"] = upstream.url + ("/v1" if vendor == "OPENAI" else "")
    return found


def pace(upstream: Upstream, vendor: str, delay: float, gap: int) -> None:
    """Makes an upstream say its piece, `delay` ms late and with `gap` ms between the words."""
    upstream.says = tuple(ANSWERS[vendor].split(" "))
    upstream.behaviour = f"words-{len(upstream.says)} delay-{delay:.0f} gap-{gap}"


async def call_all(home: Path, variables: dict[str, str], upstreams: dict[str, Upstream]) -> str:
    """Real calls through the Conductor, most of them good, so that Health has something to show.

    Returns the id of a prompt set's run.
    """
    layers = {origin: dict[str, str]() for origin in Origin}
    layers[Origin.ENVIRONMENT] = {"CONDUCTOR_HOME": str(home), **variables}
    conductor = await Conductor.open(Environment(layers))
    try:
        await asyncio.gather(*(call(conductor, vendor, upstream) for vendor, upstream in upstreams.items()))
        cast_votes(conductor)
        return await run_set(conductor, upstreams)
    finally:
        await conductor.close()


async def call(conductor: Conductor, vendor: str, upstream: Upstream) -> None:
    chance = random.Random(vendor)  # noqa: S311 - the same pictures each time; nothing secret
    faults = FAULTS[vendor]
    failing = dict(zip(chance.sample(range(CALLS), len(faults)), faults, strict=True))
    message = ChatMessage(role=MessageRole.USER, content=QUESTION)
    for number in range(CALLS):
        delay, gap = PACES[vendor]
        pace(upstream, vendor, delay * chance.uniform(0.7, 1.5), gap)
        upstream.behaviour = failing.get(number, upstream.behaviour)
        request = ChatRequest(provider=vendor.lower(), messages=[message])
        try:
            async for _ in conductor.stream(request):
                pass
        except ProviderError:
            assert number in failing


async def run_set(conductor: Conductor, upstreams: dict[str, Upstream]) -> str:
    """A prompt set over three lanes; its answers say what most rows look for."""
    for vendor, upstream in upstreams.items():
        pace(upstream, vendor, *PACES[vendor])
    reading = await conductor.prompt_sets.read(PROMPTS, "sea.csv")
    lanes = tuple(LaneSetup(provider=vendor.lower()) for vendor in upstreams)
    run_id = await conductor.prompt_sets.begin(RunSetup(lanes=lanes, concurrency=8), name="sea.csv", rows=reading.rows)
    await conductor.prompt_sets.wait(run_id)
    return run_id


def cast_votes(conductor: Conductor) -> None:
    """Blind votes as somebody may have cast them, so that the leaderboard has something to show."""
    chance = random.Random("votes")  # noqa: S311 - the same pictures each time; nothing secret
    for _ in range(VOTES):
        first, second = chance.sample(list(STRENGTHS), 2)
        ahead = STRENGTHS[first] - STRENGTHS[second]
        tie, won = chance.random() < 0.12, chance.random() < 1 / (1 + math.exp(-ahead))
        ranks = (1, 1) if tie else (1, 2) if won else (2, 1)
        models = ((name, conductor.providers.get(name).default_model or "") for name in (first, second))
        sides = tuple(Side(lane, *model, rank) for lane, (model, rank) in enumerate(zip(models, ranks, strict=True)))
        verdict = Verdict.TIE if tie else Verdict.BETTER
        conductor.store.save_vote(
            Vote(token_hex(16), None, None, time.time_ns() // 1_000_000, True, verdict, sides, (), "")
        )


def spread_over_a_day(database: Path) -> None:
    """Moves the calls' times back: each provider's over the last day, most of them recent."""
    now = time.time_ns() // 1_000_000
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT id, provider FROM calls ORDER BY started_at").fetchall()
        for place, (row, _) in enumerate(rows):
            before = 24 * 3_600_000 * (1 - place / len(rows)) ** 1.5
            connection.execute("UPDATE calls SET started_at = ? WHERE id = ?", (now - int(before) - 120_000, row))
    connection.close()


def take_all(browser: Browser, url: str, run_id: str) -> None:
    """Uses each page once, then takes it in both themes."""
    with window(browser, "light") as context:
        first = opened(context, url)
        choose(first, "SmolLM2 (local)")
        send(first, "What is the capital of France?")
        answered(first)
        chat = opened(context, url)
        choose(chat, "Anthropic")
        send(chat, QUESTION)
        answered(chat)
        compare = opened(context, f"{url}/compare", "Compare")
        compare.get_by_role("radio", name="3 lanes").click()
        expect(compare.locator('[class*="st-key-picker-"]')).to_have_count(3)
        send(compare, QUESTION)
        answered(compare, 3)
        places = {
            "chat": chat.url,
            "compare": compare.url,
            "prompt-sets": f"{url}/prompt_sets?run={run_id}",
            "leaderboard": f"{url}/leaderboard",
            "health": f"{url}/health",
            "settings": f"{url}/settings",
        }
    for theme in THEMES:
        with window(browser, theme) as context:
            for name, address in places.items():
                take(context, name, address, FOLDER / f"{name}-{theme}.png")


@contextmanager
def window(browser: Browser, theme: Literal["light", "dark"]) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, color_scheme=theme, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


def take(context: BrowserContext, name: str, address: str, path: Path) -> None:
    """One picture, stripped to what is seen."""
    page = context.new_page()
    page.set_viewport_size({"width": 1280, "height": HEIGHTS.get(name, 860)})
    page.goto(address)
    page.get_by_role("heading", name=name.replace("-", " ").capitalize(), exact=True).wait_for()
    settled(page, name)
    Image.open(BytesIO(page.screenshot(animations="disabled"))).convert("RGB").save(path, optimize=True)
    page.close()
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KiB")


def settled(page: Page, name: str) -> None:
    """Waits until what matters on a page is drawn."""
    if name in ("chat", "compare"):
        answered(page, 1 if name == "chat" else 3)
    if name == "leaderboard":
        expect(page.locator(".js-plotly-plot .main-svg:first-child")).to_have_count(4, timeout=WAIT_MS)
    if name == "health":
        page.locator('[data-panel="latency"]').scroll_into_view_if_needed()
        page.locator('[data-panel="latency"] .main-svg').first.wait_for()
        page.get_by_text("Live").first.click()
        page.get_by_role("heading", name="Health", exact=True).scroll_into_view_if_needed()
    if name == "compare":
        page.get_by_text("Charts", exact=True).click()
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
        page.get_by_role("heading", name="Compare", exact=True).scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    main()
