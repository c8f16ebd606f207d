"""In Settings: what models cost, where the price table is wrong or says nothing."""

from __future__ import annotations

from typing import Any

import streamlit as st

from conductor_core.pricing import ANY_MODEL, OwnPrice, price_table_version
from dashboard import runtime, state
from dashboard import settings_actions as actions
from dashboard.components import untrusted
from dashboard.components.who import name_of

_AMOUNT: dict[str, Any] = {"min_value": 0.0, "max_value": 999_999.0, "step": 0.1, "format": "%.4g", "width": 150}


def prices() -> None:
    """The owner's prices, each with a way to take it back, and a form for one more."""
    untrusted.caption(
        f"Calls are priced by {price_table_version()}. A price of your own holds from the next call on; "
        "what was charged before stays as it is."
    )
    refusal = state.settings().refusals.pop(actions.PRICES, "")
    if refusal:
        untrusted.error(refusal)
    for place, ((provider, model), price) in enumerate(sorted(runtime.get_conductor().settings.prices.items())):
        with st.container(horizontal=True, vertical_alignment="center"):
            untrusted.caption(words(provider, model, price))
            st.button(
                "Remove",
                key=f"remove-price-{place}",
                on_click=actions.remove_price,
                args=(provider, model),
                type="tertiary",
            )
    _form()


def words(provider: str, model: str, price: OwnPrice) -> str:
    """`OpenAI gpt-4.1: $2 in, $8 out per million tokens`."""
    which = "all other models" if model == ANY_MODEL else model
    return f"{name_of(provider)} {which}: ${price.prompt:g} in, ${price.completion:g} out per million tokens"


def _form() -> None:
    providers = runtime.get_conductor().providers.names()
    with st.form(actions.PRICES, border=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            provider, model, prompt, completion = (
                actions.field(what, actions.PRICES) for what in ("provider", "model", "prompt", "completion")
            )
            st.selectbox("Provider", providers, format_func=name_of, key=provider, width=200)
            st.text_input("Model", placeholder="its name, or * for all others", key=model, width=240)
            st.number_input("USD per million in", value=0.0, key=prompt, **_AMOUNT)
            st.number_input("USD per million out", value=0.0, key=completion, **_AMOUNT)
        st.form_submit_button("Save price", on_click=actions.save_price)
