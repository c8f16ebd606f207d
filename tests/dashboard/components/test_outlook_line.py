"""What is said of the next message."""

from __future__ import annotations

import pytest

from conductor_core.kinds import CostKind
from conductor_core.metrics.total import NOTHING, total_of
from conductor_core.routing.expectation import Outlook
from dashboard.components.outlook_line import objection, total_words, words
from tests.dashboard.app_pages.pages import Install
from tests.store.rows import finished


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Outlook("x", "m", 1204, 9, 128_000, 0.01), "context ~1,204 of 128,000 tokens (0.9 %) · next answer ~$0.01"),
        (Outlook("openai", "m", 12, 100, 128_000, 0.5), "context ~12 of 128,000 tokens (< 0.1 %) · next answer ~$0.50"),
        (Outlook("local", "m", 2048, 100, 2048, 0.0), "context ~2,048 of 2,048 tokens (100 %) · next answer free"),
        (Outlook("local", "m", 2771, 100, 2048, 0.0), "context ~2,771 of 2,048 tokens · next answer free"),
        (Outlook("vllm", "m", 31, 100, None, None), "context ~31 tokens, window unknown · next answer price unknown"),
        (Outlook("openai", "m", 0, 100, 128_000, 0.1), ""),
    ],
)  # fmt: skip
def test_the_line(found: Outlook, said: str) -> None:
    """What is not known is said to be; there is nothing to say of nothing."""
    assert words(found, found.provider) == said


def test_whom_auto_would_ask_is_told(install: Install) -> None:
    install()
    found = Outlook("openai", "m", 1204, 100, None, 0.0012)
    assert words(found, "auto").endswith(" · next answer by OpenAI ~$0.0012")


def test_what_does_not_fit_is_told_with_both_numbers() -> None:
    found = Outlook("local", "smollm2", 2000, 100, 2048, 0.0)
    assert not found.fits
    assert "takes about 2,000 tokens and an answer 100 more; the window of smollm2 has 2,048." in objection(found)


def test_a_total_says_how_its_cost_is_known() -> None:
    """Estimated with `~`, unpriced beside it, free as that."""
    reported = finished(lane_id="a", cost_usd=0.5)
    estimated = finished(lane_id="b", cost_usd=0.25, cost_kind=CostKind.ESTIMATED)
    unpriced = finished(lane_id="c", cost_usd=None, cost_kind=CostKind.UNKNOWN)
    free = finished(lane_id="d", cost_usd=0.0, cost_kind=CostKind.FREE)
    assert total_words(total_of([reported])) == "1 answer · 42 → 180 tokens · $0.50"
    assert (
        total_words(total_of([reported, estimated, unpriced])) == "3 answers · 126 → 540 tokens · ~$0.75 + 1 unpriced"
    )
    assert total_words(total_of([free])) == "1 answer · 42 → 180 tokens · free"
    assert total_words(NOTHING) == "0 answers · 0 → 0 tokens · –"
