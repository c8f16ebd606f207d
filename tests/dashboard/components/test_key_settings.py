"""What Settings says of an API key."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.components.key_settings import dates, limits
from tests.clock import NOON
from tests.keys.keys import api_key

AT = int(NOON * 1000)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "no limits"),
        ({"requests_per_minute": 600}, "600 requests a minute"),
        ({"tokens_per_minute": 60_000, "concurrency": 4}, "60,000 tokens a minute · 4 at a time"),
        ({"budget_day": 5.0}, "$0.12 of $5.00 today"),
    ],
)
def test_limits_are_said_in_words(given: dict[str, Any], said: str) -> None:
    """Only those there are; of a budget how it stands."""
    assert limits(api_key(**given), 0.12) == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Made 23 Nov 2025 · not used yet"),
        (
            {"last_used_at": AT + 86_400_000, "expires_at": AT + 30 * 86_400_000},
            "Made 23 Nov 2025 · last used 24 Nov 2025 · expires 23 Dec 2025",
        ),
        ({"id": "environment", "last_used_at": AT}, "Last used 23 Nov 2025"),
    ],
)
def test_dates_are_the_readers(given: dict[str, Any], said: str) -> None:
    """The environment's key was made by nobody here."""
    assert dates(api_key(**{"created_at": AT, **given})) == said
