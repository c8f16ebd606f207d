"""Settings: providers and their keys, the user's own endpoints, limits, API keys, and what this installation is."""

from __future__ import annotations

import streamlit as st

from dashboard import runtime, state
from dashboard.components import (
    budget_settings,
    drill,
    installation,
    key_settings,
    price_settings,
    transfer_settings,
    untrusted,
)
from dashboard.components.provider_settings import add_a_provider, declare_an_endpoint, provider_settings

settings = state.settings()
st.header("Settings", anchor=False)
if settings.done:
    st.toast(untrusted.plain(settings.done), icon=":material/check:")
    settings.done = ""

providers = runtime.get_conductor().providers
vendors = [name for name in providers.names() if name != "local" and not name.startswith("custom:")]
endpoints = [name for name in providers.names() if name.startswith("custom:")]
configured = [name for name in vendors if providers.get(name).configured]

with st.container(key="settings"):
    if configured:
        st.markdown("**Providers**")
        with st.grid(min_column_width=320, gap="small"):
            for name in configured:
                provider_settings(name)
    add_a_provider([name for name in vendors if name not in configured])

    st.markdown("**Your own endpoints**")
    if endpoints:
        with st.grid(min_column_width=320, gap="small"):
            for name in endpoints:
                provider_settings(name)
    declare_an_endpoint()

    st.markdown("**The local model**")
    with st.grid(min_column_width=320, gap="small"):
        provider_settings("local")
        installation.local_models()

    st.markdown("**Budgets**")
    budget_settings.budgets()

    st.markdown("**Prices**")
    price_settings.prices()

    st.markdown("**API keys**")
    key_settings.keys()

    st.markdown("**Your conversations**")
    transfer_settings.conversations()

    drill.controls()

    st.markdown("**This installation**")
    installation.facts()
