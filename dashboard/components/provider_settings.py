"""A provider on the Settings page: where its key comes from, and the forms that change it."""

from __future__ import annotations

import streamlit as st

from conductor_core.providers import BaseProvider
from dashboard import runtime, state
from dashboard import settings_actions as actions
from dashboard.components import untrusted, who
from dashboard.settings_actions import field

_EXAMPLES = {
    "ollama": "http://127.0.0.1:11434/v1",
    "lmstudio": "http://127.0.0.1:1234/v1",
    "vllm": "http://127.0.0.1:8000/v1",
}


def provider_settings(name: str) -> None:
    """A configured provider's card: its state in words, a test, and what can be changed."""
    provider = runtime.get_conductor().providers.get(name)
    with st.container(border=True, height="stretch", gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            who.show(name, provider.default_model or "")
            with st.popover("Change", type="tertiary", key=field("change", _css(name))):
                _forms(provider)
        with st.container(gap="xxsmall"):
            for sentence in standing(provider):
                untrusted.caption(sentence)
        if provider.configured:
            test_line(name)


def add_a_provider(names: list[str]) -> None:
    """The providers that lack something, as a compact list; the chosen one's form below."""
    if not names:
        return
    st.markdown("**Add a provider**")
    chosen = st.pills("Add a provider", names, format_func=_shown, key=actions.ADDING, label_visibility="collapsed")
    if chosen not in names:
        st.caption("Choose one to enter its key or address; it stays on this machine and goes to that provider only.")
        return
    with st.container(border=True, key="adding-form"):
        _connect_form(runtime.get_conductor().providers.get(chosen))


def declare_an_endpoint() -> None:
    """The form for a server of the user's own that speaks OpenAI's dialect."""
    with st.expander("Declare an endpoint", icon=":material/add:", key="declaring"):
        st.caption("Any server that speaks OpenAI's Chat Completions: vLLM, llama.cpp, LiteLLM, a company's gateway.")
        _endpoint_form(actions.DECLARE)


@st.fragment
def test_line(name: str) -> None:
    """Asks the provider for its models, which nobody bills, and says what came of it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        pressed = st.button("Test connection", icon=":material/network_check:", key=field("test", name))
        if pressed:
            with st.spinner("Asking …", show_time=True):
                reached, sentence = actions.test_connection(name)
            sign = ":green[:material/check_circle:]" if reached else ":red[:material/error:]"
            st.markdown(f"{sign} {untrusted.plain(sentence)}")


def standing(provider: BaseProvider) -> list[str]:
    """Where its key and address come from, and what hides a saved one, in sentences."""
    if provider.unavailable:
        return [provider.unavailable]
    configuration = runtime.get_conductor().configuration
    key, address = configuration.key_of(provider.name), configuration.address_of(provider.name)
    found = []
    if key and provider.endpoint.key:
        found.append(f"Key {provider.endpoint.key.masked}, {actions.source(key)}.")
    elif not provider.endpoint.missing:
        found.append("No key is set." if provider.vendor.key_variables else "Needs no key.")
    if address:
        found.append(f"Reached at {address.value.partition('://')[2]}, {actions.source(address)}.")
    if key and not key.origin.typed and configuration.is_key_saved(provider.name):
        found.append(f"A key is saved too, but {actions.in_place(key)} hides it.")
    return found


def _forms(provider: BaseProvider) -> None:
    name = provider.name
    if name.startswith("custom:"):
        _endpoint_form(field("edit", name), provider)
    elif provider.vendor.key_variables or provider.vendor.base_url_variable:
        _connect_form(provider)
    _default_model(provider)
    _removals(provider)
    _refusal(name)


def _connect_form(provider: BaseProvider) -> None:
    """A key for a vendor; for a server of the user's own its address and the key it may want."""
    name, label, own = provider.name, provider.vendor.label, not provider.vendor.base_url
    with st.form(field("connect", name), border=False):
        if own:
            address = runtime.get_conductor().configuration.address_of(name)
            example = _EXAMPLES.get(name, "")
            st.text_input(
                f"Address of {label}",
                address.value if address else "",
                placeholder=example,
                key=field("address", name),
                help="Ends in /v1 as a rule.",
            )
        if provider.vendor.key_variables:
            _key_field(f"Key for {label}{', if it wants one' if own else ''}", name)
        with st.container(horizontal=True):
            if own:
                st.form_submit_button("Save", type="primary", on_click=actions.save_address, args=(name,))
            else:
                st.form_submit_button("Save", type="primary", on_click=actions.save_key, args=(name, True))
                st.form_submit_button("Use for this run", on_click=actions.save_key, args=(name, False))
    _refusal(name)
    home = runtime.get_conductor().settings.home
    untrusted.caption(f"Saved in {home / '.env'}, which only you can read. A key is never shown again.")


def _endpoint_form(place: str, provider: BaseProvider | None = None) -> None:
    models = ", ".join(provider.endpoint.models) if provider else ""
    with st.form(field("endpoint", place), border=False):
        if provider is None:
            st.text_input("Name", key=field("name", place), placeholder="my-box", max_chars=40)
        st.text_input(
            "Base URL",
            provider.endpoint.base_url if provider else "",
            key=field("address", place),
            placeholder="https://llm.example.com/v1",
        )
        _key_field("Key, if it wants one", place)
        st.text_input("Models, comma-separated", models, key=field("models", place), placeholder="those it lists")
        name = provider.name if provider else ""
        st.form_submit_button("Save", type="primary", on_click=actions.declare, args=(place, name))
    _refusal(place)


def _key_field(label: str, place: str) -> None:
    st.text_input(label, type="password", key=field("key", place), autocomplete="off", placeholder="paste it here")


def _default_model(provider: BaseProvider) -> None:
    name = provider.name
    models = runtime.get_conductor().catalog.known(name) if provider.configured else []
    st.selectbox(
        "Model used when none is named",
        models,
        index=0 if provider.default_model and models else None,
        placeholder="the first it lists",
        accept_new_options=True,
        key=field("default", name),
        on_change=actions.choose_model,
        args=(name,),
    )


def _removals(provider: BaseProvider) -> None:
    name = provider.name
    configuration = runtime.get_conductor().configuration
    key, address = configuration.key_of(name), configuration.address_of(name)
    if name.startswith("custom:"):
        st.button("Remove this endpoint", key=field("remove", name), on_click=actions.remove_endpoint, args=(name,))
    elif address and address.origin.typed and not provider.vendor.base_url:
        st.button("Remove the address", key=field("remove", name), on_click=actions.remove_address, args=(name,))
    if configuration.is_key_saved(name) or (key and key.origin.typed):
        words = "Remove the saved key" if configuration.is_key_saved(name) else "Forget the key of this run"
        st.button(words, key=field("remove-key", name), on_click=actions.remove_key, args=(name,))


def _refusal(place: str) -> None:
    if place in state.settings().refusals:
        untrusted.error(state.settings().refusals.pop(place))


def _shown(name: str) -> str:
    return untrusted.plain(f"{who.look_of(name).mark} {who.name_of(name)}")


def _css(name: str) -> str:
    return name.replace(":", "-")
