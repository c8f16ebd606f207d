"""How the lanes of one prompt did: the table with every figure, how far repeated ones differ, and charts on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import streamlit as st

from conductor_core.answers import Answer, Exchange
from conductor_core.kinds import CostKind
from conductor_core.spread import Spread, repeated
from dashboard.components import charts, facts, numbers, untrusted
from dashboard.components.who import look_of, name_of


def draw(exchange: Exchange, order: Iterable[int]) -> None:
    """Figures of every lane that was sent; a lane that failed before has none.

    Args:
        order: of the lanes, as they are shown.
    """
    by_lane = {answer.lane: answer for answer in exchange.answers if answer.latency_ms is not None}
    sent = [by_lane[lane] for lane in order if lane in by_lane]
    if not sent:
        return
    st.markdown("**How they did**")
    untrusted.table([row(exchange, answer) for answer in sent], "How they did")
    groups = repeated(exchange)
    if groups:
        st.markdown("**How far the same lanes differ**")
        untrusted.table([_spread_row(exchange, answers) for answers in groups], "How far the same lanes differ")
    if st.toggle("Charts", key=f"charts-{exchange.prompt_id}"):
        st.plotly_chart(
            charts.lanes([_figures(exchange, answer) for answer in sent]),
            config=charts.CONFIG,
            key=f"lanes-{sent[0].id}",
            alt="First token, whole answer, tokens per second and cost of each lane",
        )


def figures(exchange: Exchange, answer: Answer) -> dict[str, str]:
    """What is measured of one answer, by name, as plain text."""
    estimated = answer.cost_kind is CostKind.ESTIMATED
    place = exchange.places.get(answer.lane)
    return {
        "State": str(answer.state),
        "Place": numbers.ordinal(place) if place else numbers.MISSING,
        "First token": numbers.seconds(answer.ttft_ms),
        "Whole answer": numbers.seconds(answer.latency_ms),
        "Speed": numbers.unbroken(numbers.rate(answer.tokens_per_second)),
        "Tokens in → out": numbers.tokens(answer.prompt_tokens, answer.completion_tokens, estimated),
        "Cost": cost_words(answer),
        "Characters": numbers.count(len(answer.text)),
        "Finish": str(answer.finish_reason or numbers.MISSING),
    }


def cost_words(answer: Answer) -> str:
    """`$0.0004 reported`, `~$0.0004 estimated`, `free`, `price unknown`."""
    kind = facts.cost_kind(answer)
    money = numbers.money(answer.cost_usd, kind)
    return f"{money} {kind}" if kind in (CostKind.REPORTED, CostKind.ESTIMATED) else money


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


def row(exchange: Exchange, answer: Answer) -> dict[str, str]:
    """A row of the table."""
    return {
        "Lane": f"{exchange.side(answer.lane)} {look_of(answer.provider).mark} {name_of(answer.provider)}",
        "Model": answer.model,
        **figures(exchange, answer),
    }


def _spread_row(exchange: Exchange, answers: Sequence[Answer]) -> dict[str, str]:
    """The middle of each figure, and in brackets the least and the most."""
    first = answers[0]
    return {
        "Lanes": ", ".join(exchange.side(answer.lane) for answer in answers),
        "Model": f"{look_of(first.provider).mark} {first.model}",
        "First token": _spread((answer.ttft_ms for answer in answers), numbers.seconds),
        "Whole answer": _spread((answer.latency_ms for answer in answers), numbers.seconds),
        "Speed": _spread((answer.tokens_per_second for answer in answers), numbers.rate),
        "Tokens out": _spread((answer.completion_tokens for answer in answers), _rounded),
        "Cost": _spread((answer.cost_usd for answer in answers), lambda usd: numbers.money(usd, first.cost_kind)),
        "Characters": _spread((len(answer.text) for answer in answers), _rounded),
    }


def _spread(values: Iterable[float | None], words: Callable[[float], str]) -> str:
    """`0.37 s [0.36 s – 0.41 s]`; one figure where all are alike."""
    spread = Spread.of(values)
    if spread is None:
        return numbers.MISSING
    low, middle, high = words(spread.low), words(spread.middle), words(spread.high)
    return middle if low == high else f"{middle} [{low} – {high}]"


def _rounded(value: float) -> str:
    return numbers.count(round(value))
