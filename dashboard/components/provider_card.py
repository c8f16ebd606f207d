"""A provider's card on the Health page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from html import escape
from urllib.parse import quote

import streamlit as st

from conductor_core.kinds import Outcome, ProviderState
from conductor_core.metrics.frames import Summary
from conductor_core.metrics.words import error_words
from conductor_core.models import ProviderStatus
from dashboard import actions
from dashboard.components import numbers, untrusted, who

_SIGNS = {
    ProviderState.HEALTHY: (":material/check_circle:", "green"),
    ProviderState.DEGRADED: (":material/warning:", "orange"),
    ProviderState.OPEN: (":material/block:", "red"),
    ProviderState.RECOVERING: (":material/autorenew:", "orange"),
    ProviderState.UNKNOWN: (":material/help:", "gray"),
    ProviderState.NOT_CONFIGURED: (":material/key_off:", "gray"),
}
_SPARK_WIDTH, _SPARK_HEIGHT = 240, 26
_RECENT = timedelta(hours=18)
"""An error of this day's is told by the hour alone."""


def provider_card(status: ProviderStatus, figures: Summary | None, spark: Sequence[float], zone: tzinfo) -> None:
    """One provider: its state from the live figures, everything else from the range's calls (None: it has none)."""
    with st.container(border=True, height="stretch", gap="xsmall"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            who.show(status.name, "")
            state_badge(status.state)
        st.caption(untrusted.plain(status.reason))
        if status.state is ProviderState.OPEN:
            st.button("Recover now", key=f"recover-{status.name}", on_click=actions.recover, args=(status.name,))
        if figures is None:
            st.caption(f"{numbers.MISSING} No calls in this range.")
        else:
            st.html(_table(rows(figures, zone)) + _spark(spark, who.look_of(status.name).colour))


def state_badge(state: ProviderState) -> None:
    """The state as a word with its icon and colour."""
    icon, colour = _SIGNS[state]
    st.badge(state.replace("_", " "), icon=icon, color=colour)  # type: ignore[arg-type]  # all are names of its list


def rows(figures: Summary, zone: tzinfo, now: datetime | None = None) -> list[tuple[str, str]]:
    """The card's figures: what, and how much, in words."""
    found = [
        ("Success", numbers.success(figures.successes, figures.judged)),
        ("Latency", f"p50 {numbers.seconds(figures.p50_ms)} · p95 {numbers.seconds(figures.p95_ms)}"),
        ("First token", f"{numbers.seconds(figures.ttft_ms)} · {numbers.rate(figures.tokens_per_second)}"),
        ("Cost", numbers.total(figures.cost_usd, figures.estimated, figures.unpriced, figures.free)),
    ]
    if figures.last_error and figures.last_error_at is not None:
        words = error_words(Outcome(figures.last_error), figures.last_status)
        found.append(("Last error", f"{_when(figures.last_error_at, zone, now)} {words}"))
    return found


def sparkline(values: Sequence[float], colour: str) -> str:
    """A small line as SVG, from zero up, with gaps where a value is NaN."""
    top = max((value for value in values if value == value), default=0.0) or 1.0
    step = _SPARK_WIDTH / max(len(values) - 1, 1)
    points = [
        (place * step, _SPARK_HEIGHT - 3 - value / top * (_SPARK_HEIGHT - 6)) for place, value in enumerate(values)
    ]
    drawn = "".join(_run(run) for run in _runs(points))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-3 0 {_SPARK_WIDTH + 6} {_SPARK_HEIGHT}" '
        f'preserveAspectRatio="none" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linecap="round" '
        f'stroke-linejoin="round">{drawn}</svg>'
    )


def _table(figures: Sequence[tuple[str, str]]) -> str:
    cells = "".join(f"<span>{escape(what)}</span><span>{escape(words)}</span>" for what, words in figures)
    return f'<div class="figures">{cells}</div>'


def _spark(values: Sequence[float], colour: str) -> str:
    """Behind a box, because Streamlit takes SVG elements out of HTML. The chart below says the same to everyone."""
    source = quote(sparkline(values, colour))
    return f'<div class="spark" style="background-image:url(\'data:image/svg+xml,{source}\')" aria-hidden="true"></div>'


def _runs(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Neighbouring points that are there; a NaN between them parts them."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y == y:
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _run(points: Sequence[tuple[float, float]]) -> str:
    # A single point is drawn as a line of no length, which round caps turn into a dot.
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (points[0], *points))
    return f'<polyline points="{path}" vector-effect="non-scaling-stroke"/>'


def _when(milliseconds: int, zone: tzinfo, now: datetime | None) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, zone)
    recent = (now or datetime.now(UTC)) - moment < _RECENT
    return moment.strftime("%H:%M" if recent else "%b %d, %H:%M")
