"""All conversations as a download, and the page that is for reading: nothing in it runs, loads or deceives."""

from __future__ import annotations

from html.parser import HTMLParser

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from conductor_core.conductor import Conductor
from conductor_core.kinds import LaneState
from conductor_core.store.wholes import AT_ONCE
from conductor_core.turns import LaneSetup
from dashboard import conversation_downloads
from dashboard.conversation_page import page
from tests.dashboard.app_pages.pages import Install
from tests.store.rows import answer, conversation, message

EVIL = '</div><script>alert(1)</script><img src="http://e.example/x" onerror=alert(1)>\u202e\n**bold** & “quotes”'
SETTINGS = {"lanes": [LaneSetup().model_dump()]}


class Seen(HTMLParser):
    """The elements of a page, their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def conductor(install: Install) -> Conductor:
    """An installation with more conversations than are read at once, the last one nasty."""
    opened = install()
    for number in range(AT_ONCE + 1):
        chat = conversation(title=EVIL if number == AT_ONCE else f"Number {number}", created_at=number)
        chat.settings = SETTINGS
        opened.store.save_conversation(chat)
        asked = message(chat.id, content=EVIL if number == AT_ONCE else "How?")
        opened.store.save_message(asked)
        given = answer(chat.id, content=EVIL, thinking=EVIL, parent=asked.id, facts={"provider": "x", "model": EVIL})
        opened.store.save_message(given).result(10)
    return opened


@pytest.fixture
def client(conductor: Conductor) -> httpx.AsyncClient:
    app = Starlette(routes=conversation_downloads.routes)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8501")


async def test_all_are_in_the_file(client: httpx.AsyncClient) -> None:
    """In the order they were begun; a file by its headers, kept by no cache."""
    found = await client.get(conversation_downloads.JSON)
    assert found.headers["content-disposition"] == 'attachment; filename="conversations.json"'
    assert found.headers["cache-control"] == "no-store"
    told = orjson.loads(found.content)["conversations"]
    assert [one["created_at"] for one in told] == list(range(AT_ONCE + 1))
    assert told[-1]["title"] == EVIL


async def test_the_page_is_text_and_nothing_else(client: httpx.AsyncClient) -> None:
    """Whatever was said: no script, no picture, no address; what turns the direction of writing is named."""
    found = await client.get(conversation_downloads.HTML)
    seen = Seen()
    seen.feed(found.text)
    head, body = {"html", "head", "meta", "title", "style", "body"}, {"main", "article", "section", "div", "p"}
    assert seen.elements == head | body | {"h1", "h2", "small", "details", "summary"}
    assert seen.attributes == {"lang", "charset", "name", "content", "http-equiv", "class", "dir"}
    assert "http://e.example" in seen.text
    assert "⟨U+202E⟩" in seen.text
    assert "\u202e" not in found.text
    assert "**bold** & “quotes”" in seen.text
    assert found.text.count("<article") == AT_ONCE + 1
    assert "default-src 'none'" in found.text
    assert "prefers-color-scheme: dark" in found.text
    assert "@media print" in found.text


def test_a_conversation_alone_says_what_is_left_out(install: Install) -> None:
    """Its other branches; an empty answer is called one, and a failure by its sentence."""
    opened = install()
    chat = conversation(settings=SETTINGS)
    opened.store.save_conversation(chat)
    asked = message(chat.id)
    failure = {"sentence": "OpenAI refused the key.", "detail": "", "kind": "auth"}
    failed = answer(chat.id, content="", parent=asked.id, version=1, state=LaneState.FAILED, facts={"failure": failure})
    for one in (asked, answer(chat.id, content="", parent=asked.id, version=0), failed):
        opened.store.save_message(one).result(10)
    drawn = "".join(page([opened.conversations.transcript(chat.id)], chat.title))
    assert "1 other branch of this conversation not included" in drawn
    assert "OpenAI refused the key." in drawn
    assert "<title>Rivers</title>" in drawn


async def test_a_blind_comparison_names_nobody_before_the_vote(install: Install) -> None:
    """Side A and side B, without figures."""
    opened = install()
    chat = conversation(kind="compare", settings=SETTINGS)
    opened.store.save_conversation(chat)
    asked = message(chat.id, facts={"order": [1, 0]})
    opened.store.save_message(asked)
    for lane, who in enumerate(("openai", "anthropic")):
        facts = {"provider": who, "model": f"{who}-model"}
        opened.store.save_message(answer(chat.id, parent=asked.id, lane=lane, facts=facts)).result(10)
    drawn = "".join(page(opened.transfer.transcripts(), "All"))
    assert "<h2>A " in drawn
    assert "nthropic" not in drawn
    assert "OpenAI" not in drawn
