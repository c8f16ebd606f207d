"""Replay on the Health page."""

from __future__ import annotations

import time

from streamlit.testing.v1 import AppTest

from conductor_core.conductor import Conductor
from conductor_core.kinds import Source
from conductor_core.routing.replay import Outlook, Replay
from dashboard.components.replay import moved, rows
from tests.dashboard.app_pages.pages import Install, opened, tables
from tests.store.rows import finished


def test_what_happened_stands_beside_what_is_expected() -> None:
    """Time, success and cost of both; a price nobody knows is said to be unknown."""
    happened, expected = Outlook(2400.0, 0.95, 0.0012, 40), Outlook(1200.0, 1.0, None, 0)
    found = Replay("most_reliable", 40, 12, 0, happened, expected, {"openai": 10, "groq": 30}, "")
    assert rows(found) == [
        {"": "Mean time", "As it happened": "2.4 s", "Under most reliable": "1.2 s"},
        {"": "Success", "As it happened": "95.0 %", "Under most reliable": "100 %"},
        {
            "": "Mean cost",
            "As it happened": "$0.0012 (of 40 priced)",
            "Under most reliable": "price unknown (of 0 priced)",
        },
    ]
    assert moved(found, str.title) == "12 of 40 calls would have gone elsewhere. In all: Groq 30, Openai 10."


def stored(conductor: Conductor, count: int, source: Source = Source.CHAT) -> None:
    """Two providers in turn, OpenAI four times as slow."""
    now = int(time.time() * 1000)
    for number in range(count):
        provider, seconds = ("openai", 4) if number % 2 else ("anthropic", 1)
        call = finished(
            provider=provider,
            model="m",
            latency_ms=seconds * 1000.0,
            ttft_ms=200.0,
            started_at=now - (count - number) * 10_000,
            source=source,
        )
        conductor.store.save_call(call).result(5)


def chosen(page: AppTest, strategy: str) -> AppTest:
    page.selectbox(key="replay").select(strategy).run()
    assert not page.exception
    return page


def captions(page: AppTest) -> str:
    return "\n".join(caption.value for caption in page.caption)


def test_another_strategy_is_tried_on_the_last_calls(install: Install) -> None:
    """The slow one's calls would have gone to the fast one; what can't be known is said."""
    conductor = install()
    stored(conductor, 40)
    page = chosen(opened("health"), "fastest")
    assert "of 40 calls would have gone elsewhere. In all: Anthropic " in captions(page)
    assert "is estimated from other calls within half an hour" in captions(page)
    time_row = next(row for row in tables(page)[0] if row[""] == "Mean time")
    assert time_row["As it happened"] == "2.5 s"


def test_without_two_providers_there_is_nothing_to_replay(install: Install) -> None:
    """It says so, and calls of a drill are none."""
    conductor = install()
    stored(conductor, 4, Source.DRILL)
    assert "Nothing to replay" in captions(chosen(opened("health"), "balanced"))
