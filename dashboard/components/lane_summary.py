"""How the lanes of one prompt did: a table, and a chart for those who would rather look."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from conductor_core.answers import Answer
from conductor_core.kinds import CostKind
from dashboard.components import numbers, untrusted
from dashboard.components.who import look_of, name_of


def draw(answers: Sequence[Answer]) -> None:
    """Figures of every lane that was sent; lanes that failed before that are left out."""
    sent = [answer for answer in answers if answer.latency_ms is not None]
    if not sent:
        return
    st.table([_row(answer) for answer in sent])


def _row(answer: Answer) -> dict[str, str]:
    estimated = answer.cost_kind is CostKind.ESTIMATED
    return {
        "Lane": f"{answer.lane + 1} {look_of(answer.provider).mark} {untrusted.plain(name_of(answer.provider))}",
        "Model": untrusted.plain(answer.model),
        "State": answer.state,
        "First token": numbers.seconds(answer.ttft_ms),
        "Whole answer": numbers.seconds(answer.latency_ms),
        "Speed": numbers.rate(answer.tokens_per_second),
        "Tokens in → out": numbers.tokens(answer.prompt_tokens, answer.completion_tokens, estimated),
        "Cost": untrusted.plain(numbers.money(answer.cost_usd, answer.cost_kind)),
    }
