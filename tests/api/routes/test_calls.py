"""Calls, page by page."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conductor_core.kinds import Source
from conductor_core.secret import Secret
from tests.api.door import Open, opened
from tests.store.rows import finished

BEGIN = 1_790_000_000_000


async def planted(door: Open, number: int, **fields: Any) -> list[str]:
    """So many rows, some of them begun in the same millisecond; their ids, the newest first."""
    rows = [finished(started_at=BEGIN + place // 3, **fields) for place in range(number)]
    await asyncio.gather(*(door.conductor.store.save_call(row) for row in rows))
    return [row.id for row in sorted(rows, key=lambda row: (row.started_at, row.id), reverse=True)]


async def pages(door: Open, limit: int, **asked: Any) -> list[list[dict[str, Any]]]:
    """Every page there is."""
    found: list[list[dict[str, Any]]] = []
    cursor = None
    while cursor is not None or not found:
        params = asked | {"limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = await door.client.get("/api/calls", params=params)
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["calls"])
        cursor = answer.json()["next_cursor"]
    return found


async def test_pages_stay_as_they_are_while_calls_come_in(tmp_path: Path, database_url: Secret | None) -> None:
    """Every old row once, in the order of time, on both databases."""
    database = {"CONDUCTOR_DATABASE_URL": database_url.reveal()} if database_url else {}
    async with opened(tmp_path, **database) as door:
        before = await planted(door, 25)
        first = (await door.client.get("/api/calls", params={"limit": 10})).json()
        await door.chat()
        await door.calls(26)
        found = [one["id"] for one in first["calls"]]
        cursor = first["next_cursor"]
        while cursor:
            page = (await door.client.get("/api/calls", params={"limit": 10, "cursor": cursor})).json()
            found += [one["id"] for one in page["calls"]]
            cursor = page["next_cursor"]
        assert found == before
        assert [len(page) for page in await pages(door, 7)] == [7, 7, 7, 5]


async def test_filters(tmp_path: Path, database_url: Secret | None) -> None:
    """Each by itself; several values of one are either-or, several filters are all-of."""
    database = {"CONDUCTOR_DATABASE_URL": database_url.reveal()} if database_url else {}
    async with opened(tmp_path, **database) as door:
        await planted(door, 2, provider="gemini", model="g", source=Source.CHAT)
        await planted(door, 3, provider="groq", model="q", source=Source.API, api_key_id="a" * 32)
        await planted(door, 4, provider="local", model="l", source=Source.DRILL)

        async def count(**asked: Any) -> int:
            return sum(map(len, await pages(door, 100, **asked)))

        assert await count() == 5
        assert await count(provider="gemini") == 2
        assert await count(provider=["gemini", "groq"]) == 5
        assert await count(provider="gemini", source="api") == 0
        assert await count(model="q") == 3
        assert await count(source="drill") == 4
        assert await count(outcome="ok") == 5
        assert await count(outcome="timeout") == 0
        assert await count(key="a" * 32) == 3
        begin = datetime.fromtimestamp(BEGIN / 1000, UTC)
        assert await count(since=begin.isoformat(), until=begin.isoformat()) == 0
        assert await count(since=begin.isoformat()) == 5
        assert await count(until=begin.isoformat()) == 0
        assert await count(provider="'; DROP TABLE calls; --") == 0
        assert await count(model="%") == 0
        both = await door.client.get("/api/calls", params={"source": ["drill", "api"]})
        assert both.status_code == 400


async def test_a_call_has_no_text_of_anybodys(door: Open) -> None:
    """Its numbers, and whose key it was; neither the conversation nor what was said."""
    await door.chat()
    await door.calls()
    [[one]] = await pages(door, 10)
    assert one["key"] == "environment"
    assert one["source"] == "api"
    assert "Hello" not in str(one)
    assert not {"conversation_id", "lane_id"} & one.keys()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": "many"},
        {"cursor": "nonsense"},
        {"cursor": "x" * 300},
        {"cursor": "bmFuOjA"},
        {"cursor": "aW5mOjA"},
        {"cursor": "\0"},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"until": "9999-12-31T23:59:59Z"},
        {"until": "0001-01-01T00:00:00+14:00"},
        {"source": "nowhere"},
        {"outcome": "running fast"},
        {"provider": "a\0b"},
        {"provider": "x" * 201},
        {"key": "\0"},
    ],
    ids=str,
)
async def test_questions_that_make_no_sense_are_refused(shared_door: Open, asked: dict[str, Any]) -> None:
    """With the name of the parameter."""
    answer = await shared_door.client.get("/api/calls", params=asked)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(next(iter(asked)))
