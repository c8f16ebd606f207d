"""What the user does with API keys in Settings, handed to the core. A token is kept here until its reader closes it."""

from __future__ import annotations

import time

import streamlit as st

from conductor_core.errors import ConductorError
from conductor_core.keys.key import Scope, Wish
from conductor_core.keys.ring import KeyRing
from dashboard import runtime, state
from dashboard.settings_actions import field

KEYS = "api-keys"
MAKING = "api-keys-making"
"""Where the form is told why it made no key."""
DAYS = {"never": None, "in 7 days": 7, "in 30 days": 30, "in 90 days": 90, "in a year": 365}
"""When a new key may expire."""
_DAY_MS = 86_400_000


def make() -> None:
    """Makes the key that the form asks for and shows its token; a refused form keeps what was typed."""
    name, scopes, expires, usd, requests, tokens, running = (
        st.session_state.get(field(what, KEYS))
        for what in ("name", "scopes", "expires", "usd", "requests", "tokens", "running")
    )
    days = DAYS.get(expires or "never")
    wish = Wish(
        name=name or "",
        scopes=[Scope(scope) for scope in scopes or ()],
        expires_at=None if days is None else time.time_ns() // 1_000_000 + days * _DAY_MS,
        budget_day=usd,
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        concurrency=running,
    )
    settings = state.settings()
    settings.refusals.pop(MAKING, None)
    try:
        settings.token = runtime.run(_keys().create(wish))
    except ConductorError as error:
        settings.refusals[MAKING] = str(error)
        return
    st.session_state[field("name", KEYS)] = ""


def show_first() -> None:
    """Shows the token of the key that was made at the first start."""
    settings = state.settings()
    try:
        settings.token = runtime.run(_keys().show_first())
    except ConductorError as error:
        settings.refusals[KEYS] = str(error)


def forget_token() -> None:
    """Its reader has closed it: nobody sees it again."""
    state.settings().token = None


def ask_revoking(id: str) -> None:
    """Asks first; an empty id takes the question back."""
    state.settings().revoking = id


def revoke(id: str) -> None:
    """Takes a key back."""
    settings = state.settings()
    settings.revoking = ""
    try:
        runtime.run(_keys().revoke(id))
    except ConductorError as error:
        settings.refusals[KEYS] = str(error)
    else:
        settings.done = "The key is revoked."


def _keys() -> KeyRing:
    return runtime.get_conductor().keys
