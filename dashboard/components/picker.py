"""Which provider and model the next message goes to, and with which parameters."""

from __future__ import annotations

import streamlit as st

from conductor_core.models import Provider
from conductor_core.turns import LaneSetup
from dashboard import runtime
from dashboard.components import untrusted
from dashboard.components.who import look_of, name_of

DEFAULT_MODEL = "default model"


def provider_and_model(setup: LaneSetup, key: str) -> LaneSetup:
    """Two boxes side by side; returns the setup as it is chosen now."""
    left, right = st.columns(2, gap="small")
    usable = [provider.name for provider in runtime.get_conductor().providers.available()]
    names = [str(Provider.AUTO), *usable]
    if setup.provider not in names:
        names.append(setup.provider)
    provider = left.selectbox(
        "Provider",
        names,
        index=names.index(setup.provider),
        format_func=_shown,
        key=f"provider-{key}",
        label_visibility="collapsed",
        help="AUTO picks the fastest healthy provider and says why.",
    )
    changed = provider != setup.provider
    model = None if changed else setup.model
    if provider == Provider.AUTO:
        right.selectbox(
            "Model", ["AUTO chooses the model"], key=f"model-{key}-auto", label_visibility="collapsed", disabled=True
        )
        return setup.model_copy(update={"provider": provider, "model": None})
    models = runtime.get_conductor().catalog.known(provider)
    if model and model not in models:
        models = [model, *models]
    chosen = right.selectbox(
        "Model",
        models,
        index=models.index(model) if model else (0 if models else None),
        key=f"model-{key}-{provider}",
        label_visibility="collapsed",
        placeholder=DEFAULT_MODEL,
        accept_new_options=True,
        format_func=untrusted.plain,
    )
    return setup.model_copy(update={"provider": provider, "model": chosen})


def parameters(setup: LaneSetup, key: str, label: str = "Parameters") -> LaneSetup:
    """Temperature, longest answer and system prompt in a popover; returns the setup as it is chosen now."""
    with st.popover(
        label, icon=":material/tune:", key=f"parameters-{key}", help="Temperature, max tokens, system"
    ):
        temperature = st.slider("Temperature", 0.0, 2.0, setup.temperature, 0.05, key=f"temperature-{key}")
        max_tokens = st.number_input("Max tokens", 1, 4000, setup.max_tokens, 50, key=f"max-tokens-{key}")
        system = st.text_area(
            "System prompt", setup.system, key=f"system-{key}", placeholder="How the model should behave", height=120
        )
    return setup.model_copy(update={"temperature": temperature, "max_tokens": max_tokens, "system": system.strip()})


def _shown(provider: str) -> str:
    if provider == Provider.AUTO:
        return "AUTO · best provider"
    return f"{look_of(provider).mark} {untrusted.plain(name_of(provider))}"
