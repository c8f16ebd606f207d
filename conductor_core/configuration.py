"""Changing keys, endpoints, default models and budgets while running: checked first, then saved, then put in force.

Everything here runs on the Conductor's loop. Only `$CONDUCTOR_HOME/.env` is ever written.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from yarl import URL

from conductor_core.environment import Environment, Origin, Variable
from conductor_core.errors import InvalidRequest, SettingsError, UserError
from conductor_core.models import ModelName
from conductor_core.pricing import ANY_MODEL, OwnPrice
from conductor_core.providers import VENDORS, Registry, Vendor, default_model_key
from conductor_core.providers.address import check_base_url
from conductor_core.providers.drill import SWITCH
from conductor_core.settings import ENDPOINT_NAME, PREFIX, Settings, read_price, write_price

LONGEST_KEY = 4096
MOST_MODELS = 100
AUTO_QUALITY = f"{PREFIX}AUTO_QUALITY"
BUDGET_BEYOND = f"{PREFIX}BUDGET_BEYOND"
PRICES = f"{PREFIX}PRICES"

_ASSIGNMENT = re.compile(r"(export\s+)?[A-Z][A-Z0-9_]*_(KEY|TOKEN)\s*=")
_MODELS = TypeAdapter(Annotated[list[ModelName], Field(max_length=MOST_MODELS)])


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of a change.

    Attributes:
        hidden_by: the variable of another place that stays in force over what was saved; None as a rule.
        dropped_key: the key saved with an address was removed, for the address now leads to another host.
    """

    hidden_by: Variable | None = None
    dropped_key: bool = False


class Configuration:
    """What a person changes in Settings.

    Args:
        environment: where variables are read and saved.
        providers: who there is.
        apply: puts the environment in force.
        private: only this machine reaches the application, so an address may be loopback or private.
    """

    def __init__(
        self, environment: Environment, providers: Registry, apply: Callable[[], None], *, private: bool
    ) -> None:
        self._environment = environment
        self._providers = providers
        self._apply = apply
        self._private = private

    def key_of(self, provider: str) -> Variable | None:
        """The key in force, with where it comes from; None when there is none, or none that goes to this address."""
        found = self._environment.get(*self._providers.vendor(provider).key_variables)
        return found if self._providers.get(provider).endpoint.key else None

    def address_of(self, provider: str) -> Variable | None:
        """The address in force where a variable sets it."""
        return self._environment.get(self._providers.vendor(provider).base_url_variable)

    def is_key_saved(self, provider: str) -> bool:
        """Whether a key of this provider lies in `$CONDUCTOR_HOME/.env`, in force or hidden."""
        return self._environment.saved(*self._providers.vendor(provider).key_variables)

    async def set_key(self, provider: str, key: str, *, keep: bool) -> Changed:
        """Uses a key from now on: saved when `keep`, else until this process ends.

        Raises:
            UserError: it can't be a key, or this provider takes none.
            SettingsError: the file can't be written.
        """
        vendor = self._providers.vendor(provider)
        if not vendor.key_variables:
            raise UserError(f"{vendor.label} needs no key.")
        await self._change({vendor.key_variables[0]: checked_key(key)}, keep=keep)
        return self._changed(vendor.key_variables)

    async def remove_key(self, provider: str) -> Changed:
        """Forgets the key saved or entered for this run; one of the environment or `./.env` is the owner's to remove.

        Raises:
            SettingsError: the file can't be written.
        """
        names = self._providers.vendor(provider).key_variables
        await self._change(dict.fromkeys(names))
        return self._changed(names)

    async def set_default_model(self, provider: str, model: str | None) -> Changed:
        """Saves which model is used when none is named; None, or the vendor's own default, takes the choice back.

        Raises:
            InvalidRequest: it can't be a model's name.
            SettingsError: the file can't be written.
        """
        if model == self._providers.vendor(provider).default_model:
            model = None
        name = f"{PREFIX}DEFAULT_MODELS__{default_model_key(provider).upper()}"
        await self._change({name: _checked_models([model])[0] if model else None})
        return self._changed((name,))

    async def set_address(self, provider: str, base_url: str, key: str = "") -> Changed:
        """Saves where a server of the user's own is reached, and its key, if there is one.

        Raises:
            UserError: this provider's address is not set here, or may not be reached; or it can't be a key.
            SettingsError: the file can't be written.
        """
        vendor = self._providers.vendor(provider)
        if vendor.base_url or not vendor.base_url_variable:
            raise UserError(f"The address of {vendor.label} is not set here.")
        return await self._set_address(vendor, base_url, key, {})

    async def declare(
        self, name: str, base_url: str, key: str = "", models: Iterable[str] = (), *, new: bool = True
    ) -> Changed:
        """Declares a server that speaks OpenAI's dialect, as `custom:<name>`; or changes one, when not `new`.

        Raises:
            UserError: name, address, key or a model's name can't be one; or it is declared outside of Settings.
            SettingsError: the file can't be written.
        """
        field = name.strip().lower().replace("-", "_")
        if not ENDPOINT_NAME.fullmatch(field) or "__" in field or field.endswith("_"):
            raise InvalidRequest("The name is a letter, then up to 31 letters, digits or single hyphens.", "name")
        variables, provider = self._endpoint_variables(field), f"custom:{field.replace('_', '-')}"
        self._refuse_if_set_outside(provider, variables)
        if new and provider in self._providers.names():
            raise InvalidRequest(f"There is already an endpoint named {field.replace('_', '-')}.", "name")
        address, secret, listed = variables
        row = Vendor("", field, "openai", key_variables=(secret,), base_url_variable=address)
        named = _checked_models(models)
        return await self._set_address(row, base_url, key, {listed: ",".join(named) or None})

    async def remove_endpoint(self, provider: str) -> Changed:
        """Forgets an endpoint declared here, with its key.

        Raises:
            UserError: it is declared outside of Settings.
            SettingsError: the file can't be written.
        """
        variables = self._endpoint_variables(provider.removeprefix("custom:").replace("-", "_"))
        self._refuse_if_set_outside(provider, variables)
        model = f"{PREFIX}DEFAULT_MODELS__{default_model_key(provider).upper()}"
        await self._change(dict.fromkeys((*variables, model)))
        return Changed()

    async def remove_address(self, provider: str) -> Changed:
        """Forgets the saved address of a server of the user's own, with its key.

        Raises:
            SettingsError: the file can't be written.
        """
        vendor = self._providers.vendor(provider)
        await self._change(dict.fromkeys((vendor.base_url_variable, *vendor.key_variables)))
        return self._changed((vendor.base_url_variable,))

    async def set_drill(self, on: bool, *, keep: bool = False) -> Changed:
        """Begins or ends a drill: until this process ends, or for good when `keep`. Ending one forgets a saved one.

        Raises:
            SettingsError: the file can't be written.
        """
        if not on and self._environment.saved(SWITCH):
            await self._change({SWITCH: None})
        await self._change({SWITCH: "1" if on else "0"}, keep=on and keep)
        return self._changed((SWITCH,)) if keep else Changed()

    async def set_auto_quality(self, on: bool) -> Changed:
        """Saves whether AUTO goes by the leaderboard.

        Raises:
            SettingsError: the file can't be written.
        """
        await self._change({AUTO_QUALITY: "1" if on else None})
        return self._changed((AUTO_QUALITY,))

    async def set_budgets(self, day: float | None, month: float | None, beyond: str) -> Changed:
        """Saves what a day and a month may cost in all, in USD (None: no limit), and what AUTO does beyond it.

        Raises:
            SettingsError: an amount that can't be one, or the file can't be written.
        """
        amounts = {f"{PREFIX}BUDGET_DAY": day, f"{PREFIX}BUDGET_MONTH": month}
        changes = {
            name: None if usd is None else f"{usd:.10f}".rstrip("0").rstrip(".") for name, usd in amounts.items()
        }
        await self._change({**changes, BUDGET_BEYOND: beyond})
        return next(
            (c for c in (self._changed((name,)) for name in (*changes, BUDGET_BEYOND)) if c.hidden_by), Changed()
        )

    async def set_price(self, provider: str, model: str, prompt: float, completion: float) -> Changed:
        """Saves what a model costs, in USD per million tokens in and out; `*` is every model without a price.

        Raises:
            InvalidRequest: it can't be a model's name.
            SettingsError: an amount that can't be one, or the file can't be written.
        """
        if not model:
            raise InvalidRequest("Name the model, or * for all of this provider's that have no price.", "model")
        named = model if model == ANY_MODEL else _checked_models([model])[0]
        return await self._save_prices(self._saved_prices() | {(provider, named): OwnPrice(prompt, completion)})

    async def remove_price(self, provider: str, model: str) -> Changed:
        """Takes a saved price back: the price table's holds again.

        Raises:
            SettingsError: the file can't be written.
        """
        kept = self._saved_prices()
        kept.pop((provider, model), None)
        return await self._save_prices(kept)

    def _saved_prices(self) -> dict[tuple[str, str], OwnPrice]:
        """The prices in force; saving one keeps the others, wherever they come from."""
        found = self._environment.get(PRICES)
        return dict(read_price(part.strip()) for part in found.value.split(",") if part.strip()) if found else {}

    async def _save_prices(self, prices: Mapping[tuple[str, str], OwnPrice]) -> Changed:
        written = ",".join(write_price(*whose, price) for whose, price in sorted(prices.items()))
        await self._change({PRICES: written or None})
        return self._changed((PRICES,))

    async def _set_address(self, vendor: Vendor, base_url: str, key: str, changes: Mapping[str, str | None]) -> Changed:
        url = base_url.strip().rstrip("/")
        check_base_url(url, trusted=self._private)
        before = self._environment.get(vendor.base_url_variable)
        moved = before is None or _origin(before.value) != _origin(url)
        keys: dict[str, str | None] = {vendor.key_variables[0]: checked_key(key)} if key.strip() else {}
        dropped = moved and not keys and self._has_typed_key(vendor)
        if dropped:
            keys = dict.fromkeys(vendor.key_variables)
        await self._change({**changes, vendor.base_url_variable: url, **keys})
        return Changed(self._changed((vendor.base_url_variable,)).hidden_by, dropped)

    async def _change(self, changes: Mapping[str, str | None], *, keep: bool = True) -> None:
        """Makes changes that are known to do."""
        Settings.load(self._environment.supposing(changes, Origin.HOME if keep else Origin.RUN))
        if keep:
            await asyncio.to_thread(self._environment.save_all, changes)
        else:
            for name, value in changes.items():
                self._environment.set_for_run(name, value)
        self._apply()

    def _changed(self, names: tuple[str, ...]) -> Changed:
        found = self._environment.get(*names)
        return Changed(found if found and not found.origin.typed else None)

    def _has_typed_key(self, vendor: Vendor) -> bool:
        found = self._environment.get(*vendor.key_variables)
        return self._environment.saved(*vendor.key_variables) or (found is not None and found.origin.typed)

    def _refuse_if_set_outside(self, provider: str, variables: tuple[str, ...]) -> None:
        for name in variables:
            found = self._environment.get(name)
            if found and not found.origin.typed:
                raise UserError(f"{provider} is declared outside of Settings, by {self._environment.place(found)}.")

    def _endpoint_variables(self, field: str) -> tuple[str, str, str]:
        stem = f"{PREFIX}ENDPOINTS__{field.upper()}"
        return f"{stem}__BASE_URL", f"{stem}__API_KEY", f"{stem}__MODELS"


def checked_key(key: str) -> str:
    """A key as somebody pasted it, without white space around it.

    Raises:
        InvalidRequest: it can't be one; says why, without repeating it.
    """
    key = key.strip()
    if not key:
        raise InvalidRequest("Enter a key first.", "key")
    if len(key) > LONGEST_KEY:
        raise InvalidRequest(f"The key has {len(key)} characters; {LONGEST_KEY} are the most.", "key")
    if _ASSIGNMENT.match(key):
        raise InvalidRequest("That is a whole line of a .env file. Enter only what stands after the = sign.", "key")
    if not key.isascii() or not key.isprintable() or any(character in " '\"" for character in key):
        raise InvalidRequest(
            "A key holds no spaces, quotes, line breaks or letters beyond ASCII. Copy it again.", "key"
        )
    return key


def check_default_models(settings: Settings, environment: Environment) -> None:
    """Refuses a default model of a provider that does not exist.

    Raises:
        SettingsError: names the variable, its place and the providers there are.
    """
    known = _known_providers(settings)
    for key in settings.default_models:
        variable = environment.get(f"{PREFIX}DEFAULT_MODELS__{key.upper()}")
        if key not in known and variable and variable.origin is not Origin.ENVIRONMENT:
            place = environment.place(variable)
            raise SettingsError(f"{place}: there is no provider of that name. Known: {', '.join(known).upper()}.")


def check_budgets(settings: Settings, environment: Environment) -> None:
    """Refuses the budget of a provider that does not exist: it would limit nothing.

    Raises:
        SettingsError: names the variable, its place and the providers there are.
    """
    known = _known_providers(settings)
    for key in settings.budgets:
        if key not in known:
            stem = f"{PREFIX}BUDGETS__{key.upper()}__"
            variable = environment.get(f"{stem}DAY", f"{stem}MONTH")
            place = environment.place(variable) if variable else stem
            raise SettingsError(f"{place}: there is no provider of that name. Known: {', '.join(known).upper()}.")


def _known_providers(settings: Settings) -> list[str]:
    """Every provider as the names of variables call it."""
    own = [default_model_key(f"custom:{name}") for name in settings.endpoints]
    return [default_model_key(vendor.name) for vendor in VENDORS] + own


def _checked_models(models: Iterable[str | None]) -> list[str]:
    named = [model.strip() for model in models if model and model.strip()]
    try:
        return _MODELS.validate_python(named)
    except ValidationError as error:
        if error.errors(include_url=False)[0]["type"] == "too_long":
            raise InvalidRequest(f"{len(named)} models are named; {MOST_MODELS} are the most.", "models") from error
        sentence = (
            "A model's name begins with a letter or digit; then come letters, digits and . _ : / @ + ~ -, up to 200."
        )
        raise InvalidRequest(sentence, "models") from error


def _origin(url: str) -> URL | None:
    """Scheme, host and port; None for what is no URL."""
    try:
        return URL(url).origin()
    except ValueError:
        return None
