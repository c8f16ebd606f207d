"""The Health page's figures as the charts take them: ten viewers of one range share a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from math import log10
from typing import TYPE_CHECKING, Any

import streamlit as st

from conductor_core.budget import BudgetLine, dollars
from conductor_core.kinds import IncidentKind, Outcome
from conductor_core.metrics.figures import Figures, Key, Lines, Overview, Spread
from conductor_core.metrics.span import DAY, HOUR, MINUTE, Span
from conductor_core.metrics.words import OUTCOME_WORDS
from conductor_core.periods import ALL, period_around
from conductor_core.periods import Span as Lasting
from dashboard import runtime
from dashboard.components import untrusted
from dashboard.components.chart_page import ChartPage
from dashboard.components.chart_sentences import sentences
from dashboard.components.health_figures import HealthFigures
from dashboard.components.health_view import By
from dashboard.components.identity import shade
from dashboard.components.incident_list import what
from dashboard.components.kept import VIEWS, Kept
from dashboard.components.who import look_of, name_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dashboard.components.chart_page import Column

MOST_GROUPS = 14
"""More lines than these nobody tells apart; those with most calls are drawn."""
MODELS_EVERY_MS = 10_000
"""While calls come in, the models are compared anew so often: a second look at all calls, for dots that hardly move."""
_SHARES = ("p50", "p90", "p95", "p99")
_SYMBOLS = {
    "◆": "diamond",
    "▲": "triangle-up",
    "■": "square",
    "▼": "triangle-down",
    "★": "star",
    "◇": "diamond-open",
    "◉": "circle-dot",
    "□": "square-open",
    "△": "triangle-up-open",
    "○": "circle-open",
    "▽": "triangle-down-open",
    "☆": "star-open",
    "●": "circle",
}
_SYMBOL_OF_OTHERS = "hexagon"
# By how grave: reds for what the provider broke, ambers for what it refused, greys for the rest.
_COLOURS = {
    Outcome.SERVER_ERROR: "#C0392B",
    Outcome.UNAVAILABLE: "#E0695C",
    Outcome.OVERLOADED: "#D98324",
    Outcome.RATE_LIMITED: "#C9A227",
    Outcome.QUOTA: "#97801F",
    Outcome.TIMEOUT: "#7A5BB5",
    Outcome.CONNECTION: "#4F7CAC",
    Outcome.STREAM_CUT: "#3E8E8B",
    Outcome.AUTH: "#A8446F",
    Outcome.FORBIDDEN: "#C77398",
}
_OTHER_COLOUR = "#7F8693"
_GRAVE = (IncidentKind.BREAKER, IncidentKind.BUDGET)


@st.cache_resource(show_spinner=False)
def _models_kept() -> Kept[HealthFigures, Overview]:
    return Kept(_recent)


@st.cache_resource(show_spinner=False)
def _pages() -> Kept[tuple[HealthFigures, Overview], ChartPage]:
    return Kept(_same)


def page_of(figures: HealthFigures) -> ChartPage:
    """All charts of one moment; the page last made where it is drawn alike."""
    key = (figures.view, runtime.get_conductor())
    models = figures.charted if figures.view.by == "model" else _models_kept().of(key, figures, figures.models)
    return _pages().of(key, (figures, models), lambda: chart_page(figures, models))


def chart_page(figures: HealthFigures, models: Overview) -> ChartPage:
    """All charts of one moment; of the models there may be figures of a moment ago."""
    view, span, charted = figures.view, figures.span, figures.charted
    keys = sorted(charted.groups, key=lambda key: -charted.groups[key].calls)[:MOST_GROUPS]
    keys.sort(key=lambda key: (_place(key.provider), key.model))
    wall = _walls(span.edges, view.zone)
    columns: dict[str, Column] = {}
    for key in keys:
        columns |= _of_group(_id(key), charted.lines[key])
    columns |= _of_all(charted.all_lines, figures)
    width = span.edges[1] - span.edges[0]
    seen = (view.since, view.until) if view.preset is None else (span.since, span.until)
    latencies, spreads = spreads_of({_id(key): charted.spreads[key] for key in keys if key in charted.spreads})
    head = {
        "width": width,
        "view": [_wall(edge, view.zone) for edge in seen],
        "hover": "%a %-d %b" if width >= DAY else "%a %-d %b %H:%M" if width >= MINUTE else "%H:%M:%S",
        "ticks": _ticks(span),
        "groups": [_group(key, _nth(key, keys)) for key in keys],
        "others": len(charted.groups) - len(keys),
        "kinds": _kinds(charted.all_lines),
        "marks": _marks(figures),
        "models": _models(models, figures.view.by),
        "latencies": latencies,
        "latencyRange": [log10(latencies[0]), log10(latencies[-1])] if latencies else [-1, 1],
        "spreads": spreads,
        "budget": _budget(figures),
        "sentences": sentences(charted, models, keys),
    }
    return ChartPage(str(view.preset or (view.since, view.until)), span.edges, wall, columns, head)


def _of_group(id: str, lines: Lines) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for measure, digits in (("latency", 1), ("ttft", 1), ("pace", 2)):
        rows = getattr(lines, measure).round(digits)
        found |= {f"{measure}.{share}|{id}": rows[at] for at, share in enumerate(_SHARES)}
        found[f"{measure}.n|{id}"] = getattr(lines, f"{measure}_n")
    found |= {f"answered|{id}": lines.answered, f"judged|{id}": lines.judged, f"requests|{id}": lines.requests}
    return found | {f"cost|{id}": lines.cost.round(9)}


def _of_all(lines: Lines, figures: HealthFigures) -> dict[str, Column]:
    found: dict[str, Column] = {f"failed.{outcome}": counts for outcome, counts in lines.failures.items()}
    found |= {"prompt": lines.prompt_tokens, "completion": lines.completion_tokens}
    return found | {"spent": spent(figures.span, lines.cost, _measured(figures), figures.now).round(9)}


def spent(span: Span, cost: NDArray[np.float64], budget: BudgetLine | None, now: int) -> NDArray[np.float64]:
    """What was spent up to the end of each bucket, USD: since the range began, or since the budget's period did.

    Of the period that is running all is known, so its part of the line ends at what the budget says.
    """
    import numpy as np

    costs = np.nan_to_num(cost)
    ahead = np.array(span.starts) > now
    if budget is None:
        return np.where(ahead, np.nan, costs.cumsum())
    starts = [period_around(budget.budget.span, start / 1000, None).start for start in span.starts]
    found = np.empty(len(costs))
    for start in dict.fromkeys(starts):
        within = np.array([one == start for one in starts])
        found[within] = costs[within].cumsum()
        running = period_around(budget.budget.span, now / 1000, None).start == start
        if running and span.until >= now:
            found[within] += max(0.0, budget.spent - float(costs[within].sum()))
    return np.where(ahead, np.nan, found)


def _measured(figures: HealthFigures) -> BudgetLine | None:
    """The budget that "cost so far" is held against: the day's for ranges of days, else the month's."""
    if figures.view.filter != type(figures.view.filter)():
        return None
    whole = {line.budget.span: line for line in figures.budgets if line.budget.provider == ALL}
    short = figures.span.until - figures.span.since <= 2 * DAY
    first, second = (Lasting.DAY, Lasting.MONTH) if short else (Lasting.MONTH, Lasting.DAY)
    return whole.get(first) or whole.get(second)


def _budget(figures: HealthFigures) -> dict[str, Any] | None:
    line = _measured(figures)
    if line is None:
        return None
    day = line.budget.span is Lasting.DAY
    return {
        "limit": line.budget.limit,
        "name": "spent that day" if day else "spent that month",
        "label": f"{'day' if day else 'month'}'s budget {dollars(line.budget.limit)}",
    }


def _nth(key: Key, keys: Sequence[Key]) -> int:
    """Which one of its provider's models it is."""
    return [one for one in keys if one.provider == key.provider].index(key)


def _group(key: Key, nth: int) -> dict[str, str]:
    look = look_of(key.provider)
    name = name_of(key.provider)
    return {
        "id": _id(key),
        "providerId": key.provider,
        "model": key.model,
        "name": untrusted.isolated(f"{name} {key.model}" if key.model else name),
        "colour": shade(look.colour, nth),
        "mark": look.mark,
        "symbol": _SYMBOLS.get(look.mark, _SYMBOL_OF_OTHERS),
    }


def _kinds(lines: Lines) -> list[dict[str, str]]:
    """Kinds of errors in the order of their number."""
    ordered = sorted(lines.failures, key=lambda outcome: -int(lines.failures[outcome].sum()))
    return [{"id": kind, "name": OUTCOME_WORDS[kind], "colour": _COLOURS.get(kind, _OTHER_COLOUR)} for kind in ordered]


def _marks(figures: HealthFigures) -> list[dict[str, Any]]:
    """Incidents in the reader's time, within the span."""
    zone, span = figures.view.zone, figures.span
    last = min(span.until, figures.now)
    return [
        {
            "from": _wall(max(one.started_at, span.since), zone),
            "to": _wall(min(one.ended_at or last, last), zone),
            "grave": one.kind in _GRAVE,
            "words": f"{what(one, name_of)}. {untrusted.isolated(one.reason)}",
        }
        for one in figures.incidents
        if one.started_at < last
    ]


def _models(models: Overview, by: By) -> list[dict[str, Any]]:
    """What a call of each model costs in the mean, against its median latency."""
    found = []
    for key, of in models.groups.items():
        if of.latency.p50 is None or of.cost_usd is None:
            continue
        look = look_of(key.provider)
        found.append(
            {
                "group": _id(key if by == "model" else Key(key.provider)),
                "providerId": key.provider,
                "provider": untrusted.isolated(name_of(key.provider)),
                "model": untrusted.isolated(key.model),
                "latency": round(of.latency.p50, 1),
                "cost": round(of.cost_usd / of.priced, 9),
                "n": of.calls,
                "colour": look.colour,
                "symbol": _SYMBOLS.get(look.mark, _SYMBOL_OF_OTHERS),
            }
        )
    return found


def spreads_of(spreads: Mapping[str, Spread]) -> tuple[list[float], dict[str, list[int]]]:
    """Where the bars' middles are (seconds), and how many answers of each group are in each; no bars beyond those."""
    import numpy as np

    if not any(one.counts.any() for one in spreads.values()):
        return [], {}
    used = np.flatnonzero(np.sum([one.counts for one in spreads.values()], axis=0))
    edges = next(iter(spreads.values())).edges
    part = slice(max(int(used[0]) - 1, 0), min(int(used[-1]) + 2, len(edges) - 1))
    middles = np.sqrt(np.maximum(edges[:-1], 1.0) * edges[1:])[part] / 1000
    return middles.round(5).tolist(), {id: one.counts[part].tolist() for id, one in spreads.items()}


def _ticks(span: Span) -> list[dict[str, Any]]:
    """How times are written on the axis: no date where the range is within a day or so."""
    clock, day = "%H:%M", "%-d %b"
    if span.until - span.since <= HOUR / 4:
        clock = "%H:%M:%S" if span.until - span.since <= 2 * MINUTE else clock
    return [
        {"dtickrange": [None, MINUTE - 1], "value": "%H:%M:%S"},
        {"dtickrange": [MINUTE, DAY - 1], "value": clock},
        {"dtickrange": [DAY, None], "value": day},
    ]


def _same(known: tuple[HealthFigures, Overview], new: tuple[HealthFigures, Overview]) -> bool:
    """Whether both are drawn alike."""
    (before, models), (now, models_now) = known, new
    kept = (before.incidents, before.budgets) == (now.incidents, now.budgets)
    return models is models_now and kept and _same_calls(before, now)


def _recent(known: HealthFigures, figures: HealthFigures) -> bool:
    """Whether the models' figures still hold, or are new enough for the charts that compare whole spans."""
    new = known.span == figures.span and figures.now - known.now < MODELS_EVERY_MS
    return new or _same_calls(known, figures)


def _same_calls(known: HealthFigures, figures: HealthFigures) -> bool:
    """Finished calls only ever become more: the same sums are the same lines."""
    return known.span == figures.span and _sums(known.charted) == _sums(figures.charted)


def _sums(overview: Overview) -> tuple[Figures, Mapping[Key, Figures]]:
    return overview.total, overview.groups


def _place(provider: str) -> int:
    """The registry's order; a provider that is no longer declared comes last."""
    providers = runtime.get_conductor().providers
    names = [*providers.names(), *providers.drills()]
    return names.index(provider) if provider in names else len(names)


def _id(key: Key) -> str:
    return f"{key.provider}/{key.model}" if key.model else key.provider


@lru_cache(maxsize=VIEWS)
def _walls(edges: tuple[int, ...], zone: tzinfo) -> tuple[int, ...]:
    return tuple(_wall(edge, zone) for edge in edges)


def _wall(at: int, zone: tzinfo) -> int:
    """A moment (UTC ms) by the reader's clock, as the ms at which UTC's clock shows the same."""
    found = datetime.fromtimestamp(at / 1000, zone).utcoffset()
    return at + (int(found.total_seconds() * 1000) if found else 0)
