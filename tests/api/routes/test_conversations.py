"""Conversations: listed, found, read, exported, and only those there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conductor_core.kinds import Verdict
from conductor_core.secret import Secret
from conductor_core.turns import LaneSetup
from tests.api.door import Open, opened
from tests.installation import KEY
from tests.store.rows import answer, conversation, message

NOBODYS = "0" * 32


async def kept(door: Open, number: int, **fields: Any) -> list[str]:
    """So many chats, each with a prompt and an answer; their ids, those used last first."""
    ids = []
    for place in range(number):
        chat = conversation(title=f"Chat {place}", created_at=place, updated_at=place // 2, **fields)
        asked = message(chat.id, content=f"Question {place} about 100 % of it_all")
        given = answer(chat.id, parent=asked.id, facts={"provider": "openai", "model": "m"})
        door.conductor.store.save_conversation(chat)
        door.conductor.store.save_message(asked)
        await door.conductor.store.save_message(given)
        ids.append((chat.updated_at, chat.id))
    return [id for _, id in sorted(ids, reverse=True)]


async def listed(door: Open, limit: int = 50, **asked: Any) -> list[str]:
    """The ids of every page."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = asked | {"limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = await door.client.get("/api/conversations", params=params)
        assert answer.status_code == 200, answer.text
        found += [one["id"] for one in answer.json()["conversations"]]
        cursor = answer.json()["next_cursor"]
    return found


async def test_they_are_listed_page_by_page(tmp_path: Path, database_url: Secret | None) -> None:
    """Those used last first, each once; archived ones and comparisons apart; deleted ones not at all."""
    database = {"CONDUCTOR_DATABASE_URL": database_url.reveal()} if database_url else {}
    async with opened(tmp_path, **database) as door:
        ids = await kept(door, 7)
        assert await listed(door) == ids
        assert await listed(door, limit=2) == ids
        await door.conductor.store.archive(ids[3], True)
        assert await listed(door) == ids[:3] + ids[4:]
        assert await listed(door, archived=True) == [ids[3]]
        await door.conductor.conversations.delete_soon(ids[0])
        assert ids[0] not in await listed(door)
        assert await listed(door, kind="compare") == []
        assert (await door.client.get(f"/api/conversations/{ids[0]}")).status_code == 404


async def test_they_are_found_by_their_words(tmp_path: Path, database_url: Secret | None) -> None:
    """B41 and B42: every character of a query is literal, and pages of finds are pages."""
    database = {"CONDUCTOR_DATABASE_URL": database_url.reveal()} if database_url else {}
    async with opened(tmp_path, **database) as door:
        ids = await kept(door, 5)
        assert len(await listed(door, q="question 3")) == 1
        assert sorted(await listed(door, q="question", limit=2)) == sorted(ids)
        for query in ("'; DROP TABLE messages; --", "%", "_", "(x+)+$", '"', "NEAR(question)", "*", "question OR no"):
            assert await listed(door, q=query) == [], query
        found = await door.client.get("/api/conversations", params={"q": "question 3"})
        assert "Question 3" in found.json()["conversations"][0]["found"]


async def test_one_is_read_as_it_is_shown(door: Open) -> None:
    """Prompts, answers and their figures; a key of ours that stands in a text is blanked out."""
    setup = LaneSetup(provider="openai", model="any-words-3")
    turn = await door.conductor.conversations.start_turn(f"My key is {KEY}", [setup])
    await turn.wait()
    found = (await door.client.get(f"/api/conversations/{turn.conversation_id}")).json()
    [exchange] = found["exchanges"]
    [given] = exchange["answers"]
    assert exchange["prompt"] == "My key is [key]"
    assert (given["provider"], given["model"], given["state"]) == ("openai", "any-words-3", "done")
    assert given["text"].startswith("Grüße aus Köln")
    assert given["cost_kind"] == "unknown"
    assert given["completion_tokens"] == 3


@pytest.mark.parametrize(
    "end", ["", "?q=my%20key%20is", "/{id}", "/{id}/export", "/{id}/export?format=json"], ids=lambda end: end or "list"
)
async def test_no_key_of_ours_goes_out(door: Open, end: str) -> None:
    """Wherever it stands: in titles, tags, prompts, what is found of them, and in how an answer failed."""
    chat = conversation(title=f"About {KEY}", tags=[f"of-{KEY}"])
    asked = message(chat.id, content=f"my key is {KEY}, and what now?")
    failure = {"sentence": f"{KEY} was refused", "detail": "", "kind": None}
    given = answer(chat.id, parent=asked.id, facts={"provider": "openai", "model": "m", "failure": failure})
    door.conductor.store.save_conversation(chat)
    door.conductor.store.save_message(asked)
    await door.conductor.store.save_message(given)
    told = await door.client.get("/api/conversations" + end.format(id=chat.id))
    assert (told.status_code, KEY in told.text, "[key]" in told.text) == (200, False, True)


async def test_nobody_is_told_of_a_blind_comparison_before_the_vote(door: Open) -> None:
    """Sides have letters; after the vote they have names."""
    setups = [LaneSetup(provider="openai", model="one"), LaneSetup(provider="anthropic", model="two")]
    turn = await door.conductor.conversations.start_turn("Who are you?", setups, kind="compare", blind=True)
    await turn.wait()
    address = f"/api/conversations/{turn.conversation_id}"
    before = await door.client.get(address)
    [exchange] = before.json()["exchanges"]
    assert [given["side"] for given in exchange["answers"]] == ["A", "B"]
    assert {given["provider"] for given in exchange["answers"]} == {None}
    assert {given["latency_ms"] for given in exchange["answers"]} == {None}
    markdown = (await door.client.get(f"{address}/export")).text
    whole = await door.client.get(f"{address}/export", params={"format": "json"})
    assert (whole.status_code, whole.json()["detail"]) == (
        400,
        "format: json tells who answered, and this comparison waits for a vote.",
    )
    for text in (before.text, markdown, whole.text):
        assert "anthropic" not in text
    await door.conductor.vote(turn.conversation_id, 0, Verdict.TIE)
    after = (await door.client.get(address)).json()["exchanges"][0]["answers"]
    assert {given["provider"] for given in after} == {"openai", "anthropic"}


async def test_exports(door: Open) -> None:
    """Markdown, and our own document; both as files with a safe name, both without our keys."""
    turn = await door.conductor.conversations.start_turn(f"../../etc/{KEY}", [LaneSetup(provider="openai", model="m")])
    await turn.wait()
    address = f"/api/conversations/{turn.conversation_id}/export"
    short = turn.conversation_id[:8]
    markdown = await door.client.get(address)
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert markdown.headers["content-disposition"] == f'attachment; filename="conversation-{short}.md"'
    assert "## You" in markdown.text
    document = await door.client.get(address, params={"format": "json"})
    assert json.loads(document.content)["conversations"][0]["id"] == turn.conversation_id
    assert KEY not in markdown.text + document.text
    html = await door.client.get(address, params={"format": "html"})
    assert (html.status_code, html.json()["detail"][:7]) == (404, "format:")
    assert (await door.client.get(address, params={"format": "exe"})).status_code == 400


@pytest.mark.parametrize("id", [NOBODYS, "f" * 32])
@pytest.mark.parametrize("end", ["", "/export", "/export?format=json", "/export?format=html"])
async def test_b40_what_is_not_there_is_a_404(door: Open, id: str, end: str) -> None:
    """Never another status, so that nobody learns what exists."""
    answer = await door.client.get(f"/api/conversations/{id}{end}")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("id", ["1", "'%20OR%201=1--", "A" * 32, "0" * 33, "..%2f..%2fetc", "%00"])
async def test_an_id_that_can_be_none_is_refused(door: Open, id: str) -> None:
    """As out of its bounds, or as an address there is not."""
    assert (await door.client.get(f"/api/conversations/{id}")).status_code in (400, 404)
