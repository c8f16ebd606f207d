"""USD for a call, from genai-prices' offline table; or None: an unknown price is never zero."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conductor_core.providers.base import Usage

FREE = "free"
"""The price list of providers that cost nothing."""


def price(price_list: str | None, model: str, tokens: Usage | int) -> float | None:
    """USD for `tokens` of `model`; a bare count is priced at the dearer of the two rates.

    Args:
        price_list: a provider id of genai-prices, `FREE`, or None.
    """
    if price_list == FREE:
        return 0.0
    rates = _rates(price_list, model) if price_list else None
    if rates is None:
        return None
    if isinstance(tokens, int):
        return tokens * max(rates)
    return tokens.prompt_tokens * rates[0] + tokens.completion_tokens * rates[1]


@lru_cache(maxsize=1024)
def _rates(price_list: str, model: str) -> tuple[float, float] | None:
    """USD per prompt token and per completion token."""
    from genai_prices import Usage as PricedUsage
    from genai_prices import calc_price

    million = 1_000_000
    try:
        prompt = calc_price(PricedUsage(input_tokens=million), model_ref=model, provider_id=price_list).input_price
        completion = calc_price(
            PricedUsage(output_tokens=million), model_ref=model, provider_id=price_list
        ).output_price
    except LookupError:
        return None
    return float(prompt / Decimal(million)), float(completion / Decimal(million))
