"""In Settings: what a day and a month may cost, and how the budgets stand."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import runtime, state
from dashboard import settings_actions as actions
from dashboard.components import budget_line, untrusted

_AMOUNT: dict[str, Any] = {"min_value": 0.0, "step": 1.0, "format": "%g", "placeholder": "no limit", "width": 160}
_BEYOND = {"refuse": "Refuse", "free": "Ask free providers only"}


def budgets() -> None:
    """The form for the whole installation; a provider's own are set by variables and listed here."""
    conductor = runtime.get_conductor()
    st.caption(
        "What a call may cost at most is taken from the budget before it is sent, and what it did not cost is given "
        "back. A call it has no room for is not sent; free providers always answer."
    )
    refusal = state.settings().refusals.pop(actions.BUDGETS, "")
    if refusal:
        untrusted.error(refusal)
    if conductor.webhook.trouble:
        untrusted.warning(conductor.webhook.trouble)
    for line in conductor.gateway.budgets.standing():
        untrusted.caption(budget_line.words(line))
    _form()


def _form() -> None:
    settings = runtime.get_conductor().settings
    with st.form(actions.BUDGETS, border=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            day, month = (actions.field(what, actions.BUDGETS) for what in ("day", "month"))
            st.number_input("USD per day", value=settings.budget_day, key=day, **_AMOUNT)
            st.number_input("USD per month", value=settings.budget_month, key=month, **_AMOUNT)
            st.segmented_control(
                "When it is used up, AUTO should",
                list(_BEYOND),
                default=settings.budget_beyond,
                format_func=_BEYOND.__getitem__,
                required=True,
                key=actions.field("beyond", actions.BUDGETS),
            )
        st.form_submit_button("Save budgets", on_click=actions.save_budgets)
    st.caption("A provider's own: `CONDUCTOR_BUDGETS__<PROVIDER>__DAY` and `__MONTH`.")
