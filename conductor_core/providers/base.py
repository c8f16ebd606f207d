"""What every provider is, and the values that cross its border."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from conductor_core import pricing
from conductor_core.errors import NotConfigured, ProviderError
from conductor_core.kinds import FinishReason, Need
from conductor_core.pricing import ANY_MODEL, FREE, OwnPrice, Usage, price
from conductor_core.prompt import Prompt, ToolCall
from conductor_core.secret import Secret

_NO_PRICES: Mapping[str, OwnPrice] = MappingProxyType({})
DRILL_DIALECT = "drill"
"""The dialect of simulated providers."""


class CallPiece(NamedTuple):
    """A piece of a tool's call. The first one of a `number` has id and name; the arguments are pieces of JSON."""

    number: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Raw(NamedTuple):
    """Events of a stream in OpenAI's shape as they came, whole ones, each with its blank line.

    `mark` is how each of them writes its id, `created` how it writes when it was made, `characters` the length of the
    text in all of them.
    """

    events: bytes
    mark: bytes
    created: bytes
    characters: int


class Chunk(NamedTuple):
    """A piece of a streamed answer. The last ones carry the finish reason and the usage, with or without text.

    `raw` in place of text, thinking and calls: to be handed on as it is.

    (A tuple is made in a third of a frozen dataclass's time, and of these there is one per token.)
    """

    text: str = ""
    thinking: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    model: str | None = None
    calls: tuple[CallPiece, ...] = ()
    raw: Raw | None = None

    @property
    def speaks(self) -> bool:
        """Whether it holds anything of the answer itself."""
        return bool(self.text or self.thinking or self.calls or (self.raw and self.raw.characters))


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. `model` is the one that really answered, `status` the HTTP status of the answer."""

    text: str
    model: str
    finish_reason: FinishReason | None
    usage: Usage | None
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Vendor:
    """One row of the registry: everything that tells one vendor from another of the same dialect.

    Attributes:
        name: the registry name, the same in rows, URLs, colours and models.
        label: the name people read.
        dialect: which provider class speaks to it.
        base_url: its address; OpenAI's dialect wants it to end in `/v1`, Anthropic's and Gemini's without a version.
        key_variables: the variables its key may come from, the first one named in messages. Empty: it needs no key.
        base_url_variable: overrides `base_url`; where no key is needed, setting it configures the vendor.
        default_model: used when a request names none. None: the first the server lists.
        price_list: its id in genai-prices; None: prices are unknown. `free`: it costs nothing.
        max_tokens_field: what the dialect calls the answer's limit.
        stream_usage: whether it understands `stream_options: {include_usage: true}`.
        takes_top_k: whether it takes `top_k`, which OpenAI itself and its strict imitators refuse.
        seed_field: what the dialect calls the seed.
        lacks: what none of its models takes; which of them do take the rest is for the vendor to say.
    """

    name: str
    label: str
    dialect: str
    base_url: str = ""
    key_variables: tuple[str, ...] = ()
    base_url_variable: str = ""
    default_model: str | None = None
    price_list: str | None = None
    max_tokens_field: str = "max_tokens"
    stream_usage: bool = True
    takes_top_k: bool = False
    seed_field: str = "seed"
    lacks: tuple[Need, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether its answers are made up, in a drill."""
        return self.dialect == DRILL_DIALECT


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider is reached and with which key. `trusted`: the owner's word, so private addresses are allowed."""

    base_url: str
    key: Secret | None = None
    trusted: bool = True
    models: tuple[str, ...] = ()
    missing: str = ""


class BaseProvider(ABC):
    """One provider: a dialect speaking to one vendor.

    The counters are live figures since start, fed by `update_metrics` with every call whatever its end;
    the pages' charts read the call rows instead. `own_prices` are the owner's, by model; the registry sets them.
    """

    unavailable = ""
    """Why it can't be called whatever is set, as a sentence with what to do; empty when it can."""

    def __init__(self, vendor: Vendor, endpoint: Endpoint, default_model: str | None = None) -> None:
        self.vendor = vendor
        self.endpoint = endpoint
        self.name = vendor.name
        self.default_model = default_model or vendor.default_model
        self.own_prices: Mapping[str, OwnPrice] = _NO_PRICES
        self.is_healthy = True
        self.last_check: float | None = None
        self.total_requests = 0
        self.successful_requests = 0
        self.failed_requests = 0
        self.total_latency = 0.0
        self.last_error: str | None = None

    @property
    def configured(self) -> bool:
        """Whether it has what it needs to be called."""
        return not self.endpoint.missing and not self.unavailable

    def require_configured(self) -> None:
        """Raises `NotConfigured`, naming the variable or the reason, when something is missing."""
        if not self.configured:
            raise NotConfigured(self.name, self.vendor.label, self.endpoint.missing, self.unavailable)

    @abstractmethod
    async def chat_completion(self, prompt: Prompt) -> Completion:
        """The whole answer at once.

        Raises:
            NotConfigured: the key or the address is missing.
            ProviderError: any fault of the provider or of the way to it.
        """

    @abstractmethod
    def stream_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """The answer as it comes. Closing the iterator or cancelling its task ends the upstream call at once.

        A stream that ends without a finish reason is a `ProviderError` of kind `stream_cut`.

        Raises:
            NotConfigured: the key or the address is missing.
            ProviderError: any fault of the provider or of the way to it.
        """

    def relayed_completion(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """The same for whoever hands on events of OpenAI's dialect as they are: a chunk may be `raw`, of many events.

        Raises:
            As `stream_completion`.
        """
        return self.stream_completion(prompt)

    @abstractmethod
    async def get_available_models(self) -> list[str]:
        """The models this provider offers, asked of it, never billed.

        Raises:
            NotConfigured, ProviderError: as above.
        """

    async def health_check(self) -> bool:
        """Whether it can be reached and takes the key: lists the models, which no vendor bills."""
        try:
            await self.get_available_models()
        except (NotConfigured, ProviderError) as error:
            self.is_healthy, self.last_error = False, str(error)
        else:
            self.is_healthy, self.last_error = True, None
        self.last_check = time.time()
        return self.is_healthy

    def estimate_cost(self, tokens: Usage | int, model: str | None = None) -> float | None:
        """USD for `tokens`, priced per kind for a `Usage`, at the dearer rate for a bare count. None: price unknown."""
        own = self.own_price(model or self.default_model)
        return own.of(tokens) if own else price(self.vendor.price_list, model or self.default_model or "", tokens)

    def token_prices(self, prompt_tokens: int, model: str | None = None) -> tuple[float, float] | None:
        """USD per prompt token and per completion token for a prompt of that length. None: price unknown."""
        own = self.own_price(model or self.default_model)
        if own:
            return own.per_token
        return pricing.token_prices(self.vendor.price_list, model or self.default_model or "", prompt_tokens)

    def is_free(self, model: str | None = None) -> bool:
        """Whether a model costs nothing, whatever it is sent."""
        own = self.own_price(model or self.default_model)
        return own.nothing if own else self.vendor.price_list == FREE

    def context_window(self, model: str | None = None) -> int | None:
        """How many tokens prompt and answer may have together; None when nobody says."""
        return pricing.context_window(self.vendor.price_list, model or self.default_model or "")

    def update_metrics(self, latency_ms: float, success: bool, error: str | None = None) -> None:
        """Counts one call. Latency counts also when it failed; `last_error` is kept until the next success."""
        self.total_requests += 1
        self.total_latency += latency_ms
        self.last_check = time.time()
        if success:
            self.successful_requests += 1
            self.last_error = None
        else:
            self.failed_requests += 1
            self.last_error = error or self.last_error
        self.is_healthy = success

    def own_price(self, *models: str | None) -> OwnPrice | None:
        """What the owner says that the first of some models costs that anything is said of."""
        if not self.own_prices:
            return None
        named = (self.own_prices.get(model) for model in models if model)
        return next((price for price in named if price), self.own_prices.get(ANY_MODEL))

    async def prepare(self) -> None:  # noqa: B027 - most providers need nothing
        """Loads what the first call would otherwise wait for."""

    async def close(self) -> None:  # noqa: B027 - most providers hold nothing
        """Frees what the provider holds beside the shared wire."""
