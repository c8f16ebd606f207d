"""`/metrics`, read as Prometheus reads it."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from tests.api.door import TOKEN, Open
from tests.installation import KEY

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scraped(door: Open) -> Samples:
    """Every sample by name and labels."""
    answer = await door.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def of(samples: Samples, name: str, **labels: str) -> float:
    """One sample."""
    return samples[name, tuple(sorted(labels.items()))]


async def test_calls_are_counted_by_provider_and_source(door: Open) -> None:
    """Ends by class, tokens by direction, cost, and how long it took."""
    for model in ("a", "b", "a-status-400", "a-status-500"):
        await door.chat(model=model, provider="openai")
    await door.chat(stream=True)
    calls = await door.calls(5)
    found = await scraped(door)
    whose = {"provider": "openai", "source": "api"}
    failures = sum(call.outcome == "server_error" for call in calls)
    assert failures >= 1
    assert of(found, "conductor_calls_total", **whose, outcome="success") == 3
    assert of(found, "conductor_calls_total", **whose, outcome="neutral") == 1
    assert of(found, "conductor_calls_total", **whose, outcome="failure") == failures
    assert of(found, "conductor_tokens_total", **whose, direction="out") >= 36
    assert of(found, "conductor_cost_usd_total", **whose) > 0
    assert of(found, "conductor_latency_seconds_count", **whose) == 3
    assert of(found, "conductor_latency_seconds_bucket", **whose, le="+Inf") == 3
    assert of(found, "conductor_time_to_first_token_seconds_count", **whose) == 1


async def test_what_runs_now_is_told(door: Open) -> None:
    """In flight and running while a call lasts, nothing after it; one state of each provider is 1."""
    asking = asyncio.create_task(door.chat(model="a-delay-2000"))
    while not door.upstream.requests:
        await asyncio.sleep(0.005)
    found = await scraped(door)
    assert of(found, "conductor_in_flight", provider="openai") == 1
    assert of(found, "conductor_requests") == 1
    assert of(found, "conductor_queue", provider="openai") == 0
    await asking
    found = await scraped(door)
    assert of(found, "conductor_in_flight", provider="openai") == 0
    assert of(found, "conductor_saving_stuck") == 0
    states = [
        value
        for (name, labels), value in found.items()
        if name == "conductor_provider_state" and ("provider", "openai") in labels
    ]
    assert sorted(states)[-2:] == [0, 1]


async def test_labels_are_from_closed_lists(door: Open) -> None:
    """No model, no text, no key, no address is a label, whatever was asked for."""
    await door.chat(model="my-secret-model", messages=[{"role": "user", "content": "my secret"}])
    await door.chat(provider="nobody")
    answer = await door.client.get("/metrics")
    assert not any(word in answer.text for word in ("secret", "nobody", KEY, TOKEN, "127.0.0.1"))
    allowed = {"provider", "source", "outcome", "direction", "state", "le"}
    assert {name for _, labels in await scraped(door) for name, _ in labels} <= allowed
