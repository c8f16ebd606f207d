"""What the Health page draws for one range, computed once and drawn again until a call ends or a bucket does."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

import streamlit as st

from conductor_core.conductor import Conductor
from conductor_core.metrics.frames import Range, Summary, Window, buckets, summaries, summary
from conductor_core.metrics.history import History
from dashboard import runtime
from dashboard.components import charts
from dashboard.components.clock import reader_zone
from dashboard.components.who import look_of, name_of

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

_SETTLE_SECONDS = 60.0
_KEPT = 8
"""One view per range and time zone in use is enough; older ones go."""


@dataclass(frozen=True, slots=True)
class HealthFigures:
    """One range, ready to draw.

    Attributes:
        everything: all its calls together.
        providers: each provider's, by registry name and in the registry's order.
        sparks: each provider's median latency per bucket in ms, NaN where it answered nothing.
        calls: the frame behind all of it, oldest first.
    """

    zone: tzinfo
    everything: Summary
    providers: dict[str, Summary]
    sparks: dict[str, list[float]]
    calls: pd.DataFrame
    latency: Figure
    success_rate: Figure
    cost: Figure


class _Views:
    """The figures last computed, for all sessions of this process."""

    def __init__(self, conductor: Conductor, drill: bool) -> None:
        # A call ends within the total deadline; the margin is for its row to be committed.
        settle = conductor.settings.total_timeout + _SETTLE_SECONDS
        self._history = History(partial(conductor.store.call_columns, drill=drill), int(settle * 1000))
        self._kept: OrderedDict[tuple[Window, str], HealthFigures] = OrderedDict()
        self._lock = Lock()

    def of(self, range: Range, zone: tzinfo) -> HealthFigures:
        now = time.time()
        offset = datetime.fromtimestamp(now, zone).utcoffset()
        window = Window.ending(int(now * 1000), range, int(offset.total_seconds() * 1000) if offset else 0)
        calls = self._history.since(window.since)
        key = (window, str(zone))
        with self._lock:
            known = self._kept.get(key)
        # Finished calls only ever become more, so as many as before are the same as before.
        if known and len(known.calls) == len(calls):
            return known
        figures = _figures(calls, window, zone)
        with self._lock:
            self._kept[key] = figures
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return figures


def health_figures(range: Range) -> HealthFigures:
    """The range up to now, in the reader's time zone; during a drill its calls, else all others."""
    conductor = runtime.get_conductor()
    return _views(conductor, conductor.settings.drill).of(range, reader_zone())


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={Conductor: id})
def _views(conductor: Conductor, drill: bool) -> _Views:
    return _Views(conductor, drill)


def _figures(calls: pd.DataFrame, window: Window, zone: tzinfo) -> HealthFigures:
    by_bucket = buckets(calls, window)
    found = summaries(calls)
    providers = {name: found[name] for name in sorted(found, key=_place)}
    lines = charts.series(by_bucket, list(providers), zone, name_of, look_of)
    return HealthFigures(
        zone=zone,
        everything=summary(calls),
        providers=providers,
        sparks={name: list(by_bucket.loc[name]["p50_ms"]) for name in providers},
        calls=calls,
        latency=charts.latency(lines),
        success_rate=charts.success_rate(lines),
        cost=charts.cost(lines),
    )


def _place(provider: str) -> int:
    """The registry's order; a provider that is no longer declared comes last."""
    providers = runtime.get_conductor().providers
    names = [*providers.names(), *providers.drills()]
    return names.index(provider) if provider in names else len(names)
