"""A provider's card on the Health page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from conductor_core.kinds import ProviderState
from conductor_core.metrics.figures import Figures, LastError, Quantiles
from conductor_core.metrics.words import error_words
from conductor_core.models import ProviderStatus
from dashboard.components import numbers, untrusted, who
from dashboard.components.changes import changes
from dashboard.components.chart_sentences import cost_words
from dashboard.components.clock import moment_words

_SIGNS = {
    ProviderState.HEALTHY: ("✓", "green"),
    ProviderState.DEGRADED: ("!", "orange"),
    ProviderState.OPEN: ("✕", "red"),
    ProviderState.RECOVERING: ("↻", "orange"),
    ProviderState.UNKNOWN: ("?", "gray"),
    ProviderState.NOT_CONFIGURED: ("–", "gray"),
}
_SPARK_WIDTH, _SPARK_HEIGHT = 240, 26
SPARK_BOX = f"-3 0 {_SPARK_WIDTH + 6} {_SPARK_HEIGHT}"
"""Where a sparkline is drawn, as SVG's viewBox."""
_SPARK_POINTS = 50


@dataclass(frozen=True, slots=True)
class CardFigures:
    """What a card tells of the range.

    Attributes:
        before: of as long a time just before, in words `span`.
        spark: the median latency per bucket in ms, NaN where it answered nothing.
    """

    now: Figures
    before: Figures | None
    span: str
    last_error: LastError | None
    spark: Sequence[float]


def card(status: ProviderStatus, told: dict[str, Any] | None) -> dict[str, Any]:
    """One provider as the browser draws it: its state from the live figures, everything else from the range's calls.

    Args:
        told: what `card_of` made of them; None: it has no calls in the range.
    """
    look = who.look_of(status.name)
    sign, tone = _SIGNS[status.state]
    return {
        "name": status.name,
        "label": untrusted.isolated(who.name_of(status.name)),
        "mark": look.mark,
        "colour": look.colour,
        "sign": sign,
        "tone": tone,
        "state": status.state.replace("_", " "),
        "reason": untrusted.isolated(status.reason),
        "recover": status.state is ProviderState.OPEN,
        **(told or {"none": f"{numbers.MISSING} No calls in this range."}),
    }


def card_of(figures: CardFigures, zone: tzinfo) -> dict[str, Any]:
    """The figures, what changed, and the line of the latency."""
    return {"tiles": tiles(figures.now), "said": lines(figures, zone), "spark": sparkline(figures.spark)}


def tiles(of: Figures) -> list[tuple[str, str, str]]:
    """The card's figures: what, how much, and a note in small."""
    interval = of.interval
    sure = numbers.bounds(*interval) + " " if interval and of.judged < numbers.INTERVAL_BELOW else ""
    return [
        ("Requests answered", numbers.percent(of.success_rate), f"{sure}n {numbers.count(of.judged)}"),
        ("Attempts failed", numbers.percent(of.error_rate), f"n {numbers.count(of.judged_attempts)}"),
        ("Latency", _quantiles(of.latency), f"p50 · p95, n {numbers.count(of.latency.n)}"),
        ("First token", _quantiles(of.ttft), f"p50 · p95, n {numbers.count(of.ttft.n)}"),
        ("Pace", numbers.rate(of.pace.p50), f"p50, n {numbers.count(of.pace.n)}"),
        ("Cost", *_cost(of)),
    ]


def lines(figures: CardFigures, zone: tzinfo, at: datetime | None = None) -> list[str]:
    """What changed against the span before, and the last error."""
    found = []
    if figures.before is not None and figures.before.calls:
        changed = " · ".join(changes(figures.now, figures.before)) or "much the same"
        found.append(f"To the {figures.span} before: {changed}")
    if figures.last_error:
        error = figures.last_error
        now = (at or datetime.now(UTC)).astimezone(zone)
        when = moment_words(datetime.fromtimestamp(error.at / 1000, zone), now)
        found.append(f"Last error {when}: {error_words(error.outcome, error.http_status)}")
    return found


def sparkline(values: Sequence[float]) -> list[str]:
    """A small line as the points of SVG polylines within `SPARK_BOX`, from zero up, with gaps where a value is NaN."""
    values = _thinned(values)
    top = max((value for value in values if value == value), default=0.0) or 1.0
    step = _SPARK_WIDTH / max(len(values) - 1, 1)
    scale = (_SPARK_HEIGHT - 6) / top
    points = [(place * step, _SPARK_HEIGHT - 3 - value * scale) for place, value in enumerate(values)]
    return [_run(run) for run in _runs(points)]


def _quantiles(of: Quantiles) -> str:
    return f"{numbers.seconds(of.p50)} · {numbers.seconds(of.p95)}"


def _cost(of: Figures) -> tuple[str, str]:
    known, _, unpriced = cost_words(of).partition(" + ")
    return known, f"+ {unpriced}" if unpriced else ""


def _thinned(values: Sequence[float]) -> list[float]:
    """At most so many points: the mean of what is there of each few neighbours."""
    few = -(-len(values) // _SPARK_POINTS) or 1
    parts = [[value for value in values[at : at + few] if value == value] for at in range(0, len(values), few)]
    return [sum(part) / len(part) if part else float("nan") for part in parts]


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
    return " ".join(f"{x:.0f},{y:.1f}" for x, y in (points[0], *points))
