"""Settings: from the environment, then `./.env`, then `$CONDUCTOR_HOME/.env`. Only the last is ever written.

Vendor keys and base URLs keep the vendors' own variable names; the registry's rows know them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from conductor_core.errors import SettingsError
from conductor_core.secret import Secret


class Origin(StrEnum):
    """Where a variable's value comes from; earlier ones win."""

    RUN = "entered for this run"
    ENVIRONMENT = "environment"
    PROJECT = "./.env"
    HOME = "$CONDUCTOR_HOME/.env"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable as it is in force."""

    name: str
    value: str
    origin: Origin


class Environment:
    """The variables of the process and of both `.env` files, and where each comes from."""

    def __init__(self, layers: Mapping[Origin, Mapping[str, str]]) -> None:
        self._layers = layers

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Environment:
        """Reads all three places. Values are trimmed of white space and of quotes around them."""
        process = dict(os.environ if environ is None else environ)
        project = _dotenv((folder or Path.cwd()) / ".env")
        home = home_folder(process.get("CONDUCTOR_HOME") or project.get("CONDUCTOR_HOME"))
        return cls(
            {Origin.RUN: {}, Origin.ENVIRONMENT: process, Origin.PROJECT: project, Origin.HOME: _dotenv(home / ".env")}
        )

    def get(self, *names: str) -> Variable | None:
        """The first of `names` that any place sets, the places in order of precedence."""
        for origin in Origin:
            for name in names:
                value = _trimmed(self._layers[origin].get(name, ""))
                if value:
                    return Variable(name, value, origin)
        return None

    def merged(self) -> dict[str, str]:
        """Every variable as it is in force."""
        return {
            name: _trimmed(value)
            for origin in reversed(Origin)
            for name, value in self._layers[origin].items()
            if _trimmed(value)
        }


class EndpointSettings(BaseModel):
    """An OpenAI-compatible server of the user's own, addressed as `custom:<name>`."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    base_url: str
    api_key: Secret | None = None
    models: list[str] = Field(default_factory=list)

    @field_validator("api_key", mode="before")
    @classmethod
    def _hide(cls, value: Any) -> Any:
        return Secret(value) if isinstance(value, str) else value

    @field_validator("models", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _comma_separated(value)


class Settings(BaseSettings):
    """Everything that can be set by `CONDUCTOR_<NAME>`. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="CONDUCTOR_", env_nested_delimiter="__", extra="forbid", arbitrary_types_allowed=True, frozen=True
    )

    home: Path = Field(default=Path("~/.conductor"), description="Folder of the database and of the saved keys.")
    host: str = Field(default="127.0.0.1", description="Address to listen on; another than loopback needs a password.")
    port: int = Field(default=8501, ge=1, le=65535, description="Port to listen on.")
    password: Secret | None = Field(default=None, description="Asked for before anything is shown.")
    allowed_hosts: list[str] = Field(
        default_factory=list, description="Host names of a proxy in front, comma-separated."
    )
    durability: str = Field(
        default="normal", pattern="^(normal|full)$", description="full: nothing is lost in a power cut."
    )
    local_models: list[Path] = Field(
        default_factory=list, description="Your own GGUF files or a folder of them, comma-separated."
    )
    local_threads: int = Field(default=1, ge=1, le=64, description="Threads of the local model.")
    endpoints: dict[str, EndpointSettings] = Field(
        default_factory=dict, description="OpenAI-compatible servers: __<NAME>__BASE_URL, __API_KEY, __MODELS."
    )
    default_models: dict[str, str] = Field(
        default_factory=dict, description="A provider's default model: __<PROVIDER>."
    )
    connect_timeout: float = Field(default=5.0, gt=0, description="Longest wait for a connection.")
    first_byte_timeout: float = Field(default=30.0, gt=0, description="Longest wait for the first byte of an answer.")
    silence_timeout: float = Field(default=30.0, gt=0, description="Longest silence inside an answer.")
    total_timeout: float = Field(default=300.0, gt=0, description="Longest time for one answer.")
    max_answer_bytes: int = Field(default=8_388_608, ge=1024, description="An answer is cut at this size.")

    @field_validator("home")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser()

    @field_validator("password", mode="before")
    @classmethod
    def _hide(cls, value: Any) -> Any:
        return Secret(value) if isinstance(value, str) else value

    @field_validator("allowed_hosts", "local_models", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _comma_separated(value)

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
        """Settings from an environment already read.

        Raises:
            SettingsError: a value out of its bounds; the sentence names the variable, its place and the bound.
        """
        try:
            return cls(**_Merged(cls, environment)())
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = "CONDUCTOR_" + "__".join(str(part) for part in first["loc"]).upper()
            found = environment.get(name)
            place = f" ({found.origin})" if found else ""
            raise SettingsError(f"{name}{place}: {first['msg']}.") from error


class _Merged(EnvSettingsSource):
    """pydantic-settings' own reading of nested names, over our three places instead of `os.environ`."""

    def __init__(self, settings_cls: type[BaseSettings], environment: Environment) -> None:
        self._environment = environment
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environment.merged().items()}

    def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:
        return value


def home_folder(value: str | None) -> Path:
    """Conductor's own folder: `CONDUCTOR_HOME` or `~/.conductor`."""
    return Path(value or "~/.conductor").expanduser()


def _dotenv(path: Path) -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(path, encoding="utf-8-sig", interpolate=False).items()}


def _trimmed(value: str) -> str:
    value = value.strip()
    return value[1:-1].strip() if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _comma_separated(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
