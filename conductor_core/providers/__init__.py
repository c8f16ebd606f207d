"""The registry: the only way to reach a provider.

A new vendor that speaks a known dialect is one row of `VENDORS` and one member of `models.Provider`; a new dialect is
one file and one line of `_build`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conductor_core.errors import SettingsError, UnknownProvider
from conductor_core.kinds import Need
from conductor_core.pricing import FREE, OwnPrice, Usage
from conductor_core.providers.base import BaseProvider, Chunk, Completion, Endpoint, Vendor
from conductor_core.providers.drill import DRILLS, SWITCH
from conductor_core.secret import Secret
from conductor_core.settings import ENDPOINT_NAME, PREFIX, Environment, Settings

if TYPE_CHECKING:
    from conductor_core.providers.wire import Wire

__all__ = [
    "DRILLS",
    "VENDORS",
    "BaseProvider",
    "Chunk",
    "Completion",
    "Endpoint",
    "Registry",
    "Usage",
    "Vendor",
    "default_model_key",
]

VENDORS: tuple[Vendor, ...] = (
    Vendor(
        "gemini",
        "Gemini",
        "gemini",
        base_url="https://generativelanguage.googleapis.com",
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        base_url_variable="GEMINI_BASE_URL",
        default_model="gemini-2.5-flash",
        price_list="google",
        # Its SDK knows neither schemas as JSON has them nor the signatures that calls of tools come with; its default
        # model refuses penalties.
        lacks=(Need.TOOLS, Need.JSON_SCHEMA, Need.PENALTIES),
    ),
    Vendor(
        "openai",
        "OpenAI",
        "openai",
        base_url="https://api.openai.com/v1",
        key_variables=("OPENAI_API_KEY",),
        base_url_variable="OPENAI_BASE_URL",
        default_model="gpt-4.1-mini",
        price_list="openai",
        max_tokens_field="max_completion_tokens",
    ),
    Vendor(
        "anthropic",
        "Anthropic",
        "anthropic",
        base_url="https://api.anthropic.com",
        key_variables=("ANTHROPIC_API_KEY",),
        base_url_variable="ANTHROPIC_BASE_URL",
        default_model="claude-haiku-4-5",
        price_list="anthropic",
        lacks=(Need.JSON_OBJECT, Need.PENALTIES),
    ),
    Vendor(
        "groq",
        "Groq",
        "openai",
        base_url="https://api.groq.com/openai/v1",
        key_variables=("GROQ_API_KEY",),
        base_url_variable="GROQ_BASE_URL",
        default_model="llama-3.3-70b-versatile",
        price_list="groq",
    ),
    Vendor(
        "mistral",
        "Mistral",
        "openai",
        base_url="https://api.mistral.ai/v1",
        key_variables=("MISTRAL_API_KEY",),
        base_url_variable="MISTRAL_BASE_URL",
        default_model="mistral-small-latest",
        price_list="mistral",
        stream_usage=False,
        seed_field="random_seed",
    ),
    Vendor(
        "deepseek",
        "DeepSeek",
        "openai",
        base_url="https://api.deepseek.com/v1",
        key_variables=("DEEPSEEK_API_KEY",),
        base_url_variable="DEEPSEEK_BASE_URL",
        default_model="deepseek-chat",
        price_list="deepseek",
        lacks=(Need.IMAGES, Need.JSON_SCHEMA),
    ),
    Vendor(
        "xai",
        "xAI",
        "openai",
        base_url="https://api.x.ai/v1",
        key_variables=("XAI_API_KEY",),
        base_url_variable="XAI_BASE_URL",
        default_model="grok-4-fast-non-reasoning",
        price_list="x-ai",
    ),
    Vendor(
        "together",
        "Together",
        "openai",
        base_url="https://api.together.xyz/v1",
        key_variables=("TOGETHER_API_KEY",),
        base_url_variable="TOGETHER_BASE_URL",
        default_model="meta-llama/Llama-3.3-70B-Instruct-Turbo",
        price_list="together",
        takes_top_k=True,
    ),
    Vendor(
        "openrouter",
        "OpenRouter",
        "openai",
        base_url="https://openrouter.ai/api/v1",
        key_variables=("OPENROUTER_API_KEY",),
        base_url_variable="OPENROUTER_BASE_URL",
        default_model="meta-llama/llama-3.3-70b-instruct",
        price_list="openrouter",
        takes_top_k=True,
    ),
    Vendor("ollama", "Ollama", "openai", base_url_variable="OLLAMA_BASE_URL", price_list=FREE),
    Vendor("lmstudio", "LM Studio", "openai", base_url_variable="LMSTUDIO_BASE_URL", price_list=FREE, takes_top_k=True),
    Vendor(
        "vllm", "vLLM", "openai", key_variables=("VLLM_API_KEY",), base_url_variable="VLLM_BASE_URL", takes_top_k=True
    ),
    Vendor(
        "local",
        "SmolLM2 (local)",
        "local",
        default_model="smollm2-135m",
        price_list=FREE,
        lacks=(Need.IMAGES, Need.TOOLS),
    ),
)


class Registry:
    """The providers of one installation, built when first asked for.

    Args:
        settings: deadlines, endpoints, default models.
        environment: where keys and base URLs are read from.
        wire: the HTTP client they share.
        private: only this machine reaches the application: an address typed into Settings may be loopback or private.
    """

    def __init__(self, settings: Settings, environment: Environment, wire: Wire, *, private: bool = True) -> None:
        self._settings = settings
        self._environment = environment
        self._wire = wire
        self._private = private
        self._built: dict[str, BaseProvider] = {}
        self._retired: list[BaseProvider] = []
        self._declare(_rows(settings))

    def apply(self, settings: Settings) -> None:
        """Puts changed settings and variables in force. Only what they concern is built anew, when next asked for.

        Calls that are running go on with the provider they began with; it is closed with the registry.

        Raises:
            SettingsError: an endpoint's name can't be one.
        """
        self._declare(_rows(settings))
        self._settings = settings
        kept = {}
        for name, provider in list(self._built.items()):
            vendor = self._vendors.get(name)
            if vendor and self._endpoint(vendor) == provider.endpoint:
                provider.default_model = self._default_model(vendor, provider.endpoint)
                provider.own_prices = self._own_prices(name)
                kept[name] = provider
            else:
                self._retired.append(provider)
        self._built = kept

    def _declare(self, vendors: dict[str, Vendor]) -> None:
        self._vendors = vendors
        # Every mark and name on a page asks for them.
        self._names = [name for name, vendor in vendors.items() if not vendor.simulated]
        self._drills = [name for name, vendor in vendors.items() if vendor.simulated]

    def has(self, name: str) -> bool:
        """Whether there is a provider of that name, configured or not, real or simulated."""
        return name in self._vendors

    def names(self) -> list[str]:
        """Every real provider there is, configured or not, in the registry's order."""
        return list(self._names)

    def drills(self) -> list[str]:
        """The simulated providers, whether the drill is on or off."""
        return list(self._drills)

    def current(self) -> list[str]:
        """Those that figures and totals are about: the simulated ones during a drill, else the real ones."""
        return self.drills() if self._settings.drill else self.names()

    def vendor(self, name: str) -> Vendor:
        """A provider's row.

        Raises:
            UnknownProvider: lists the known ones.
        """
        if name not in self._vendors:
            raise UnknownProvider(name, self.names())
        return self._vendors[name]

    def label(self, name: str) -> str:
        """The name people read; the registry name itself of a provider that is no longer declared."""
        vendor = self._vendors.get(name)
        return vendor.label if vendor else name

    def get(self, name: str) -> BaseProvider:
        """The provider of that name, configured or not.

        Raises:
            UnknownProvider: lists the known ones.
        """
        if name not in self._built:
            provider = self._built[name] = self._build(self.vendor(name))
            provider.own_prices = self._own_prices(name)
        return self._built[name]

    def available(self) -> list[BaseProvider]:
        """Every provider that is offered and that AUTO considers, in the registry's order; in a drill the simulated.

        Another one is still reached by those who name it.
        """
        return [provider for provider in map(self.get, self.current()) if provider.configured]

    async def close(self) -> None:
        for provider in [*self._built.values(), *self._retired]:
            await provider.close()

    def _endpoint(self, vendor: Vendor) -> Endpoint:
        """Where a vendor is reached and with which key.

        A key that the owner set outside of Settings never goes to an address that was typed into Settings.
        """
        if vendor.simulated:
            return Endpoint("", missing="" if self._settings.drill else SWITCH)
        address = self._environment.get(vendor.base_url_variable) if vendor.base_url_variable else None
        key = self._environment.get(*vendor.key_variables)
        typed = not vendor.base_url and address is not None and address.origin.typed
        if typed and key and not key.origin.typed:
            key = None
        missing = ""
        if not vendor.base_url and not address and vendor.base_url_variable:
            missing = vendor.base_url_variable
        elif vendor.base_url and vendor.key_variables and not key:
            missing = vendor.key_variables[0]
        own = self._settings.endpoints.get(_settings_name(vendor.name))
        return Endpoint(
            address.value if address else vendor.base_url,
            Secret(key.value) if key else None,
            trusted=self._private or not typed,
            models=tuple(own.models) if own else (),
            missing=missing,
        )

    def _own_prices(self, provider: str) -> dict[str, OwnPrice]:
        known = self._settings.prices.items()
        return {model: price for (whose, model), price in known if whose == provider}

    def _default_model(self, vendor: Vendor, endpoint: Endpoint) -> str | None:
        chosen = self._settings.default_models.get(default_model_key(vendor.name))
        return chosen or vendor.default_model or next(iter(endpoint.models), None)

    def _build(self, vendor: Vendor) -> BaseProvider:
        endpoint = self._endpoint(vendor)
        default = self._default_model(vendor, endpoint)
        match vendor.dialect:
            case "openai":
                from conductor_core.providers.openai_provider import OpenAIProvider

                return OpenAIProvider(vendor, endpoint, self._wire, default)
            case "anthropic":
                from conductor_core.providers.anthropic_provider import AnthropicProvider

                return AnthropicProvider(vendor, endpoint, self._wire, default)
            case "gemini":
                from conductor_core.providers.gemini_provider import GeminiProvider

                return GeminiProvider(vendor, endpoint, self._wire, self._settings, default)
            case "local":
                from conductor_core.providers.local_provider import LocalProvider

                return LocalProvider(vendor, endpoint, self._wire, self._settings, default)
            case "drill":
                from conductor_core.providers.drill_provider import DrillProvider

                return DrillProvider(vendor, endpoint, self._settings, default)
            case unknown:
                raise AssertionError(f"{vendor.name} names a dialect that does not exist: {unknown}")


def default_model_key(provider: str) -> str:
    """What a provider is called in `CONDUCTOR_DEFAULT_MODELS__<PROVIDER>`: `custom:my-box` is `custom_my_box`."""
    return provider.replace(":", "_").replace("-", "_")


def _rows(settings: Settings) -> dict[str, Vendor]:
    rows = {vendor.name: vendor for vendor in (*VENDORS, *DRILLS)}
    own = map(_endpoint_vendor, settings.endpoints)
    return rows | {vendor.name: vendor for vendor in own}


def _endpoint_vendor(name: str) -> Vendor:
    stem = f"{PREFIX}ENDPOINTS__{name.upper()}"
    if not ENDPOINT_NAME.fullmatch(name):
        raise SettingsError(f"{stem}__BASE_URL: the name must be a letter, then up to 31 letters, digits or _.")
    public = name.replace("_", "-")
    return Vendor(
        f"custom:{public}",
        public,
        "openai",
        key_variables=(f"{stem}__API_KEY",),
        base_url_variable=f"{stem}__BASE_URL",
        takes_top_k=True,
    )


def _settings_name(provider: str) -> str:
    return provider.removeprefix("custom:").replace("-", "_")
