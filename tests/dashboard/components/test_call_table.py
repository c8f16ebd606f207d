"""The rows under every chart."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from conductor_core.metrics.frames import COLUMNS, frame

from dashboard.components.call_table import SHOWN, table

NOON = 1_795_435_200_000
"""Midday of 23 November 2026 in UTC."""


def row(started: int, **fields: object) -> tuple[object, ...]:
    usual = {"id": str(started), "started_at": started, "provider": "gemini", "model": "m", "source": "chat"}
    values = dict.fromkeys(COLUMNS) | usual | {"outcome": "ok", "cost_kind": "unknown"} | fields
    return tuple(values[name] for name in COLUMNS)


def test_it_shows_the_newest_first_and_not_too_many() -> None:
    """The frame is oldest first."""
    found = table(frame([row(NOON + at) for at in range(SHOWN + 20)]), ZoneInfo("UTC"), str)
    assert len(found) == SHOWN
    assert found["When"].is_monotonic_decreasing


def test_each_call_reads_as_people_say_it() -> None:
    """The reader's hour, the provider's name, the error in our words, the price in words where there is none."""
    failed = row(NOON, outcome="rate_limited", http_status=429, error="Gemini is rate-limited.", latency_ms=80.0)
    paid = row(NOON + 1, cost_usd=0.0004, cost_kind="estimated", latency_ms=1900.0, prompt_tokens=31)
    newest, older = table(frame([failed, paid]), ZoneInfo("Europe/Berlin"), str.title).to_dict("records")
    assert (newest["Provider"], newest["Cost"], newest["Latency"], newest["In"]) == ("Gemini", "~$0.0004", 1.9, 31)
    assert (older["Outcome"], older["Cost"], older["Error"]) == (
        "rate limited (429)",
        "price unknown",
        "Gemini is rate-limited.",
    )
    assert older["When"].hour == 13
    assert newest["Error"] == ""


def test_no_calls_are_an_empty_table() -> None:
    """With its columns, and no error."""
    assert table(frame([]), ZoneInfo("UTC"), str).empty
