"""Settings: from the environment, then `./.env`, then `$CONDUCTOR_HOME/.env`. Only the last is ever written.

Vendor keys and base URLs keep the vendors' own variable names; the registry's rows know them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from conductor_core.database_url import parsed
from conductor_core.environment import Environment, Origin, Variable, home_folder
from conductor_core.errors import SettingsError
from conductor_core.pricing import OwnPrice
from conductor_core.secret import Secret

__all__ = [
    "PREFIX",
    "BudgetSettings",
    "EndpointSettings",
    "Environment",
    "Origin",
    "Settings",
    "Variable",
    "home_folder",
]

PREFIX = "CONDUCTOR_"
ENDPOINT_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
"""The `<NAME>` of an endpoint's variables, lower-cased; its public name has `-` in place of `_`."""

_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[1-9]\d{0,4})?")
_API_KEY = re.compile(r"[!-~]{16,512}")
_PRICE = re.compile(
    r"([a-z][a-z0-9_]{0,31}|custom:[a-z][a-z0-9-]{0,31})/([^\s,=]{1,200})=(\d{1,6}(?:\.\d{1,6})?)/(\d{1,6}(?:\.\d{1,6})?)"
)


class EndpointSettings(BaseModel):
    """An OpenAI-compatible server of the user's own, addressed as `custom:<name>`."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)

    base_url: str = Field(description="Where an OpenAI-compatible server of yours is reached, as custom:<name>.")
    api_key: Secret | None = Field(default=None, description="Its key, if it needs one.")
    models: list[str] = Field(
        default_factory=list,
        description="Models to offer besides those it lists, comma-separated; the first is its default.",
    )

    @field_validator("api_key", mode="before")
    @classmethod
    def _hide(cls, value: Any) -> Any:
        return Secret(value) if isinstance(value, str) else value

    @field_validator("models", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _comma_separated(value)


class BudgetSettings(BaseModel):
    """What one provider may cost, in USD by the machine's days and months."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    day: float | None = Field(default=None, ge=0, description="What a day may cost at one provider, in USD.")
    month: float | None = Field(default=None, ge=0, description="What a month may cost at one provider, in USD.")


class Settings(BaseSettings):
    """Everything that can be set by `CONDUCTOR_<NAME>`. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        arbitrary_types_allowed=True,
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    home: Path = Field(default=Path("~/.conductor"), description="Folder of the database and of the saved keys.")
    host: str = Field(default="127.0.0.1", description="Address to listen on; another than loopback needs a password.")
    port: int = Field(default=8501, ge=1, le=65535, description="Port to listen on.")
    password: Secret | None = Field(default=None, description="Asked for before anything is shown.")
    api_key: Secret | None = Field(
        default=None,
        description="A key for the API, of 16 to 512 visible characters, besides those made in Settings.",
    )
    allowed_hosts: list[str] = Field(
        default_factory=list, description="Host names of a proxy in front, comma-separated."
    )
    cors_origins: list[str] = Field(
        default_factory=list,
        description="Web pages of other sites that may call the API, as https://host, comma-separated.",
    )
    database_url: Secret | None = Field(
        default=None,
        description="A PostgreSQL database instead of the file in the data folder, for several copies of the app: "
        "postgresql+psycopg://user:password@host/name, with libpq's options such as ?sslmode=verify-full.",
    )
    durability: Literal["normal", "full"] = Field(
        default="normal", description="normal or full; full: nothing is lost in a power cut."
    )
    drill: bool = Field(
        default=False, description="1: AUTO asks simulated providers only, to watch failover without a key or network."
    )
    local_models: list[Path] = Field(
        default_factory=list, description="Your own GGUF files or a folder of them, comma-separated."
    )
    local_threads: int = Field(default=1, ge=1, le=64, description="Threads of the local model.")
    endpoints: dict[str, EndpointSettings] = Field(
        default_factory=dict, description="OpenAI-compatible servers of your own."
    )
    default_models: dict[str, str] = Field(
        default_factory=dict,
        description="The model used when none is named, e.g. __OPENAI; of your own endpoint __CUSTOM_<NAME>.",
    )
    strategy: str = Field(
        default="balanced",
        description="How AUTO chooses: balanced, fastest, cheapest, most_reliable, round_robin, or your own order of "
        "providers, comma-separated.",
    )
    auto_providers: list[str] = Field(
        default_factory=list, description="The only providers AUTO may use, comma-separated; empty: all."
    )
    auto_quality: bool = Field(
        default=False, description="1: AUTO also goes by the leaderboard, which is made from your blind votes."
    )
    connect_timeout: float = Field(default=5.0, gt=0, description="Longest wait for a connection, in seconds.")
    first_byte_timeout: float = Field(
        default=30.0, gt=0, description="Longest wait for the first byte of an answer, in seconds."
    )
    silence_timeout: float = Field(default=30.0, gt=0, description="Longest silence inside an answer, in seconds.")
    total_timeout: float = Field(default=300.0, gt=0, description="Longest time for one answer, in seconds.")
    whole_timeout: float = Field(
        default=120.0, gt=0, description="Longest time for one answer that is not streamed, in seconds."
    )
    max_answer_bytes: int = Field(default=8_388_608, ge=1024, description="An answer is cut at this size, in bytes.")
    attempts: int = Field(
        default=3, ge=1, le=10, description="How often one request is sent at most, over all providers."
    )
    retry_base: float = Field(
        default=0.5, gt=0, description="The first retry comes within this time at random, each later one within twice."
    )
    retry_longest: float = Field(default=8.0, gt=0, description="No retry waits longer, unless the provider asks to.")
    retry_after_longest: float = Field(
        default=60.0, ge=0, description="Longest wait a provider may ask for before a retry, in seconds."
    )
    fallback_after: float = Field(
        default=10.0, ge=0, description="When a provider asks to wait longer, AUTO asks another one instead."
    )
    breaker_pause: float = Field(
        default=30.0, gt=0, description="How long a provider that keeps failing is passed over at first, in seconds."
    )
    provider_concurrency: int = Field(default=100, ge=1, description="Calls to one provider at the same time.")
    provider_queue: int = Field(default=200, ge=0, description="Calls that may wait for one provider.")
    queue_timeout: float = Field(default=5.0, gt=0, description="Longest wait in that queue, in seconds.")
    max_requests: int = Field(default=500, ge=1, description="Requests that may run or wait at the same time in all.")
    api_body_bytes: int = Field(
        default=27_262_976, ge=1024, description="Largest request to the API with its images, in bytes."
    )
    api_text_bytes: int = Field(
        default=10_485_760, ge=1024, description="Largest request to the API without images, in bytes."
    )
    api_read_timeout: float = Field(
        default=30.0, gt=0, description="Longest time for a small request to the API to arrive, in seconds."
    )
    api_send_timeout: float = Field(
        default=30.0, gt=0, description="Longest wait for a client of the API to take what it is sent, in seconds."
    )
    api_key_requests: int = Field(
        default=600,
        ge=0,
        le=1_000_000,
        description="Requests a minute with CONDUCTOR_API_KEY; 0: as many as come. Other keys say it themselves.",
    )

    budget_day: float | None = Field(default=None, ge=0, description="What a day may cost in all, in USD.")
    budget_month: float | None = Field(default=None, ge=0, description="What a month may cost in all, in USD.")
    budgets: dict[str, BudgetSettings] = Field(default_factory=dict, description="What each provider may cost, in USD.")
    budget_beyond: Literal["refuse", "free"] = Field(
        default="refuse", description="refuse or free; free: once a budget is used up, AUTO asks free providers only."
    )
    keep_calls_days: int | None = Field(
        default=None, ge=32, description="How many days each call stays, at least 32; empty: for ever. Figures stay."
    )
    keep_minutes_days: int = Field(default=7, ge=1, description="How many days figures by the minute stay.")
    keep_quarters_days: int = Field(default=100, ge=2, description="How many days figures by the quarter-hour stay.")
    keep_hours_days: int = Field(
        default=400, ge=2, description="How many days figures by the hour stay. By the day they stay for ever."
    )
    prices: dict[tuple[str, str], OwnPrice] = Field(
        default_factory=dict,
        description="Prices of your own, comma-separated: provider/model=USD per million tokens in/out, "
        "e.g. vllm/*=0.2/0.6.",
    )
    webhook_url: Secret | None = Field(
        default=None, description="Incidents are posted here as JSON when they begin and end. Kept like a key."
    )

    @field_validator("home")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser()

    @field_validator("password", "api_key", "webhook_url", "database_url", mode="before")
    @classmethod
    def _hide(cls, value: Any) -> Any:
        return Secret(value) if isinstance(value, str) else value

    @field_validator("api_key")
    @classmethod
    def _strong_enough(cls, value: Secret | None) -> Secret | None:
        if value is not None and not _API_KEY.fullmatch(value.reveal()):
            raise ValueError("An API key has 16 to 512 visible ASCII characters and no spaces")
        return value

    @field_validator("database_url")
    @classmethod
    def _usable_address(cls, value: Secret | None) -> Secret | None:
        if value is not None:
            parsed(value.reveal())
        return value

    @field_validator("allowed_hosts", "cors_origins", "local_models", "auto_providers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _comma_separated(value)

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, value: list[str]) -> list[str]:
        for origin in value:
            if "*" in origin:
                raise ValueError("origins must be named one by one: * would let every web page in")
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("an origin is http:// or https://, a host in lower case and perhaps :port, no more")
        return value

    @field_validator("prices", mode="before")
    @classmethod
    def _price_each(cls, value: Any) -> Any:
        return dict(map(read_price, _comma_separated(value))) if isinstance(value, str) else value

    @field_validator("strategy")
    @classmethod
    def _known_strategy(cls, value: str) -> str:
        from conductor_core.routing.strategies import strategy_named  # which itself knows nothing of settings

        try:
            strategy_named(value)
        except SettingsError as error:
            raise ValueError(str(error).rstrip(".")) from error
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @classmethod
    def load(cls, environment: Environment) -> Settings:
        """Settings from an environment already read. Unknown names in the process's environment are passed over.

        Raises:
            SettingsError: a value out of its bounds, or an unknown name in a file; the sentence names file, line and
                field, the bound and the kind of value given, never the value.
        """
        for variable, objection in _objections(environment):
            if variable.origin is not Origin.ENVIRONMENT:
                raise SettingsError(f"{environment.place(variable)}: {objection}")
        try:
            return cls(**_Merged(cls, environment)())
        except ValidationError as error:
            raise SettingsError(_sentence(error.errors(include_url=False)[0], environment)) from error


def warnings(environment: Environment, vendors_own: frozenset[str] = frozenset()) -> list[str]:
    """What is odd about the environment and yet no reason not to start, a sentence each.

    Args:
        vendors_own: the variables of the registry's rows.
    """
    unknown = [
        f"{environment.place(variable)}: {objection}"
        for variable, objection in _objections(environment)
        if variable.origin is Origin.ENVIRONMENT
    ]
    ours = {variable.name for variable in environment.set_anywhere() if variable.name.startswith(PREFIX)}
    return unknown + environment.warnings(vendors_own | ours)


class _Merged(EnvSettingsSource):
    """pydantic-settings' own reading of nested names, over our three places instead of `os.environ`."""

    def __init__(self, settings_cls: type[BaseSettings], environment: Environment) -> None:
        self._environment = environment
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        found = self._environment.merged().items()
        return {name.lower(): value for name, value in found if name.startswith(PREFIX) and not _objection(name)}

    def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:
        return value


def _objections(environment: Environment) -> list[tuple[Variable, str]]:
    """Every variable of ours that can't be meant, with the reason."""
    ours = [variable for variable in environment.set_anywhere() if variable.name.startswith(PREFIX)]
    found = [(variable, _objection(variable.name, variable.origin)) for variable in ours]
    return [(variable, objection) for variable, objection in found if objection]


def _objection(name: str, origin: Origin | None = None) -> str:
    """Why there is no variable of that name, or not there; empty when there is one."""
    field, *rest = name.removeprefix(PREFIX).lower().split("__")
    if name == f"{PREFIX}HOME" and origin is Origin.HOME:
        return "the folder this file lies in is set elsewhere, in the environment or in ./.env."
    if field == "endpoints":
        return _endpoint_objection(rest)
    if field == "budgets":
        known = len(rest) == 2 and rest[0] and rest[1] in BudgetSettings.model_fields
        return "" if known else f"a provider's budgets are {PREFIX}BUDGETS__<PROVIDER>__DAY and __MONTH."
    if field in Settings.model_fields and len(rest) == (1 if field == "default_models" else 0) and all(rest):
        return ""
    every = [PREFIX + other.upper() for other in Settings.model_fields]
    near = get_close_matches(name, every, 1)
    return f"there is no such setting. {f'Did you mean {near[0]}?' if near else 'The README lists them all.'}"


def _endpoint_objection(parts: list[str]) -> str:
    if len(parts) != 2 or parts[1] not in EndpointSettings.model_fields:
        return f"an endpoint's variables are {PREFIX}ENDPOINTS__<NAME>__BASE_URL, __API_KEY and __MODELS."
    if not ENDPOINT_NAME.fullmatch(parts[0]):
        return "an endpoint's name is a letter, then up to 31 letters, digits or single underscores."
    return ""


def _sentence(error: ErrorDetails, environment: Environment) -> str:
    """What pydantic refuses: where it stands, the bound, the kind of value given, never the value."""
    path = [part for part in error["loc"] if isinstance(part, str) and part != "[key]"]
    name = PREFIX + "__".join(path).upper()
    variable = environment.get(name)
    if variable is None:  # a part that should be there is not
        return f"{name} is not set, and is needed with the other variables of {'__'.join(path[:-1]).upper()}."
    given = _kind_of(variable.value)
    return f"{environment.place(variable)}: {error['msg'].removeprefix('Value error, ')}; got {given}."


def _kind_of(value: str) -> str:
    """What somebody wrote, without repeating it: it may be a key on the wrong line."""
    try:
        int(value)
    except ValueError:
        pass
    else:
        return "a whole number"
    try:
        float(value)
    except ValueError:
        return "text"
    return "a number"


def read_price(text: str) -> tuple[tuple[str, str], OwnPrice]:
    """`provider/model=in/out`, USD per million tokens.

    Raises:
        ValueError: it is not of that form; names it.
    """
    found = _PRICE.fullmatch(text)
    if not found:
        raise ValueError("a price is provider/model=in/out in USD per million tokens, e.g. openai/gpt-4.1=2/8")
    provider, model, prompt, completion = found.groups()
    return (provider, model), OwnPrice(float(prompt), float(completion))


def write_price(provider: str, model: str, price: OwnPrice) -> str:
    """The same as it is written."""
    return f"{provider}/{model}={_amount(price.prompt)}/{_amount(price.completion)}"


def _amount(usd: float) -> str:
    return f"{usd:.6f}".rstrip("0").rstrip(".")


def _comma_separated(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
