"""Why AUTO chose a provider: one sentence, then the candidates as they stood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.components import numbers, untrusted
from dashboard.components.who import name_of


def receipt(told: Mapping[str, Any]) -> None:
    """Draws a receipt as it was saved."""
    untrusted.text(told["sentence"])
    untrusted.table(
        [
            {
                "Provider": candidate["label"],
                "State": candidate["state"].replace("_", " "),
                "First token": numbers.seconds(candidate["ttft_ms"]),
                "Whole answer": numbers.seconds(candidate.get("expected_ms", candidate.get("latency_ms"))),
                "Score": _score(candidate),
            }
            for candidate in told["candidates"]
        ],
        "Candidates",
    )
    for other in told["passed_over"]:
        untrusted.caption(f"Passed over: {other['label']}. {other['reason']}")
    attempts = told.get("attempts", [])
    for number, attempt in enumerate(attempts if len(attempts) > 1 else [], 1):
        untrusted.caption(f"Attempt {number}: {name_of(attempt['provider'])}. {attempt['sentence']}")


def _score(candidate: Mapping[str, Any]) -> str:
    """`2,310 = 1,900 time + 240 cost + 170 risk`, in milliseconds or what is worth one; the lowest wins."""
    if candidate.get("score") is None:
        return numbers.MISSING
    terms = " + ".join(f"{value:,.0f} {name}" for name, value in candidate.get("terms", {}).items())
    return f"{candidate['score']:,.0f} = {terms}"
