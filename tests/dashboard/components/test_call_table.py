"""The rows under every chart, and what they are rows of."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from conductor_core.keys.key import ENVIRONMENTS, Scope, Wish
from conductor_core.kinds import SUCCESSES, CostKind, Outcome, Source
from conductor_core.metrics.figures import Filter
from conductor_core.metrics.span import Span
from dashboard import runtime
from dashboard.components.call_details import facts
from dashboard.components.call_table import COLUMNS, downloads, pick_words, row
from tests.dashboard.app_pages.pages import Install
from tests.store.rows import finished

BERLIN = ZoneInfo("Europe/Berlin")
NOON = 1_795_435_200_000
"""Midday of 23 November 2026 in UTC."""
MINUTE = 60_000


def cells(zone: ZoneInfo = BERLIN, **given: object) -> dict[str, str]:
    """A call's row, by the name of the column."""
    told = row(finished(None, **{"started_at": NOON, **given}), zone)
    return dict(zip((column["name"] for column in COLUMNS), told["cells"], strict=True))


def test_each_call_reads_as_people_say_it(install: Install) -> None:
    """The reader's hour, the provider's name, the outcome in our words, the price in words where there is none."""
    install()
    told = cells(cost_kind=CostKind.ESTIMATED, cost_usd=0.0004)
    assert (told["When"], told["Provider"], told["Cost"]) == ("23 Nov 13:00:00", "OpenAI", "~$0.0004")
    assert (told["First token"], told["Latency"], told["Tokens"]) == ("0.30 s", "0.81 s", "42 → 180")
    failed = {"outcome": Outcome.RATE_LIMITED, "http_status": 429, "cost_kind": CostKind.UNKNOWN, "cost_usd": None}
    told = cells(BERLIN, **failed, error="Wait\u202e.")
    assert (told["Ended"], told["Cost"], told["Error"]) == ("rate limited (429)", "price unknown", "Wait.")


def test_a_call_of_a_program_names_its_key(install: Install) -> None:
    """Also once the key is revoked, as text; a key that nobody knows by its id."""
    conductor = install()
    key, _ = runtime.run(conductor.keys.create(Wish("my\u202e **program**", (Scope.CHAT,))))
    runtime.run(conductor.keys.revoke(key.id))
    assert cells(source=Source.API, api_key_id=key.id)["From"] == "api · my **program**"
    assert cells(source=Source.API, api_key_id=ENVIRONMENTS)["From"] == "api · CONDUCTOR_API_KEY"
    assert cells(source=Source.API, api_key_id="b" * 32)["From"] == f"api · {'b' * 32}"
    assert cells()["From"] == "chat"
    told = dict(facts(finished(source=Source.API, api_key_id=key.id)))
    assert told["Asked from"] == "api · my **program**"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(Outcome.OK, "well"), (Outcome.BLOCKED, "well"), (Outcome.TIMEOUT, "failed"), (Outcome.CANCELLED, "neutral")],
)
def test_only_failures_are_marked_as_such(install: Install, outcome: Outcome, state: str) -> None:
    """The reader's own Stop is neither."""
    install()
    assert row(finished(outcome=outcome), BERLIN)["state"] == state


@pytest.mark.parametrize(
    ("filter", "length", "said"),
    [
        (Filter(), 15 * MINUTE, "23 Nov 13:00 to 13:15"),
        (Filter(("openai",)), 5_000, "Openai · 23 Nov 13:00:00 to 13:00:05"),
        (Filter(("openai",), ("gpt-4o",)), 24 * 60 * MINUTE, "Openai gpt-4o · 23 Nov 13:00 to 24 Nov 13:00"),
        (Filter(outcomes=(Outcome.TIMEOUT,)), MINUTE, "23 Nov 13:00 to 13:01 · timed out"),
        (Filter(outcomes=tuple(SUCCESSES)), MINUTE, "23 Nov 13:00 to 13:01 · answered"),
    ],
)
def test_what_is_listed_is_said(filter: Filter, length: int, said: str) -> None:
    """Whose, when by the reader's clock, ended how."""
    assert pick_words(Span((NOON, NOON + length)), filter, BERLIN, str.title) == said


def test_files_are_of_the_calls_listed() -> None:
    """The same time and filter; how much at most is said."""
    csv, jsonl = downloads(Span((NOON, NOON + MINUTE)), Filter(("openai",), (), (), (Outcome.TIMEOUT,), "c d"))
    asked = f"since={NOON}&until={NOON + MINUTE}&provider=openai&outcome=timeout&conversation=c+d"
    assert csv["address"] == f"/download/calls.csv?{asked}"
    assert jsonl["address"] == f"/download/calls.jsonl?{asked}"
    assert "at most 1,000,000" in csv["words"]
