"""`POST /api/chat` on a real socket, at the tests' upstream."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from conductor_core.ids import new_id
from conductor_core.keys.key import Scope, Wish
from conductor_core.kinds import Outcome, Source
from conductor_core.models import ChatResponse
from tests.api.door import HELLO, Open, events, opened


async def test_an_answer_has_its_facts(door: Open) -> None:
    """In the body and in the headers; the row has the same, and whose key it was."""
    began = time.perf_counter()
    answer = await door.chat()
    took_ms = (time.perf_counter() - began) * 1000
    found = ChatResponse.model_validate_json(answer.content)
    [call] = await door.calls()
    assert call.latency_ms is not None
    assert (found.request_id, call.request_id) == (answer.headers["x-request-id"],) * 2
    assert (call.source, call.api_key_id, call.outcome) == (Source.API, "environment", Outcome.OK)
    assert answer.headers["x-conductor-provider"] == found.provider == "openai"
    assert answer.headers["x-conductor-model"] == found.model
    assert answer.headers["x-conductor-attempts"] == "1"
    assert answer.headers["x-conductor-cost-kind"] == "reported"
    assert float(answer.headers["x-conductor-cost-usd"]) == pytest.approx(call.cost_usd)
    assert 0 <= float(answer.headers["x-conductor-overhead-ms"]) <= took_ms - call.latency_ms + 0.1
    assert "x-conductor-fallback-from" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


async def test_a_fallback_is_told(tmp_path: Path) -> None:
    """Who failed first, and how many attempts it took."""
    failing = {"CONDUCTOR_DEFAULT_MODELS__OPENAI": "a-status-401", "CONDUCTOR_STRATEGY": "openai,anthropic"}
    async with opened(tmp_path, **failing) as door:
        answer = await door.chat(provider="auto")
        assert answer.status_code == 200
        assert answer.headers["x-conductor-attempts"] == "2"
        assert answer.headers["x-conductor-fallback-from"] == "openai"
        assert answer.headers["x-conductor-provider"] == "anthropic"
        calls = await door.calls(2)
        assert {call.request_id for call in calls} == {answer.headers["x-request-id"]}


async def test_a_stream_is_its_chunks_and_then_the_answer(door: Open) -> None:
    """What the chunks add up to is the text of the answer at the end."""
    answer = await door.chat(stream=True, model="a-thinking-words-20")
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = events(answer.text)
    assert [name for name, _ in found] == ["chunk"] * (len(found) - 1) + ["done"]
    whole = ChatResponse.model_validate(found[-1][1])
    assert "".join(chunk.get("text", "") for _, chunk in found[:-1]) == whole.content
    assert "".join(chunk.get("thinking", "") for _, chunk in found[:-1]) == "let me see"
    assert whole.request_id == answer.headers["x-request-id"]
    assert answer.headers["x-conductor-provider"] == "openai"
    assert "x-conductor-cost-usd" not in answer.headers


async def test_a_stream_that_fails_before_its_first_word_is_no_stream(door: Open) -> None:
    """It has the status of the fault."""
    answer = await door.chat(stream=True, model="a-status-401")
    assert (answer.status_code, answer.json()["error"]) == (502, "upstream_auth")


@pytest.mark.parametrize(("model", "code"), [("a-cut-3", "stream_cut"), ("a-error-3", "upstream_error")])
async def test_a_stream_that_breaks_off_says_so(door: Open, model: str, code: str) -> None:
    """The last event is the error, and the row has it too."""
    answer = await door.chat(stream=True, model=model)
    assert answer.status_code == 200
    *chunks, (name, error) = events(answer.text)
    assert name == "error"
    assert (error["error"], error["provider"]) == (code, "openai")
    assert {name for name, _ in chunks} == {"chunk"}
    assert error["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("a-status-400", 400, "invalid_request"),
        ("a-status-401", 502, "upstream_auth"),
        ("a-status-403", 502, "upstream_forbidden"),
        ("a-status-404", 404, "model_not_found"),
        ("a-status-413", 413, "too_large"),
        ("a-status-422", 422, "invalid_request"),
        ("a-status-429", 429, "rate_limited"),
        ("a-status-429-quota", 429, "insufficient_quota"),
        ("a-status-500", 502, "upstream_error"),
        ("a-status-503", 503, "unavailable"),
        ("a-html", 502, "bad_response"),
        ("a-garbage", 502, "bad_response"),
        ("a-cut-1", 502, "stream_cut"),
    ],
)
async def test_faults_of_a_provider_have_statuses_of_ours(door: Open, model: str, status: int, code: str) -> None:
    """As the table of faults has them; upstream's own words are not passed on."""
    answer = await door.chat(model=model)
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    assert "synthetic" not in answer.text
    assert "<html" not in answer.text
    if status == 503:
        assert int(answer.headers["retry-after"]) >= 1


async def test_what_a_rate_limit_asks_to_wait_is_passed_on(tmp_path: Path) -> None:
    """F09: 429 with the provider's own seconds, once nobody waits here any more."""
    async with opened(tmp_path, CONDUCTOR_ATTEMPTS="1") as door:
        answer = await door.chat(model="a-status-429-wait-77")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "77")


async def test_one_key_one_answer(door: Open) -> None:
    """F49: under an idempotency key a request is asked once, however often it is sent, also at the same time."""
    first, second = await asyncio.gather(*(door.chat({"Idempotency-Key": "k1"}) for _ in range(2)))
    third = await door.chat({"Idempotency-Key": "k1"})
    assert first.json() == second.json() == third.json()
    assert len(door.upstream.requests) == 1
    assert third.headers["x-conductor-replayed"] == "true"
    assert third.headers["x-conductor-provider"] == "openai"
    await door.chat({"Idempotency-Key": "k2"})
    assert len(door.upstream.requests) == 2


async def test_b64_one_key_one_request(door: Open) -> None:
    """Another body under the same key is a 409; the same members in another order are the same body."""
    await door.chat({"Idempotency-Key": "k"}, temperature=0.5)
    again = await door.client.post(
        "/api/chat",
        content=json.dumps(dict(reversed({**HELLO, "temperature": 0.5}.items()))),
        headers={"Idempotency-Key": "k", "content-type": "application/json"},
    )
    assert again.status_code == 200
    other = await door.chat({"Idempotency-Key": "k"}, temperature=0.6)
    assert (other.status_code, other.json()["error"]) == (409, "idempotency_key_reused")
    assert len(door.upstream.requests) == 1


async def test_what_failed_may_be_sent_again_under_its_key(door: Open) -> None:
    """A fault is not kept."""
    for _ in range(2):
        answer = await door.chat({"Idempotency-Key": "k"}, model="a-status-400")
        assert answer.status_code == 400
    assert len(door.upstream.requests) == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
async def test_an_idempotency_key_has_bounds(door: Open, key: str) -> None:
    """1 to 255 visible characters, and only for whole answers."""
    answer = await door.chat({"Idempotency-Key": key.encode("latin-1")})  # type: ignore[dict-item]
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Idempotency-Key")
    answer = await door.chat({"Idempotency-Key": "k"}, stream=True)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_an_answer_under_a_key_outlives_its_client(door: Open) -> None:
    """A program that lost its connection asks again and gets the answer that was paid for."""
    asking = asyncio.create_task(door.chat({"Idempotency-Key": "k"}, model="a-delay-300"))
    while not door.upstream.requests:
        await asyncio.sleep(0.005)
    asking.cancel()
    answer = await door.chat({"Idempotency-Key": "k"}, model="a-delay-300")
    assert answer.status_code == 200
    assert len(door.upstream.requests) == 1
    [call] = await door.calls()
    assert call.outcome is Outcome.OK


async def test_what_is_sent_again_counts_from_when_it_comes(door: Open) -> None:
    """A key that may have one request running can't have others wait for the same answer."""
    headers = await _one_by_one(door) | {"Idempotency-Key": "k"}
    first = asyncio.create_task(door.chat(headers, model="a-delay-2000"))
    while not door.upstream.requests:
        await asyncio.sleep(0.005)
    for _ in range(3):
        again = await door.chat(headers, model="a-delay-2000")
        assert (again.status_code, again.json()["error"]) == (429, "limit_reached")
        assert not first.done()
    assert (await first).status_code == 200
    assert (await door.chat(headers, model="a-delay-2000")).headers["x-conductor-replayed"] == "true"
    assert len(door.upstream.requests) == 1


async def test_of_those_sent_at_the_same_moment_one_is_answered(door: Open) -> None:
    """The others don't take the place of the one that they repeat."""
    headers = await _one_by_one(door) | {"Idempotency-Key": "k"}
    answers = await asyncio.gather(*(door.chat(headers, model="a-delay-2000") for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 429, 429, 429]
    assert len(door.upstream.requests) == 1


async def _one_by_one(door: Open) -> dict[str, str]:
    """The headers of a new key that may have one request running."""
    _, token = await door.conductor.keys.create(Wish(new_id(), (Scope.CHAT,), concurrency=1))
    return {"authorization": f"Bearer {token.reveal()}"}


async def test_too_many_at_once_are_sent_away(tmp_path: Path) -> None:
    """F46: 503 with a time to wait, and the rest goes on."""
    async with opened(tmp_path, CONDUCTOR_MAX_REQUESTS="2") as door:
        waiting = [asyncio.create_task(door.chat(model="a-delay-2000")) for _ in range(2)]
        while len(door.upstream.requests) < 2:
            await asyncio.sleep(0.005)
        refused = await door.chat()
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert (await door.stranger.get("/api/health/ready")).status_code == 503
        assert [(await one).status_code for one in waiting] == [200, 200]
        assert (await door.stranger.get("/api/health/ready")).status_code == 200


async def test_nothing_is_asked_that_cannot_be_saved(door: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """F40: while rows can't be written, programs are told 503 before anything is sent or paid."""
    monkeypatch.setattr(door.conductor.store.writer, "_trouble", "The disk is full.")
    answer = await door.chat()
    assert (answer.status_code, answer.json()["error"]) == (503, "storage_unavailable")
    assert "The disk is full." in answer.json()["detail"]
    assert door.upstream.requests == []
    assert (await door.stranger.get("/api/health/ready")).status_code == 503
    assert (await door.stranger.get("/api/health")).status_code == 200
