"""Everything the Health page draws of one moment, read once for all its parts."""

from __future__ import annotations

import time
from dataclasses import dataclass

from conductor_core.budget import BudgetLine
from conductor_core.metrics.figures import Overview
from conductor_core.metrics.span import Span
from conductor_core.store.records import Incident
from dashboard import runtime
from dashboard.components.health_view import HealthView

INCIDENTS = 100


@dataclass(frozen=True, slots=True)
class HealthFigures:
    """One view at one moment.

    Attributes:
        providers: by provider, with the span before: for the cards.
        charted: by what the view groups by.
        incidents: the newest first; of a drill during one, else all others.
    """

    view: HealthView
    providers: Overview
    charted: Overview
    incidents: tuple[Incident, ...]
    budgets: tuple[BudgetLine, ...]
    now: int

    @property
    def span(self) -> Span:
        """The buckets of the charts; coarser than asked for where only such are kept."""
        return self.charted.span

    def models(self) -> Overview:
        """By model: asked for when the charts are drawn anew, not at each refresh."""
        if self.view.by == "model":
            return self.charted
        return runtime.get_conductor().health.overview(self.span, "model", self.view.filter)


def health_figures(view: HealthView) -> HealthFigures:
    """The view as it is now."""
    conductor, now = runtime.get_conductor(), int(time.time() * 1000)
    span, ask = view.span(now), conductor.health.overview
    providers = ask(span, "provider", view.filter, compare=True)
    drills = conductor.providers.drills()
    shown = {"of": drills} if view.filter.drill else {"besides": drills}
    return HealthFigures(
        view=view,
        providers=providers,
        charted=providers if view.by == "provider" else ask(span, "model", view.filter),
        incidents=tuple(conductor.store.incidents(span.since, min(span.until, now + 1), INCIDENTS, **shown)),
        budgets=tuple(conductor.gateway.budgets.standing()),
        now=now,
    )
