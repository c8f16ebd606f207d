"""How the lanes of one prompt did: a chart for those who would rather look, and the table with every figure."""

from __future__ import annotations

import streamlit as st

from conductor_core.answers import Answer, Exchange
from conductor_core.kinds import CostKind
from dashboard.components import charts, facts, numbers, untrusted
from dashboard.components.who import look_of, name_of


def draw(exchange: Exchange) -> None:
    """Figures of every lane that was sent; a lane that failed before has none."""
    sent = [answer for answer in exchange.sides if answer.latency_ms is not None]
    if not sent:
        return
    st.markdown("**How they did**")
    st.plotly_chart(
        charts.lanes([_figures(exchange, answer) for answer in sent]),
        config=charts.CONFIG,
        key=f"lanes-{sent[0].id}",
        alt="First token, whole answer, tokens per second and cost of each lane",
    )
    st.table([_row(exchange, answer) for answer in sent])


def _figures(exchange: Exchange, answer: Answer) -> charts.LaneFigures:
    return charts.LaneFigures(
        label=f"{exchange.side(answer.lane)} {name_of(answer.provider)}",
        look=look_of(answer.provider),
        ttft_ms=answer.ttft_ms,
        latency_ms=answer.latency_ms,
        tokens_per_second=answer.tokens_per_second,
        cost_usd=answer.cost_usd,
        cost_kind=facts.cost_kind(answer),
    )


def _row(exchange: Exchange, answer: Answer) -> dict[str, str]:
    estimated = answer.cost_kind is CostKind.ESTIMATED
    return {
        "Lane": f"{exchange.side(answer.lane)} {look_of(answer.provider).mark} "
        f"{untrusted.plain(name_of(answer.provider))}",
        "Model": untrusted.plain(answer.model),
        "State": answer.state,
        "First token": numbers.seconds(answer.ttft_ms),
        "Whole answer": numbers.seconds(answer.latency_ms),
        "Speed": numbers.rate(answer.tokens_per_second),
        "Tokens in → out": untrusted.plain(numbers.tokens(answer.prompt_tokens, answer.completion_tokens, estimated)),
        "Cost": untrusted.plain(numbers.money(answer.cost_usd, facts.cost_kind(answer))),
    }
