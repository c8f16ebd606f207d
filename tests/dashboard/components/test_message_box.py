"""What the browser is told of the message box. What it does with it is shown in a real browser."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from conductor_core.turns import LaneSetup
from dashboard.components.message_box import RECALLED_CHARACTERS, latest
from dashboard.state import CompareState
from tests.dashboard.app_pages.pages import Install, ask, conversation_of, opened, send
from tests.dashboard.app_pages.test_compare import BOX
from tests.upstream import Upstream


def told(page: AppTest) -> dict[str, Any]:
    found = [one.proto for one in page.get("bidi_component") if one.proto.component_name == "conductor.message_box"]
    [proto] = found
    return dict(json.loads(proto.json))


def test_each_page_and_conversation_has_a_place_of_its_own(install: Install, upstream: Upstream) -> None:
    """What was sent can be brought back; where a conversation was begun from the box, it says so."""
    install(upstream)
    page = opened("chat")
    assert (told(page)["place"], told(page)["prompts"], told(page)["label"]) == ("chat:new", [], "Message")
    page = ask(ask(page, "First"), "Second")
    place = f"chat:{conversation_of(page)}"
    assert (told(page)["place"], told(page)["begun"]) == (place, place)
    assert told(page)["prompts"] == ["First", "Second"]
    other = opened("chat", c=conversation_of(page))
    assert (told(other)["place"], told(other)["begun"]) == (place, "")
    compare = opened("compare", CompareState(lanes=[LaneSetup(provider="openai", model="any")] * 2))
    assert (told(compare)["place"], told(compare)["counts"]) == ("compare:new", False)
    compare = ask(compare, "Third", BOX)
    assert told(compare)["place"] == told(compare)["begun"] == f"compare:{conversation_of(compare)}"
    assert told(compare)["prompts"] == ["Third"]


def test_what_is_given_back_is_told_from_what_was_there(install: Install, upstream: Upstream) -> None:
    """Each time anew; a deleted conversation's draft is to be forgotten."""
    install(upstream)
    page = ask(opened("chat"), "First")
    address = conversation_of(page)
    assert told(page)["given"] == ""
    page = send(page, " \u200b")
    given = told(page)["given"]
    assert given
    assert page.chat_input[0].proto.value == " \u200b"
    assert told(send(page, " \u200b"))["given"] not in ("", given)
    page.button(key="delete").click().run()
    page.button(key="delete-yes").click().run()
    assert (told(page)["place"], told(page)["gone"]) == ("chat:new", f"chat:{address}")
    page.button(key="undo").click().run()
    assert (told(page)["place"], told(page)["gone"]) == (f"chat:{address}", "")


def test_so_many_prompts_are_brought_along_as_there_is_room_for() -> None:
    """The last one in any case."""
    assert latest([]) == []
    assert latest(["one", "two"]) == ["one", "two"]
    long = "x" * RECALLED_CHARACTERS
    assert latest(["before", long]) == [long]
    assert latest(["before", long + "x"]) == [long + "x"]
    assert latest([long, "one", "two"]) == ["one", "two"]
