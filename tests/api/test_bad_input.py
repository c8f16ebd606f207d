"""What `/api` does with bad input, row by row of the list in `bad_input.py`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import httpx
import pytest

from conductor_core.keys.key import Scope, Wish
from conductor_core.models import ErrorResponse
from conductor_core.secret import Secret
from tests.api.bad_input import KEYLESS, NOWHERE, ROWS, Bad, changed, said
from tests.api.door import HELLO, TOKEN, Open, logged

pytestmark = pytest.mark.asyncio(loop_scope="module")
MINE = [row for row in ROWS if row.only != "openai"]


def told(answer: httpx.Response) -> ErrorResponse:
    """The error that was answered; it names the request as its header does."""
    assert answer.headers["content-type"] == "application/json"
    error = ErrorResponse.model_validate_json(answer.content)
    assert error.request_id == answer.headers["x-request-id"]
    assert len(error.detail) < 400
    return error


async def send(door: Open, row: Bad) -> httpx.Response:
    """A greeting with one thing wrong."""
    content = row.raw if row.raw is not None else json.dumps(changed(HELLO, row)).encode()
    headers = {"content-type": "application/json", **row.headers}
    kept = {name: value for name, value in headers.items() if value is not None}
    return await door.client.post("/api/chat", content=content, headers=kept)


@pytest.mark.parametrize("row", MINE, ids=str)
async def test_bad_input_is_refused_by_name(shared_door: Open, row: Bad) -> None:
    """Status and field as the list has them; nothing is sent upstream but where upstream itself is to refuse it."""
    asked, called = len(shared_door.upstream.requests), len(shared_door.conductor.store.recent_calls(1_000))
    answer = await send(shared_door, row)
    error = told(answer)
    assert answer.status_code == row.status, error
    if row.param:
        spoken = row.param.replace("[", ".").replace("]", "")
        assert error.detail.startswith(spoken), error
    if row.id != "B26":
        assert len(shared_door.upstream.requests) == asked
        assert len(shared_door.conductor.store.recent_calls(1_000)) == called


async def test_b04_a_prompt_of_10_mb_is_too_large(shared_door: Open) -> None:
    """Told by its length before anything of it is read, and while it is read when it comes in pieces."""
    body = json.dumps(HELLO | said("x" * 10_500_000)).encode()

    async def pieces() -> Any:
        for at in range(0, len(body), 65_536):
            yield body[at : at + 65_536]

    headers = {"content-type": "application/json"}
    for content in (body, pieces()):
        answer = await shared_door.client.post("/api/chat", content=content, headers=headers)
        assert (answer.status_code, told(answer).error) == (413, "request_too_large")
    answer = await shared_door.client.post("/api/chat", json=HELLO | said("x" * 1_000_001))
    assert (answer.status_code, told(answer).error) == (400, "invalid_request")


@pytest.mark.parametrize(
    "content",
    [
        "\u202eabc\u2066 \U000e0041\U000e0042 a\u200bb",  # B08
        "👩‍👩‍👧‍👦 漢字 العربية 🇰🇷",  # B10
        "<script>alert(1)</script> ![](http://evil.example/?q=1) [x](javascript:alert(1))",  # B47 to B49
        "'; DROP TABLE calls; --",
    ],
)
async def test_text_goes_to_the_model_and_back_as_it_is(shared_door: Open, content: str) -> None:
    """B08, B10, B47–B49: every code point, in both directions."""
    shared_door.upstream.says = (content,)
    answer = await shared_door.chat(**said(content), model="any-words-1")
    assert answer.status_code == 200
    assert shared_door.upstream.last.body["messages"][0]["content"] == content
    assert answer.json()["content"].strip() == content.strip()


async def test_b11_ten_thousand_messages_are_taken(shared_door: Open) -> None:
    """The most there may be."""
    messages = [{"role": "user" if number % 2 else "assistant", "content": "x"} for number in range(10_000)]
    assert (await shared_door.chat(messages=messages)).status_code == 200


@pytest.mark.parametrize("roles", ["system user system", "user system", "assistant user", "user user", "system system"])
async def test_odd_orders_of_roles_are_taken(shared_door: Open, roles: str) -> None:
    """B14 and B15: two system messages, one at the end, an answer first, two prompts in a row."""
    messages = [{"role": role, "content": f"words of {role}"} for role in roles.split()]
    assert (await shared_door.chat(messages=messages)).status_code == 200
    assert (await shared_door.chat(provider="anthropic", messages=[*messages, *HELLO["messages"]])).status_code == 200


async def test_null_is_the_default(shared_door: Open) -> None:
    """B21: a temperature of null is the usual one."""
    assert (await shared_door.chat(temperature=None, max_tokens=None, provider="openai")).status_code == 200
    assert shared_door.upstream.last.body["temperature"] == 0.7


@pytest.mark.parametrize("headers", KEYLESS, ids=[str(number) for number in range(len(KEYLESS))])
async def test_b38_nobody_comes_in_without_a_key(shared_door: Open, headers: list[tuple[str, str]]) -> None:
    """Whatever is wrong with the key, the answer is the same 401 on every route."""
    sent = [(name, value.replace("{token}", TOKEN)) for name, value in headers]
    for method, path in (("POST", "/api/chat"), ("GET", "/api/status"), ("GET", "/metrics")):
        answer = await shared_door.stranger.request(method, path, headers=sent)
        error = told(answer)
        assert (answer.status_code, error.error) == (401, "invalid_api_key")
        assert error.detail == "This needs a valid API key: Authorization: Bearer sk-cond-… or x-api-key. " + (
            "Keys are made in Settings."
        )
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [{"x-api-key": TOKEN}, {"x-api-key": TOKEN, "authorization": f"bearer {TOKEN}"}])
async def test_a_key_may_come_in_either_header(shared_door: Open, headers: dict[str, str]) -> None:
    """And in both, when it is the same."""
    assert (await shared_door.stranger.get("/api/status", headers=headers)).status_code == 200


@pytest.mark.parametrize("path", NOWHERE)
async def test_b39_nothing_is_a_404_in_json(shared_door: Open, path: str) -> None:
    """Unknown addresses, and those that only look like known ones."""
    reader, writer = await shared_door.connect()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"content-type: application/json" in head
    assert "error" in json.loads(body)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "GET", "OPTIONS", "TRACE", "QUERY"])
async def test_b39_another_method_is_a_405(shared_door: Open, method: str) -> None:
    """It names the methods there are."""
    answer = await shared_door.client.request(method, "/api/chat")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert told(answer).error == "method_not_allowed"


async def test_b63_a_flood_from_one_key_leaves_others_alone(shared_door: Open) -> None:
    """A thousand requests at once: what its limit allows is answered, the rest is 429 with a time to wait."""
    _, flooding = await shared_door.conductor.keys.create(_wish("flooding"))
    _, other = await shared_door.conductor.keys.create(_wish("other"))
    url = f"{shared_door.client.base_url}/api/providers/openai"

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=20)) as client:

        async def ask(token: Secret) -> tuple[int, int]:
            async with client.get(url, headers={"x-api-key": token.reveal()}) as answer:
                return answer.status, int(answer.headers.get("retry-after", 0))

        answers = await asyncio.gather(*(ask(flooding) for _ in range(1_000)))
        refused = [wait for status, wait in answers if status == 429]
        assert {status for status, _ in answers} == {200, 429}
        assert 200 <= len(refused) <= 400
        assert min(refused) >= 1
        assert await ask(other) == (200, 0)


async def test_b53_what_people_wrote_is_in_no_log_line(shared_door: Open) -> None:
    """No prompt, no answer, no query, no key; every request has one line."""
    secret = "sk-ant-" + "a1b2c3" * 6
    with logged(shared_door.conductor.redactor) as records:
        await shared_door.chat(**said(f"my birthday is in June {secret}"))
        await shared_door.client.get("/api/conversations", params={"q": "my birthday is in June"})
        await shared_door.client.get("/api/providers/my-birthday-is-in-June")
        await shared_door.stranger.get("/api/status", headers={"x-api-key": "wrong-key-wrong-key"})
        await shared_door.client.get("/api/my-birthday")
    text = json.dumps(records)
    assert not any(word in text for word in ("birthday", secret, TOKEN, "wrong-key", "Köln"))
    lines = [record for record in records if record["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/api/chat", 200),
        ("GET", "/api/conversations", 200),
        ("GET", "/api/providers/{name}", 404),
        ("GET", "/api/status", 401),
        ("GET", None, 404),
    ]
    assert all(line["ms"] >= 0 and len(line["request_id"]) == 32 for line in lines)
    assert [line["key"] for line in lines] == ["environment"] * 3 + [None, None]


def _wish(name: str) -> Wish:
    return Wish(name, tuple(Scope))
