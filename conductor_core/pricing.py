"""USD for a call, from genai-prices' offline table; or None: an unknown price is never zero."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

FREE = "free"
"""The price list of providers that cost nothing."""

_MILLION = 1_000_000
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `estimated` when we counted them, because the provider did not say.

    `completion_tokens` includes `thinking_tokens`, as every vendor bills them.
    """

    prompt_tokens: int
    completion_tokens: int
    thinking_tokens: int = 0
    estimated: bool = False

    @classmethod
    def reported(cls, prompt: object, completion: object, thinking: object = 0) -> Usage | None:
        """What a provider counted; None unless all are numbers of tokens that could be true."""
        counts = (prompt, completion, thinking or 0)
        if all(type(count) is int and 0 <= count < 2**53 for count in counts):
            return cls(*counts)  # type: ignore[arg-type]  # mypy does not narrow a tuple by all()
        return None


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """What a model costs by the owner's word, in USD per million tokens."""

    prompt: float
    completion: float

    @property
    def nothing(self) -> bool:
        """Whether it costs nothing at all."""
        return not self.prompt and not self.completion

    @property
    def per_token(self) -> tuple[float, float]:
        """USD per prompt token and per completion token."""
        return self.prompt / _MILLION, self.completion / _MILLION

    def of(self, tokens: Usage | int) -> float:
        """USD for a usage; of a bare count at the dearer of the two rates."""
        if isinstance(tokens, int):
            return tokens * max(self.prompt, self.completion) / _MILLION
        return (tokens.prompt_tokens * self.prompt + tokens.completion_tokens * self.completion) / _MILLION


ANY_MODEL = "*"
"""In place of a model's name: all models of a provider that have no price of their own."""


def price(price_list: str | None, model: str, tokens: Usage | int, at: datetime | None = None) -> float | None:
    """USD for `tokens` of `model`; None when its price is unknown.

    A bare count is priced at the dearer of the two rates. The rates are the ones in force at `at` (now, if not given):
    some vendors' prices depend on the date, on the hour, and on how long the prompt is.

    Args:
        price_list: a provider id of genai-prices, `FREE`, or None.
    """
    if price_list == FREE:
        return 0.0
    rates = _rates_at(price_list, model, at) if price_list else None
    if rates is None:
        return None
    if isinstance(tokens, int):
        return float(rates.request + tokens * max(rates.prompt.at(tokens), rates.completion.at(tokens)) / _MILLION)
    return float(rates.cost(tokens.prompt_tokens, tokens.completion_tokens))


def token_prices(price_list: str | None, model: str, prompt_tokens: int) -> tuple[float, float] | None:
    """USD per prompt token and per completion token, now and for a prompt of that length; None when unknown.

    For choosing among providers: cached by the quarter of an hour, as finely as vendors' prices follow the clock.

    Args:
        price_list: a provider id of genai-prices, `FREE`, or None.
    """
    if price_list == FREE:
        return 0.0, 0.0
    rates = _rates_at(price_list, model, None) if price_list else None
    return rates.per_token(prompt_tokens) if rates else None


@lru_cache(maxsize=1024)
def context_window(price_list: str | None, model: str) -> int | None:
    """How many tokens prompt and answer may have together, as the price table knows it; None when it does not."""
    if not price_list or price_list == FREE:
        return None
    priced = _priced_model(price_list, model.removeprefix("models/"))
    return priced.context_window if priced else None


def estimate_tokens(characters: int) -> int:
    """Tokens a text of so many characters may have, where a provider does not count them: a quarter, rounded up."""
    return -(-characters // _CHARACTERS_PER_TOKEN)


def price_table_version() -> str:
    """Which price table is in use, for people. The table carries no date of its own; its release stands for it."""
    return f"genai-prices {version('genai-prices')}"


@dataclass(frozen=True, slots=True)
class _Rate:
    """USD per million tokens. From a tier's start on, its rate holds for all tokens of the call, as vendors bill."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()

    @classmethod
    def of(cls, listed: Decimal | TieredPrices | None) -> _Rate:
        if listed is None or isinstance(listed, Decimal):
            return cls(listed or Decimal(0))
        return cls(listed.base, tuple((tier.start, tier.price) for tier in reversed(listed.tiers)))

    def at(self, prompt_tokens: int) -> Decimal:
        for start, rate in self.tiers:
            if prompt_tokens > start:
                return rate
        return self.base


@dataclass(frozen=True, slots=True)
class _Rates:
    prompt: _Rate
    completion: _Rate
    request: Decimal
    flat: tuple[float, float] | None

    @classmethod
    def of(cls, listed: ModelPrice) -> _Rates | None:
        """None when tokens have no price there (speech, images): their cost is unknown, not nothing."""
        if listed.input_mtok is None and listed.output_mtok is None:
            return None
        request = _Rate.of(listed.requests_kcount).base / 1000
        prompt, completion = _Rate.of(listed.input_mtok), _Rate.of(listed.output_mtok)
        tiered = prompt.tiers or completion.tiers
        flat = None if tiered else (float(prompt.base / _MILLION), float(completion.base / _MILLION))
        return cls(prompt, completion, request, flat)

    def per_token(self, prompt_tokens: int) -> tuple[float, float]:
        if self.flat:
            return self.flat
        prompt, completion = self.prompt.at(prompt_tokens), self.completion.at(prompt_tokens)
        return float(prompt / _MILLION), float(completion / _MILLION)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        prompt = self.prompt.at(prompt_tokens) * prompt_tokens
        return (prompt + self.completion.at(prompt_tokens) * completion_tokens) / _MILLION + self.request


class _PricedModel:
    """One model of the table with its rates read once: genai-prices checks and converts them anew at each call."""

    __slots__ = ("_model", "_rates")

    def __init__(self, model: ModelInfo) -> None:
        self._model = model
        every = [period.prices for period in model.prices] if isinstance(model.prices, list) else [model.prices]
        self._rates = {id(listed): _Rates.of(listed) for listed in every}

    @property
    def context_window(self) -> int | None:
        return self._model.context_window

    def rates(self, at: datetime) -> _Rates | None:
        return self._rates[id(self._model.get_prices(at))] if self._rates else None


def _rates_at(price_list: str, model: str, at: datetime | None) -> _Rates | None:
    """The rates in force at `at`; for now (None) as they were at the quarter of the hour, from a cache."""
    if at is None:
        return _rates_in(price_list, model, int(time.time() // 900))
    priced = _priced_model(price_list, model.removeprefix("models/"))
    return priced.rates(at) if priced else None


@lru_cache(maxsize=1024)
def _rates_in(price_list: str, model: str, quarter_hour: int) -> _Rates | None:
    priced = _priced_model(price_list, model.removeprefix("models/"))
    return priced.rates(datetime.fromtimestamp(quarter_hour * 900, UTC)) if priced else None


@lru_cache(maxsize=1024)
def _priced_model(price_list: str, model: str) -> _PricedModel | None:
    from genai_prices.data_snapshot import get_snapshot

    try:
        return _PricedModel(get_snapshot().find_provider_model(model, None, price_list, None)[1])
    except LookupError:
        return None
