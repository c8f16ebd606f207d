"""`GET /metrics` for Prometheus: read from counters that are there anyway, when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from conductor_core.api.access import needs
from conductor_core.api.documented import answer, errors
from conductor_core.api.installation import conductor_of
from conductor_core.conductor import Conductor
from conductor_core.keys.key import Scope
from conductor_core.kinds import ProviderState
from conductor_core.metrics.counters import SECONDS, Histogram

router = APIRouter(tags=["status"], dependencies=[needs(Scope.READ)])

_SHOWN = answer("Counters, histograms and gauges in Prometheus' text format.")
_SHOWN[200]["content"] = {"text/plain": {"schema": {"type": "string"}}}
_WHOSE = ("provider", "source")
_BOUNDS = (*(str(bound) for bound in SECONDS), "+Inf")


@router.get("/metrics", response_class=Response, responses={**errors(), **_SHOWN})
async def metrics(request: Request) -> Response:
    """Figures since this process began, by provider and source. No names of models, people or conversations."""
    registry = CollectorRegistry()
    registry.register(_Installation(conductor_of(request)))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Installation(Collector):
    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor

    def collect(self) -> Iterable[Metric]:
        yield from self._counts()
        yield from self._providers()
        yield from self._process()

    def _counts(self) -> Iterable[Metric]:
        calls = CounterMetricFamily("conductor_calls", "Finished calls.", labels=[*_WHOSE, "outcome"])
        tokens = CounterMetricFamily("conductor_tokens", "Tokens in and out.", labels=[*_WHOSE, "direction"])
        cost = CounterMetricFamily("conductor_cost_usd", "Known cost in USD.", labels=_WHOSE)
        unpriced = CounterMetricFamily("conductor_unpriced_calls", "Calls of unknown cost.", labels=_WHOSE)
        latency = HistogramMetricFamily("conductor_latency_seconds", "Whole time of answered calls.", labels=_WHOSE)
        ttft = HistogramMetricFamily(
            "conductor_time_to_first_token_seconds", "Time to first token of answered calls.", labels=_WHOSE
        )
        for whose, count in self._conductor.live.counters.read().items():
            for outcome, number in count.ends.items():
                calls.add_metric([*whose, outcome], number)
            tokens.add_metric([*whose, "in"], count.prompt_tokens)
            tokens.add_metric([*whose, "out"], count.completion_tokens)
            cost.add_metric(whose, count.cost)
            unpriced.add_metric(whose, count.unpriced)
            _add(latency, whose, count.latency)
            _add(ttft, whose, count.ttft)
        return calls, tokens, cost, unpriced, latency, ttft

    def _providers(self) -> Iterable[Metric]:
        flying = GaugeMetricFamily("conductor_in_flight", "Calls that run.", labels=["provider"])
        waiting = GaugeMetricFamily("conductor_queue", "Calls that wait for a place.", labels=["provider"])
        state = GaugeMetricFamily("conductor_provider_state", "1 for the state it is in.", labels=["provider", "state"])
        conductor = self._conductor
        for provider in conductor.providers.available():
            name = provider.name
            flying.add_metric([name], conductor.gateway.bulkheads.in_flight(name))
            waiting.add_metric([name], conductor.gateway.bulkheads.waiting(name))
            stands = conductor.gateway.standing(name, provider.default_model).state
            for one in ProviderState:
                if one is not ProviderState.NOT_CONFIGURED:
                    state.add_metric([name, one.value], one is stands)
        return flying, waiting, state

    def _process(self) -> Iterable[Metric]:
        conductor = self._conductor
        bulkheads = conductor.gateway.bulkheads
        yield GaugeMetricFamily("conductor_requests", "Requests that run or wait.", bulkheads.requests)
        yield CounterMetricFamily("conductor_turned_away", "Requests there was no place for.", bulkheads.turned_away)
        yield CounterMetricFamily(
            "conductor_deduplicated", "Requests sent again under their key.", conductor.submissions.deduplicated
        )
        yield GaugeMetricFamily("conductor_unsaved_rows", "Rows that wait to be saved.", conductor.store.writer.unsaved)
        stuck = bool(conductor.store.writer.stuck)
        yield GaugeMetricFamily("conductor_saving_stuck", "1 while nothing can be saved.", stuck)


def _add(family: HistogramMetricFamily, whose: tuple[str, str], histogram: Histogram) -> None:
    buckets = zip(_BOUNDS, map(float, accumulate(histogram.counts)), strict=True)
    family.add_metric(whose, list(buckets), histogram.total)
