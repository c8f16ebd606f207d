"""Tags and feedback as a reader uses them: set, seen again, changed, taken back."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from conductor_core.answers import Answer
from dashboard import runtime
from dashboard.components.conversation_menu import TAGS
from tests.dashboard.app_pages.pages import Install, ask, checked, conversation_of, opened
from tests.dashboard.app_pages.test_history import chat, choose, found, listed, search
from tests.upstream import Upstream


def tag(page: AppTest, id: str, *tags: str) -> AppTest:
    page = choose(page, id, TAGS)
    page.multiselect(key=f"tags-{id}").set_value(list(tags))
    [save] = [button for button in page.button if button.label == "Save"]
    save.click().run()
    return checked(page, "chat")


def test_tags_are_given_listed_and_filtered_by(install: Install) -> None:
    """In lower case and small below the title; the filter is there as long as there are tags."""
    conductor = install()
    rivers, _ = chat(conductor, "Rivers", at=2), chat(conductor, "Lakes", at=1)
    page = opened("chat")
    assert not [box for box in page.selectbox if box.key == "tag-chat"]
    page = tag(page, rivers, "Geography", "to_do*")
    assert listed(page) == ["Rivers  \n:small[\\#geography #to\\_do\\*]", "Lakes"]
    page.selectbox(key="tag-chat").set_value("geography").run()
    assert len(listed(checked(page, "chat"))) == 1
    assert found(search(page, "geogr")) == ["Rivers"]
    page = tag(search(page, ""), rivers)
    assert listed(page) == ["Rivers", "Lakes"]


def test_too_many_tags_are_refused(install: Install) -> None:
    """With the bound; a double is one."""
    conductor = install()
    id = chat(conductor, "Rivers")
    page = choose(opened("chat"), id, TAGS)
    page.multiselect(key=f"tags-{id}").set_value([f"tag {number}" for number in range(20)])
    [save] = [button for button in page.button if button.label == "Save"]
    save.click().run()
    assert len(conductor.store.conversation(id).tags) == 20


def answer_of(page: AppTest) -> Answer:
    conversations = runtime.get_conductor().conversations
    return conversations.transcript(conversation_of(page)).exchanges[0].answers[0]


def test_thumbs_and_a_note(install: Install, upstream: Upstream) -> None:
    """Shown again after a reload; changed and taken back by the same widgets."""
    install(upstream)
    page = ask(opened("chat"), "Hello")
    key = answer_of(page).id
    assert not [one for one in page.text_area if str(one.key).startswith("note-")]
    page.feedback(key=f"feedback-{key}").set_value(1).run()
    page.text_area(key=f"note-{key}").set_value("Just right").run()
    kept = answer_of(page).feedback
    assert kept
    assert (kept.good, kept.note) == (True, "Just right")
    again = opened("chat", c=conversation_of(page))
    assert again.feedback(key=f"feedback-{key}").value == 1
    assert again.text_area(key=f"note-{key}").value == "Just right"
    again.feedback(key=f"feedback-{key}").set_value(0).run()
    kept = answer_of(again).feedback
    assert kept
    assert (kept.good, kept.note) == (False, "Just right")
    again.feedback(key=f"feedback-{key}").set_value(None).run()
    assert answer_of(checked(again, "chat")).feedback is None


def test_an_answer_is_shown_as_it_was_written(install: Install, upstream: Upstream) -> None:
    """And formatted again; only this one."""
    install(upstream)
    page = ask(opened("chat"), "Hello")
    key, text = answer_of(page).id, answer_of(page).text
    page.button(key=f"raw-{key}").click().run()
    assert [code.value for code in checked(page, "chat").code] == [text]
    page.button(key=f"raw-{key}").click().run()
    assert not page.code
