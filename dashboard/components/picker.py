"""Which provider and model the next message goes to, and with which parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from conductor_core.models import Provider
from conductor_core.routing.strategies import STRATEGIES
from conductor_core.turns import LaneSetup
from dashboard import runtime
from dashboard.components import personas
from dashboard.components.who import look_of, name_of

HIGHEST_SEED = 2**53 - 1
"""A browser's numbers are exact up to here."""


def pick(
    setup: LaneSetup, key: str, within: Callable[[], None] | None = None, beside: Callable[[], None] | None = None
) -> LaneSetup:
    """Provider, model and parameters in as many rows as the place is wide for; returns what is chosen now.

    Args:
        within: draws what else belongs under the parameters.
        beside: draws what belongs beside the provider.
    """
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key=f"picker-{key}"):
        setup = _provider(setup, key)
        if beside:
            beside()
        setup = _model(setup, key)
        return _parameters(setup, key, within)


def taken_in(setup: LaneSetup, key: str) -> LaneSetup:
    """A setup with what its picker says now, also where the page has not been drawn since."""
    if f"system-{key}" not in st.session_state:  # it is not on the page
        return setup
    provider, model = st.session_state[f"provider-{key}"], setup.model
    if provider != setup.provider:
        model = None
    elif provider != Provider.AUTO:
        model = st.session_state.get(f"model-{key}-{provider}", model)  # not there yet where the last run was cut short
    chosen = {"provider": provider, "model": model, "system": system_prompt(key)}
    return setup.model_copy(update=parameters(key) | chosen)


def parameters(key: str) -> dict[str, Any]:
    """What the widgets of a picker say now of all but the system prompt."""
    names = {"temperature": "temperature", "max_tokens": "max-tokens", "top_p": "top-p", "seed": "seed"}
    return {name: st.session_state[f"{widget}-{key}"] for name, widget in names.items()}


def system_prompt(key: str) -> str:
    """The same of the system prompt."""
    return str(st.session_state[f"system-{key}"] or "").strip()


def _provider(setup: LaneSetup, key: str) -> LaneSetup:
    names = [str(Provider.AUTO), *(provider.name for provider in runtime.get_conductor().providers.available())]
    if setup.provider not in names:
        names.append(setup.provider)
    provider = st.selectbox(
        "Provider",
        names,
        index=names.index(setup.provider),
        format_func=_shown,
        key=f"provider-{key}",
        label_visibility="collapsed",
    )
    return setup if provider == setup.provider else setup.model_copy(update={"provider": provider, "model": None})


def _model(setup: LaneSetup, key: str) -> LaneSetup:
    if setup.provider == Provider.AUTO:
        st.selectbox("Model", ["by AUTO"], key=f"model-{key}-auto", label_visibility="collapsed", disabled=True)
        return setup
    models = runtime.get_conductor().catalog.known(setup.provider)
    if setup.model and setup.model not in models:
        models = [setup.model, *models]
    model = st.selectbox(
        "Model",
        models,
        index=models.index(setup.model) if setup.model else (0 if models else None),
        key=f"model-{key}-{setup.provider}",
        label_visibility="collapsed",
        placeholder="default model",
        accept_new_options=True,
    )
    return setup.model_copy(update={"model": model})


def _parameters(setup: LaneSetup, key: str, within: Callable[[], None] | None) -> LaneSetup:
    tip = "Temperature, max tokens, system prompt"
    with st.popover("Parameters of the model", icon=":material/tune:", key=f"parameters-{key}", help=tip):
        st.slider("Temperature", 0.0, 2.0, setup.temperature, 0.05, key=f"temperature-{key}")
        st.number_input("Max tokens", 1, 4000, setup.max_tokens, 50, key=f"max-tokens-{key}")
        top_p, seed = st.columns(2)
        top_p.number_input(
            "Top p",
            0.01,
            1.0,
            setup.top_p,
            0.05,
            key=f"top-p-{key}",
            placeholder="model's own",
            help="Only the likeliest words that together reach this share are drawn from.",
        )
        seed.number_input(
            "Seed",
            0,
            HIGHEST_SEED,
            setup.seed,
            1,
            key=f"seed-{key}",
            placeholder="none",
            help="The same seed brings much the same answer, where a provider takes one.",
        )
        personas.system_prompt(setup.system, key)
        if within:
            within()
    personas.ask(key)
    return taken_in(setup, key)


def _shown(provider: str) -> str:
    if provider == Provider.AUTO:
        strategy = runtime.get_conductor().settings.strategy
        # An order of one's own is too long for the box.
        return f"AUTO · {strategy.replace('_', ' ')}" if strategy in STRATEGIES else "AUTO · own order"
    return f"{look_of(provider).mark} {name_of(provider)}"
