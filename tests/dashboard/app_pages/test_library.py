"""Personas and prompt templates as a reader keeps and uses them, on Chat and Compare."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, event
from streamlit.testing.v1 import AppTest

from conductor_core.kinds import Keepsake
from conductor_core.store.library_rows import Kept
from dashboard import runtime
from dashboard.state import CompareState
from tests.dashboard.app_pages.pages import (
    Install,
    answered,
    ask,
    chat_state,
    checked,
    compare_state,
    conversation_of,
    opened,
    words,
)
from tests.dashboard.app_pages.test_compare import BOX, lane
from tests.dashboard.app_pages.test_compare_lanes import keyed
from tests.upstream import Upstream

PIRATE = "You are a pirate."
WEATHER = "Write about the weather in {{city}}, in {{language=English}}."


def kept(kind: Keepsake, name: str, text: str) -> Kept:
    return runtime.run(runtime.get_conductor().library.save(kind, name, text))


def names(kind: Keepsake) -> list[str]:
    return [title.name for title in runtime.get_conductor().library.titles(kind)]


def write(page: AppTest, name: str, text: str) -> AppTest:
    """Fills in the dialog's form and keeps it."""
    keyed(page.text_input, "library-name-")[0].set_value(name)
    keyed(page.text_area, "library-text-")[0].set_value(text)
    next(button for button in page.button if button.label == "Keep").click().run()
    assert not page.exception
    return page


def personas(page: AppTest) -> list[Any]:
    return keyed(page.selectbox, "persona-")


def system(page: AppTest, at: int = 0) -> Any:
    return keyed(page.text_area, "system-")[at]


def code(page: AppTest) -> str:
    """What the dialog shows as the outcome."""
    return str(page.code[-1].value)


def test_a_system_prompt_is_kept_as_a_persona_and_chosen_again(install: Install, upstream: Upstream) -> None:
    """After a restart, in another chat; the provider gets it, and the chat says which one it is."""
    install(upstream)
    page = opened("chat")
    assert personas(page) == []
    system(page).set_value(PIRATE).run()
    keyed(page.button, "keep-persona-")[0].click().run()
    assert keyed(page.text_area, "library-text-")[0].value == PIRATE
    page = write(page, "The **pirate**", f"{PIRATE} Be brief.")
    page.run()
    assert system(page).value == f"{PIRATE} Be brief."
    assert personas(page)[0].value == runtime.get_conductor().library.titles(Keepsake.PERSONA)[0].id
    install(upstream)
    page = opened("chat")
    [box] = personas(page)
    assert box.options == ["The **pirate**"]  # options of a select box are no markdown
    assert box.value is None
    box.select_index(0).run()
    assert system(page).value == f"{PIRATE} Be brief."
    page = ask(page, "Hello")
    assert upstream.last.body
    assert upstream.last.body["messages"][0] == {"role": "system", "content": f"{PIRATE} Be brief."}
    again = opened("chat", c=conversation_of(page))
    assert personas(again)[0].value is not None
    personas(again)[0].set_value(None).run()
    assert (system(again).value, chat_state(again).setup.system) == ("", "")


def test_a_persona_is_edited_renamed_and_deleted(install: Install) -> None:
    """From where it is chosen; what chats were held with stays."""
    install()
    kept(Keepsake.PERSONA, "Pirate", PIRATE)
    page = opened("chat")
    assert not keyed(page.button, "edit-persona-")
    personas(page)[0].select_index(0).run()
    keyed(page.button, "edit-persona-")[0].click().run()
    page = write(page, "Captain", "You are a captain.")
    page.run()
    assert (names(Keepsake.PERSONA), system(page).value) == (["Captain"], "You are a captain.")
    keyed(page.button, "delete-persona-")[0].click().run()
    assert "Delete “Captain”?" in words(page)
    page.button(key="library-delete-no").click().run()
    assert names(Keepsake.PERSONA) == ["Captain"]
    page.run()
    keyed(page.button, "delete-persona-")[0].click().run()
    page.button(key="library-delete-yes").click().run()
    page.run()
    assert (names(Keepsake.PERSONA), system(page).value) == ([], "You are a captain.")
    assert not page.exception


def test_a_persona_that_is_refused_says_why(install: Install) -> None:
    """The form stays with what was typed; another tab's deletion is told, too."""
    install()
    pirate = kept(Keepsake.PERSONA, "Pirate", PIRATE)
    page = opened("chat")
    keyed(page.button, "keep-persona-")[0].click().run()
    page = write(page, "pirate", "Arr")
    assert "There is a persona named “Pirate” already. Choose another name." in words(page)
    page = write(page, "Other", " ")
    assert "The persona is empty." in words(page)
    next(button for button in page.button if button.label == "Cancel").click().run()
    page.run()
    assert not keyed(page.text_area, "library-text-")
    personas(page)[0].select_index(0)
    runtime.run(runtime.get_conductor().library.delete(pirate.id))
    page.run()
    assert "It is not there any more: it was deleted or renamed." in words(page)
    assert system(page).value == ""
    assert not page.exception


def test_each_lane_has_a_persona_of_its_own(install: Install, upstream: Upstream) -> None:
    """Chosen in its picker; the others stay as they are."""
    install(upstream)
    kept(Keepsake.PERSONA, "Pirate", PIRATE)
    page = opened("compare", CompareState(lanes=[lane("any words 1"), lane("any words 2", "anthropic")]))
    assert len(personas(page)) == 2
    personas(page)[1].select_index(0).run()
    ask(page, "Hello", BOX)
    assert [setup.system for setup in compare_state(page).lanes] == ["", PIRATE]
    bodies = [request.body for request in upstream.requests if request.body]
    assert sorted(str(body.get("system", "")) for body in bodies) == ["", PIRATE]


def test_the_names_are_read_once_for_all_lanes(install: Install) -> None:
    """Not by each picker; another tab's persona is there at the next run."""
    install()
    page = opened("compare", CompareState(lanes=[lane("any words 1"), lane("any words 2")]))
    kept(Keepsake.PERSONA, "Pirate", PIRATE)
    reads: list[str] = []

    @event.listens_for(Engine, "before_cursor_execute")
    def _noted(_c: object, _cursor: object, text: str, *_: object) -> None:
        if text.startswith("SELECT library.id, library.name"):
            reads.append(text)

    try:
        page.run()
    finally:
        event.remove(Engine, "before_cursor_execute", _noted)
    assert [box.options for box in personas(page)] == [["Pirate"], ["Pirate"]]
    assert len(reads) == 1


def test_a_template_is_kept_filled_in_and_put_into_the_box(install: Install) -> None:
    """It asks for what it needs, shows what comes of it, and the box gets that; defaults hold where nothing is said."""
    install()
    page = opened("chat")
    page.button(key="templates").click().run()
    assert "kept under a name, for everyone who uses this installation" in words(page)
    page.button(key="template-new").click().run()
    page = write(page, "Weather", WEATHER)
    assert keyed(page.selectbox, "template-")[0].options == ["Weather"]
    city, language = keyed(page.text_area, "variable-")
    assert (city.label, language.label, language.placeholder) == ("city", "language", "English")
    assert code(page) == "Write about the weather in {{city}}, in English."
    page.button(key="template-put").click().run()
    assert "Fill in: city." in words(page)
    keyed(page.text_area, "variable-")[0].set_value("Köln <b>").run()
    assert code(page) == "Write about the weather in Köln <b>, in English."
    page.button(key="template-put").click().run()
    put = chat_state(page).box.put
    assert put
    assert put.text == "Write about the weather in Köln <b>, in English."
    assert not keyed(page.text_area, "variable-")
    assert conversation_of(page) == ""
    assert not page.exception


@pytest.mark.parametrize(("name", "box"), [("chat", "prompt"), ("compare", BOX)])
def test_a_template_is_sent_at_once(install: Install, upstream: Upstream, name: str, box: str) -> None:
    """As what is typed is: below what is there, once, with all lanes."""
    install(upstream)
    kept(Keepsake.TEMPLATE, "Weather", WEATHER)
    page = opened(name, CompareState(lanes=[lane("any words 1"), lane("any words 2")]))
    page.button(key="templates").click().run()
    keyed(page.selectbox, "template-")[0].select_index(0).run()
    keyed(page.text_area, "variable-")[0].set_value("Rome").run()
    page.button(key="template-send").click().run()
    page = answered(checked(page, name))
    [exchange] = runtime.get_conductor().conversations.transcript(conversation_of(page)).exchanges
    assert exchange.prompt == "Write about the weather in Rome, in English."
    state = chat_state(page) if name == "chat" else compare_state(page)
    assert state.box.begun == conversation_of(page)


def test_a_template_that_holds_a_key_is_asked_about(install: Install, upstream: Upstream) -> None:
    """As a typed one, before it leaves."""
    install(upstream)
    kept(Keepsake.TEMPLATE, "Key", "Use sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD please")
    page = opened("chat")
    page.button(key="templates").click().run()
    keyed(page.selectbox, "template-")[0].select_index(0).run()
    page.button(key="template-send").click().run()
    assert "This looks like it holds" in "\n".join(warning.value for warning in page.warning)
    assert not upstream.requests


def test_a_template_is_edited_and_deleted(install: Install) -> None:
    """One that is none is refused; after each step the dialog goes on."""
    install()
    kept(Keepsake.TEMPLATE, "Weather", WEATHER)
    page = opened("chat")
    page.button(key="templates").click().run()
    keyed(page.selectbox, "template-")[0].select_index(0).run()
    page.button(key="template-edit").click().run()
    page = write(page, "Climate", "In {{two words}}")
    assert "is no variable" in words(page)
    page = write(page, "Climate", "In {{town}}")
    assert keyed(page.selectbox, "template-")[0].options == ["Climate"]
    assert [area.label for area in keyed(page.text_area, "variable-")] == ["town"]
    page.button(key="template-delete").click().run()
    page.button(key="library-delete-yes").click().run()
    assert names(Keepsake.TEMPLATE) == []
    assert "kept under a name, for everyone who uses this installation" in words(page)
    assert not page.exception


def test_a_name_is_no_markdown(install: Install) -> None:
    """In the question before it is deleted, and as a variable's label."""
    install()
    kept(Keepsake.TEMPLATE, "![x](http://evil.example/a.png) :red[_all_]", "{{_a_}}")
    page = opened("chat")
    page.button(key="templates").click().run()
    keyed(page.selectbox, "template-")[0].select_index(0).run()
    assert keyed(page.text_area, "variable-")[0].label == r"\_a\_"
    page.button(key="template-delete").click().run()
    assert r"Delete “!\[x\](http\://evil.example/a.png) :red\[\_all\_\]”?" in words(page)
