"""Prices are genai-prices' own, to the last digit, and an unknown one is never zero."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.pricing import (
    FREE,
    Usage,
    context_window,
    estimate_tokens,
    price,
    price_table_version,
    token_prices,
)

LISTED = [(provider.id, model.id) for provider in get_snapshot().providers for model in provider.models]
TIMES = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 (bounds are naive by its contract)
COUNTS = st.integers(0, 3_000_000)


@given(st.sampled_from(LISTED), COUNTS, COUNTS, TIMES)
def test_every_listed_model_costs_what_the_table_calculates(
    listed: tuple[str, str], prompt: int, completion: int, at: datetime
) -> None:
    """Tiers by prompt length, prices by date and by hour, fees per request: the same sum as genai-prices' own."""
    provider, model = listed
    assert price(provider, model, Usage(prompt, completion), at) == _table_price(
        provider, model, prompt, completion, at
    )


def _table_price(provider: str, model: str, prompt: int, completion: int, at: datetime) -> float | None:
    usage = PricedUsage(input_tokens=prompt, output_tokens=completion)
    try:
        found = calc_price(usage, model, provider_id=provider, genai_request_timestamp=at)
    except LookupError:
        return None
    rates = found.model_price
    return None if rates.input_mtok is None and rates.output_mtok is None else float(found.total_price)


def test_a_long_prompt_is_billed_at_its_tier() -> None:
    """One token beyond a tier's start makes the whole call dearer; a rate read off a million tokens would always be."""
    below = price("google", "gemini-2.5-pro", Usage(200_000, 0))
    above = price("google", "gemini-2.5-pro", Usage(200_001, 0))
    assert below is not None
    assert above is not None
    assert above / below == pytest.approx(2.0, rel=1e-4)


def test_a_bare_count_is_priced_at_the_dearer_rate() -> None:
    """Output costs more than input there, so a thousand tokens of unknown kind cost what a thousand of output do."""
    assert price("openai", "gpt-4.1-mini", 1000) == price("openai", "gpt-4.1-mini", Usage(0, 1000))


@pytest.mark.parametrize(
    ("price_list", "model"), [("openai", "no-such-model"), ("no-such-list", "gpt-4o"), (None, "gpt-4o"), ("openai", "")]
)
def test_an_unknown_price_is_none(price_list: str | None, model: str) -> None:
    """Neither a made-up model, nor a made-up list, nor no list at all gives a number."""
    assert price(price_list, model, Usage(1, 1)) is None


def test_what_costs_nothing_is_free() -> None:
    """The free price list is a rule of ours and needs no table."""
    assert price(FREE, "smollm2-135m", Usage(10, 10)) == 0.0


def test_gemini_names_with_their_folder_are_found() -> None:
    """Google's own lists say `models/gemini-2.5-flash`."""
    assert price("google", "models/gemini-2.5-flash", 100) == price("google", "gemini-2.5-flash", 100)


@pytest.mark.parametrize(("characters", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2)])
def test_tokens_are_estimated_from_characters(characters: int, tokens: int) -> None:
    """A quarter of the characters, rounded up."""
    assert estimate_tokens(characters) == tokens


def test_the_table_says_which_release_it_is() -> None:
    """Pages can name the table behind a price."""
    assert price_table_version().startswith("genai-prices 0.")


def test_importing_pricing_loads_no_price_table() -> None:
    """The table costs 0.2 s to import; only a first price may pay that."""
    code = "import sys, conductor_core.pricing; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_prices_per_token_are_those_of_the_whole_call() -> None:
    """What a choice goes by and what a call is charged come from the same rates, tiers included."""
    for model, tokens in (("gpt-4.1-mini", 1000), ("gemini-2.5-pro", 1000), ("gemini-2.5-pro", 300_000)):
        price_list = "openai" if model.startswith("gpt") else "google"
        prices = token_prices(price_list, model, tokens)
        assert prices
        usage = Usage(prompt_tokens=tokens, completion_tokens=500)
        assert tokens * prices[0] + 500 * prices[1] == pytest.approx(price(price_list, model, usage))


def test_unknown_stays_unknown_and_free_is_free() -> None:
    """Neither a price nor a window is made up."""
    assert token_prices(None, "m", 10) is None
    assert token_prices("openai", "no-such-model", 10) is None
    assert token_prices(FREE, "m", 10) == (0.0, 0.0)
    assert context_window("openai", "no-such-model") is None
    assert context_window(FREE, "m") is None
    assert context_window("anthropic", "claude-haiku-4-5") == 200_000
