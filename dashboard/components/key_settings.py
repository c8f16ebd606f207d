"""In Settings: API keys, with which programs ask Conductor as they would ask OpenAI."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import streamlit as st

from conductor_core.keys.key import REQUESTS_PER_MINUTE, ApiKey, Scope
from conductor_core.keys.ring import VARIABLE
from conductor_core.names import NAME_CHARACTERS
from conductor_core.secret import Secret
from dashboard import key_actions as actions
from dashboard import runtime, settings_actions, state
from dashboard.components import numbers, untrusted
from dashboard.components.clock import reader_now, reader_time
from dashboard.settings_actions import field

_SCOPES = {
    Scope.CHAT: "chat: ask models",
    Scope.READ: "read: status, models, calls",
    Scope.CONVERSATIONS: "conversations: read them",
}
_AMOUNT: dict[str, Any] = {"min_value": 1, "step": 1, "placeholder": "no limit", "width": 160}
_EXAMPLE = """curl {url}/v1/chat/completions \\
  -H "Authorization: Bearer sk-cond-…" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "auto", "messages": [{{"role": "user", "content": "Hello"}}]}}'"""


def keys() -> None:
    """Every key as a card, how keys are used, and the form for one more."""
    ring, settings = runtime.get_conductor().keys, state.settings()
    place = address().partition("://")[2]
    untrusted.caption(f"Programs ask at {place}/v1 as they would ask OpenAI, each with a key of its own.")
    if refusal := settings.refusals.pop(actions.KEYS, ""):
        untrusted.error(refusal)
    known, now = ring.all(), int(reader_now().timestamp() * 1000)
    live = [key for key in known if key.lets_in(now)]
    with st.grid(min_column_width=320, gap="small"):
        if ring.first:
            _first(ring.first)
        for key in live:
            _card(key)
    _over([key for key in known if not key.lets_in(now)])
    _form()
    _usage()
    if settings.token:
        _token(*settings.token)
    elif asked := ring.find(settings.revoking):
        _confirm(asked)


def address() -> str:
    """Where programs reach this installation: as its reader does."""
    opened, settings = st.context.url, runtime.get_conductor().settings
    return "/".join(opened.split("/")[:3]) if opened else f"http://{settings.host}:{settings.port}"


def limits(key: ApiKey, spent: float = 0.0) -> str:
    """`600 requests a minute · $0.12 of $5.00 today`."""
    found = []
    if key.requests_per_minute is not None:
        found.append(f"{numbers.count(key.requests_per_minute)} requests a minute")
    if key.tokens_per_minute is not None:
        found.append(f"{numbers.count(key.tokens_per_minute)} tokens a minute")
    if key.concurrency is not None:
        found.append(f"{numbers.count(key.concurrency)} at a time")
    if key.budget_day is not None:
        found.append(f"{numbers.money(spent)} of {numbers.money(key.budget_day)} today")
    return " · ".join(found) or "no limits"


def dates(key: ApiKey) -> str:
    """`Made 23 Nov 2026 · last used 14:02 · expires 23 Dec 2026`."""
    found = [] if key.is_environments else [f"made {_day(key.created_at)}"]
    found.append(f"last used {_moment(key.last_used_at)}" if key.last_used_at else "not used yet")
    if key.expires_at is not None:
        found.append(f"expires {_day(key.expires_at)}")
    line = " · ".join(found)
    return line[0].upper() + line[1:]


def _card(key: ApiKey) -> None:
    spent, _ = runtime.get_conductor().keys.budgets.today(key.id) if key.budget_day is not None else (0.0, 0.0)
    with st.container(border=True, height="stretch", gap="small", key=f"api-key-{key.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{untrusted.plain(key.name)}**")
            if not key.is_environments:
                st.button(
                    "Revoke …",
                    key=field("revoke", key.id),
                    type="tertiary",
                    on_click=actions.ask_revoking,
                    args=(key.id,),
                )
        with st.container(gap="xxsmall"):
            untrusted.caption(f"{_shown(key)} · {_scopes(key)}")
            untrusted.caption(limits(key, spent))
            untrusted.caption(dates(key))
            if key.is_environments:
                st.caption("It can't be revoked here: take the variable back where it is set, and start anew.")


def _first(key: ApiKey) -> None:
    with st.container(border=True, height="stretch", gap="small", key="api-key-first"):
        st.markdown(f"**{untrusted.plain(key.name)}**")
        with st.container(gap="xxsmall"):
            untrusted.caption(f"Made at the first start · {_scopes(key)}")
            untrusted.caption(limits(key))
        st.button("Show its token", key="show-first-key", on_click=actions.show_first)
        st.caption("It is shown once.")


def _over(over: list[ApiKey]) -> None:
    """Keys that let nobody in any more; Health goes on naming them."""
    if not over:
        return
    with st.expander(f"Revoked and expired ({numbers.count(len(over))})", key="over-keys"):
        for key in over:
            at = key.revoked_at or key.expires_at or 0
            how = "revoked" if key.revoked_at else "expired"
            untrusted.caption(f"{key.name} · {_shown(key)} · {how} {_moment(at)}")


def _usage() -> None:
    with st.expander("Use a key", icon=":material/terminal:", key="using-key"):
        st.caption("Libraries made for OpenAI take this as `base_url`, and a key as `api_key`:")
        st.code(f"{address()}/v1", language=None)
        st.caption("From a shell:")
        st.code(_EXAMPLE.format(url=address()), language="bash", wrap_lines=True)
        st.caption("Every route, to read about and to try: [the API's documentation](/api/docs).")


def _form() -> None:
    with st.expander("Make a key", icon=":material/add:", key="making-key"), st.form(actions.KEYS, border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name, expires = field("name", actions.KEYS), field("expires", actions.KEYS)
            st.text_input("Name", key=name, placeholder="my-program", max_chars=NAME_CHARACTERS, width=320)
            st.selectbox("Expires", list(actions.DAYS), key=expires, width=160)
        st.pills(
            "It may",
            list(Scope),
            selection_mode="multi",
            default=[Scope.CHAT, Scope.READ],
            format_func=_SCOPES.__getitem__,
            key=field("scopes", actions.KEYS),
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            usd, requests, tokens, running = (
                field(what, actions.KEYS) for what in ("usd", "requests", "tokens", "running")
            )
            st.number_input("Requests a minute", value=REQUESTS_PER_MINUTE, key=requests, **_AMOUNT)
            st.number_input("Tokens a minute", value=None, key=tokens, **_AMOUNT)
            st.number_input("At the same time", value=None, key=running, **_AMOUNT)
            amount = _AMOUNT | {"min_value": 0.0, "step": 1.0, "format": "%g"}
            st.number_input("USD per day", value=None, key=usd, **amount)
        st.form_submit_button("Make key", type="primary", on_click=actions.make)
        if refusal := state.settings().refusals.pop(actions.MAKING, ""):
            untrusted.error(refusal)


@st.dialog("Copy this token now", on_dismiss=actions.forget_token)
def _token(key: ApiKey, token: Secret) -> None:
    untrusted.text(f"It is the key “{key.name}”. It is not shown again: only its hash is kept.")
    st.code(token.reveal(), language=None, wrap_lines=True)
    if st.button("Done", key="token-done", type="primary", on_click=actions.forget_token):
        st.rerun()


@st.dialog("Revoke this key?", on_dismiss=lambda: actions.ask_revoking(""))
def _confirm(key: ApiKey) -> None:
    untrusted.text(f"{key.name} · {_shown(key)}")
    st.caption("Programs that use it are refused from now on. Its calls go on naming it. This can't be undone.")
    yes, no = st.columns(2)
    revoked = yes.button(
        "Revoke", key="revoke-yes", type="primary", width="stretch", on_click=actions.revoke, args=(key.id,)
    )
    kept = no.button("Keep", key="revoke-no", width="stretch", on_click=actions.ask_revoking, args=("",))
    if revoked or kept:
        st.rerun()


def _shown(key: ApiKey) -> str:
    """What tells keys apart: how the token begins, or where the environment's comes from."""
    if not key.is_environments:
        return f"{key.prefix}…"
    conductor = runtime.get_conductor()
    secret, variable = conductor.settings.api_key, conductor.environment.get(VARIABLE)
    return f"{secret.masked if secret else '…'}, {settings_actions.source(variable) if variable else ''}"


def _scopes(key: ApiKey) -> str:
    return ", ".join(scope for scope in Scope if scope in key.scopes)


def _day(at: int) -> str:
    return f"{reader_time(at):%-d %b %Y}"


def _moment(at: int) -> str:
    """The time of day of today, else the day."""
    moment: datetime = reader_time(at)
    return f"{moment:%H:%M}" if moment.date() == reader_now().date() else _day(at)
