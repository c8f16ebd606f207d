"""Which provider and model the next message goes to, and with which parameters."""

from __future__ import annotations

import streamlit as st

from conductor_core.models import Provider
from conductor_core.routing.strategies import STRATEGIES
from conductor_core.turns import LaneSetup
from dashboard import runtime
from dashboard.components.who import look_of, name_of


def pick(setup: LaneSetup, key: str) -> LaneSetup:
    """Provider, model and parameters in as many rows as the place is wide for; returns what is chosen now."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key=f"picker-{key}"):
        setup = _provider(setup, key)
        setup = _model(setup, key)
        return _parameters(setup, key)


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


def _parameters(setup: LaneSetup, key: str) -> LaneSetup:
    with st.popover("", icon=":material/tune:", key=f"parameters-{key}", help="Temperature, max tokens, system prompt"):
        temperature = st.slider("Temperature", 0.0, 2.0, setup.temperature, 0.05, key=f"temperature-{key}")
        max_tokens = st.number_input("Max tokens", 1, 4000, setup.max_tokens, 50, key=f"max-tokens-{key}")
        system = st.text_area(
            "System prompt", setup.system, key=f"system-{key}", placeholder="How the model should behave", height=120
        )
    return setup.model_copy(update={"temperature": temperature, "max_tokens": max_tokens, "system": system.strip()})


def _shown(provider: str) -> str:
    if provider == Provider.AUTO:
        strategy = runtime.get_conductor().settings.strategy
        # An order of one's own is too long for the box.
        return f"AUTO · {strategy.replace('_', ' ')}" if strategy in STRATEGIES else "AUTO · own order"
    return f"{look_of(provider).mark} {name_of(provider)}"
