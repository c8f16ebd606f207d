"""What the user changed in Settings, handed to the core. A key is taken out of its field before anything else."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import streamlit as st

from conductor_core.configuration import Changed, Configuration
from conductor_core.environment import Origin, Variable
from conductor_core.errors import ConductorError
from dashboard import runtime, state

ADDING = "adding"
DECLARE = "declare"
BUDGETS = "budgets"
PRICES = "prices"
TEST_SECONDS = 90.0
"""Longer than a provider may take to answer, so that its own sentence comes first."""


def field(what: str, place: str) -> str:
    """The widget key of one field of one form."""
    return f"{what}-{place}"


def save_key(provider: str, keep: bool) -> None:
    """Uses the key that was entered, from now on or until the process ends."""
    key = _taken(field("key", provider))
    changed = _changed(provider, _configuration().set_key(provider, key, keep=keep))
    if changed:
        words = "The key is saved." if keep else "The key is used until Conductor stops."
        _say(f"{_label(provider)}: {words} {_hidden_words(changed.hidden_by)}")
        st.session_state.pop(ADDING, None)


def remove_key(provider: str) -> None:
    """Forgets the key saved or entered here."""
    changed = _changed(provider, _configuration().remove_key(provider))
    if changed:
        _say(f"{_label(provider)}: The key is removed here. {_hidden_words(changed.hidden_by)}")


def choose_model(provider: str) -> None:
    """Saves the model that is used when none is named."""
    model = st.session_state.get(field("default", provider))
    changed = _changed(provider, _configuration().set_default_model(provider, model))
    if changed:
        _say(f"{_label(provider)}: {model or 'Its own default'} is used by default. {_hidden_words(changed.hidden_by)}")


def save_address(provider: str) -> None:
    """Saves where a server of the user's own is reached."""
    url, key = st.session_state.get(field("address", provider)) or "", _taken(field("key", provider))
    changed = _changed(provider, _configuration().set_address(provider, url, key))
    if changed:
        _say(f"{_label(provider)}: The address is saved. {_address_words(changed)}")
        st.session_state.pop(ADDING, None)


def remove_address(provider: str) -> None:
    """Forgets where a server of the user's own is reached, and its key."""
    changed = _changed(provider, _configuration().remove_address(provider))
    if changed:
        _say(f"{_label(provider)}: The address is removed. {_hidden_words(changed.hidden_by)}")


def declare(place: str, provider: str = "") -> None:
    """Declares an endpoint, or changes the one given. A refused form keeps what was typed, but for the key."""
    fields = {what: st.session_state.get(field(what, place)) or "" for what in ("name", "address", "models")}
    key = _taken(field("key", place))
    name = provider.removeprefix("custom:") or fields["name"]
    models = fields["models"].split(",")
    changed = _changed(place, _configuration().declare(name, fields["address"], key, models, new=not provider))
    if changed:
        _say(f"{name.strip().lower()}: The endpoint is saved. {_address_words(changed)}")
        if not provider:
            st.session_state.update({field(what, place): "" for what in fields})


def remove_endpoint(provider: str) -> None:
    """Forgets an endpoint and its key."""
    label = _label(provider)
    if _changed(provider, _configuration().remove_endpoint(provider)):
        _say(f"{label}: The endpoint is removed.")


def save_budgets() -> None:
    """Saves what a day and a month may cost, and what AUTO does beyond it."""
    day, month, beyond = (st.session_state.get(field(what, BUDGETS)) for what in ("day", "month", "beyond"))
    changed = _changed(BUDGETS, _configuration().set_budgets(day, month, beyond or "refuse"))
    if changed:
        _say(f"The budgets are saved. {_hidden_words(changed.hidden_by)}")


def save_price() -> None:
    """Saves what a model costs."""
    provider, model, prompt, completion = (
        st.session_state.get(field(what, PRICES)) for what in ("provider", "model", "prompt", "completion")
    )
    work = _configuration().set_price(provider or "", (model or "").strip(), prompt or 0.0, completion or 0.0)
    changed = _changed(PRICES, work)
    if changed:
        _say(f"{_label(provider or '')}: The price is saved. {_hidden_words(changed.hidden_by)}")
        st.session_state[field("model", PRICES)] = ""


def remove_price(provider: str, model: str) -> None:
    """Takes a price back."""
    changed = _changed(PRICES, _configuration().remove_price(provider, model))
    if changed:
        _say(f"{_label(provider)}: The price is removed. {_hidden_words(changed.hidden_by)}")


def test_connection(provider: str) -> tuple[bool, str]:
    """Whether a provider is reached and takes its key, with the sentence that says so. Lists its models, unbilled."""
    try:
        models = runtime.run(runtime.get_conductor().catalog.ask(provider), TEST_SECONDS)
    except ConductorError as error:
        return False, str(error)
    return True, f"Reached: {'1 model' if len(models) == 1 else f'{len(models):,} models'}."


def _configuration() -> Configuration:
    return runtime.get_conductor().configuration


def _label(provider: str) -> str:
    return runtime.get_conductor().providers.label(provider)


def _taken(widget: str) -> str:
    """What was typed into a password field, which is emptied: a key stays in no session."""
    typed = st.session_state.get(widget) or ""
    st.session_state[widget] = ""
    return str(typed)


def _changed(place: str, work: Coroutine[Any, Any, Changed]) -> Changed | None:
    """What a change came to, or None when it was refused; the reason is then shown in its place."""
    settings = state.settings()
    settings.refusals.pop(place, None)
    try:
        return runtime.run(work)
    except ConductorError as error:
        settings.refusals[place] = str(error)
        return None


def _say(sentence: str) -> None:
    state.settings().done = sentence.strip()


def _hidden_words(hidden_by: Variable | None) -> str:
    return f"But {in_place(hidden_by)} stays in force." if hidden_by else ""


def _address_words(changed: Changed) -> str:
    dropped = "It is another host: the key was removed, enter the one for this host." if changed.dropped_key else ""
    return f"{dropped} {_hidden_words(changed.hidden_by)}".strip()


def source(variable: Variable) -> str:
    """Where a variable comes from, as the end of a sentence: `from the environment (GEMINI_API_KEY)`."""
    if variable.origin is Origin.RUN:
        return str(Origin.RUN)
    if variable.origin is Origin.HOME:
        return f"saved in {Origin.HOME}"
    return f"from {_place(variable.origin)} ({variable.name})"


def in_place(variable: Variable) -> str:
    """A variable and where it lies, as the beginning of a sentence: `GEMINI_API_KEY in the environment`."""
    return f"{variable.name} in {_place(variable.origin)}"


def _place(origin: Origin) -> str:
    return "the environment" if origin is Origin.ENVIRONMENT else str(origin)
