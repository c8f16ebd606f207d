"""All conversations as a download, and the page that is for reading: nothing in it runs, loads or deceives."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from conductor_core.attachments import noted
from conductor_core.conductor import Conductor
from conductor_core.export import as_markdown
from conductor_core.kinds import LaneState
from conductor_core.store.records import Attachment
from conductor_core.store.wholes import AT_ONCE
from conductor_core.turns import LaneSetup
from dashboard import comparison_files, conversation_downloads
from dashboard.conversation_page import page
from tests.dashboard.app_pages.pages import Install
from tests.files import PNG
from tests.installation import KEY
from tests.store.rows import answer, conversation, fresh_id, message

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


async def test_the_page_is_drawn_and_does_nothing(client: httpx.AsyncClient) -> None:
    """Whatever was said: no script, no picture from elsewhere; what turns the direction of writing is named."""
    found = await client.get(conversation_downloads.HTML)
    seen = Seen()
    seen.feed(found.text)
    head, body = {"html", "head", "meta", "title", "style", "body"}, {"main", "article", "section", "div", "p"}
    assert seen.elements == head | body | {"h1", "h2", "small", "details", "summary", "br", "strong"}
    assert seen.attributes == {"lang", "charset", "name", "content", "http-equiv", "class", "dir"}
    assert "http://e.example" in seen.text
    assert "⟨U+202E⟩" in seen.text
    assert "\u202e" not in found.text
    assert "<strong>bold</strong> &amp; “quotes”" in found.text
    assert found.text.count("<article") == AT_ONCE + 1
    assert "default-src 'none'" in found.text
    assert "prefers-color-scheme: dark" in found.text
    assert "@media print" in found.text


def test_the_policy_lets_in_the_pages_own_style_and_no_other(conductor: Conductor) -> None:
    """By its hash; a style that a text smuggled in would not have it."""
    drawn = "".join(page(conductor.transfer.transcripts(), "All", conductor.transfer.file))
    style = drawn.partition("<style>")[2].partition("</style>")[0]
    assert f"style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'; img-src data:;" in drawn
    assert "unsafe-inline" not in drawn


async def test_pictures_are_in_the_page_and_files_are_named(install: Install) -> None:
    """A picture as it is, a text by its name and size, a picture that is gone by its name; of one and of all."""
    opened = install()
    chat = conversation(settings=SETTINGS)
    opened.store.save_conversation(chat)
    kept = [
        Attachment(fresh_id(), chat.id, name, media, data)
        for name, media, data in (
            ('a"<b>.png', "image/png", PNG),
            ("notes.txt", "text/plain", b"Rivers run"),
            ("gone.png", "image/png", PNG),
        )
    ]
    for one in kept[:2]:
        opened.store.save_attachment(one)
    asked = message(chat.id, facts={"files": [noted(one) for one in kept]})
    opened.store.save_message(asked)
    opened.store.save_message(answer(chat.id, parent=asked.id)).result(10)
    alone = page([opened.conversations.transcript(chat.id)], chat.title, opened.transfer.file)
    for drawn in ("".join(alone), "".join(page(opened.transfer.transcripts(), "All", opened.transfer.file))):
        picture = f'src="data:image/png;base64,{b64encode(PNG).decode()}"'
        assert drawn.count(f'<img alt="a&quot;&lt;b&gt;.png" {picture}') == drawn.count("<img") == 1
        assert "notes.txt · 10 B" in drawn
        assert f"gone.png · {len(PNG)} B" in drawn
        assert "Rivers run" not in drawn


async def test_no_key_is_in_any_export(install: Install) -> None:
    """Whatever field somebody wrote one into, of one conversation and of all, in each format."""
    opened = install(OPENAI_API_KEY=KEY)
    chat = conversation(title=f"Is {KEY} one?", settings=SETTINGS, kind="compare")
    opened.store.save_conversation(chat)
    file = Attachment(fresh_id(), chat.id, f"{KEY}.png", "image/png", PNG + KEY.encode())
    opened.store.save_attachment(file)
    asked = message(chat.id, content=KEY, facts={"files": [noted(file)]})
    opened.store.save_message(asked)
    setup = LaneSetup(provider="openai", system=KEY).model_dump()
    failure = {"sentence": KEY, "detail": KEY, "kind": "auth"}
    facts = {"provider": "openai", "model": KEY, "setup": setup, "failure": failure, "notices": [KEY]}
    given = answer(chat.id, parent=asked.id, content=f"**{KEY}**", thinking=KEY, facts=facts)
    opened.store.save_message(given).result(10)
    transfer = opened.transfer
    told = transfer.masked(opened.conversations.transcript(chat.id))
    for written in (
        "".join(page([told], told.conversation.title, transfer.file)),
        "".join(page(transfer.transcripts(), "All", transfer.file)),
        as_markdown(told),
        comparison_files.as_markdown(told),
        b"".join(transfer.all()).decode(),
        transfer.whole(chat.id).decode(),
    ):
        assert "[key]" in written
        assert KEY not in written
        decoded = [b64decode(found) for found in re.findall(r"[A-Za-z0-9+/=]{80,}", written)]
        assert all(KEY.encode() not in data for data in decoded)


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
    drawn = "".join(page([opened.conversations.transcript(chat.id)], chat.title, opened.transfer.file))
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
    drawn = "".join(page(opened.transfer.transcripts(), "All", opened.transfer.file))
    assert "<h2>A " in drawn
    assert "nthropic" not in drawn
    assert "OpenAI" not in drawn
