"""The list of conversations in the sidebar, as a reader uses it: real store, the tests' upstream."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from conductor_core.conductor import Conductor
from conductor_core.turns import LaneSetup
from dashboard.components.conversation_menu import ARCHIVE, DELETE, PIN, RENAME, UNARCHIVE, UNPIN
from dashboard.components.history import SHOWN
from tests.dashboard.app_pages.pages import Install, ask, checked, conversation_of, opened, words
from tests.store.rows import conversation, message
from tests.upstream import Upstream


def listed(page: AppTest) -> list[str]:
    """The titles in the list, in their order."""
    return [button.label for button in page.sidebar.button if str(button.key).startswith("open-")]


def found(page: AppTest) -> list[str]:
    return [button.label for button in page.sidebar.button if str(button.key).startswith("hit-")]


def choose(page: AppTest, conversation_id: str, entry: str) -> AppTest:
    """Takes an entry of the menu beside a conversation."""
    [menu] = [menu for menu in page.sidebar.menu_button if menu.key == f"menu-{conversation_id}"]
    menu.click(entry).run()
    return checked(page, "chat")


def search(page: AppTest, query: str) -> AppTest:
    page.text_input(key="search-chat").set_value(query).run()
    return checked(page, "chat")


def chat(conductor: Conductor, title: str, *said: str, at: int = 1_000) -> str:
    """A stored conversation; its id."""
    made = conversation(title=title, settings={"lanes": [LaneSetup().model_dump()]}, updated_at=at)
    conductor.store.save_conversation(made)
    end = None
    for turn, text in enumerate(said):
        prompt = message(made.id, turn=turn, content=text, parent=end)
        conductor.store.save_message(prompt)
        end = prompt.id
    conductor.store.touch(made.id, at).result(10)
    return made.id


def test_a_search_leads_to_the_message(install: Install) -> None:
    """The hit shows the title and the words in their text; a click opens the conversation, whole, at it."""
    conductor = install()
    id = chat(conductor, "Rivers", *(f"question {number}" for number in range(30)), "Die Weser")
    chat(conductor, "Lakes", "no river")
    page = search(opened("chat"), "wes")
    assert found(page) == ["Rivers  \n:small[Die **Wes**er]"]
    assert listed(page) == []
    [hit] = [button for button in page.sidebar.button if str(button.key).startswith("hit-")]
    hit.click().run()
    assert conversation_of(checked(page, "chat")) == id
    assert "question 0" in words(page)
    sought = page.session_state["_history"].sought
    assert (sought.conversation_id, f"hit-{sought.message_id}") == (id, hit.key)
    assert sorted(listed(search(page, ""))) == ["Lakes", "Rivers"]


def test_a_search_without_hits_says_so(install: Install) -> None:
    """In the words that were typed, whatever they are."""
    conductor = install()
    chat(conductor, "Rivers")
    page = search(opened("chat"), "**%_' OR 1=1")
    assert found(page) == []
    assert "Nothing holds all of" in words(page)


def test_a_hit_draws_nothing_but_letters(install: Install) -> None:
    """A title and a text full of markup are shown as they were written."""
    conductor = install()
    chat(conductor, "![x](http://e.example/x)", ":material/lock: [needle](http://e.example) <b>")
    [label] = found(search(opened("chat"), "needle"))
    assert r"\[x\]" in label
    assert r"\[**needle**\]" in label
    assert ":material/" not in label


def test_pinned_come_first(install: Install) -> None:
    """Under a heading of their own, until they are unpinned."""
    conductor = install()
    first, _ = chat(conductor, "Older", at=1), chat(conductor, "Newer", at=2)
    page = opened("chat")
    assert listed(page) == ["Newer", "Older"]
    page = choose(page, first, PIN)
    assert listed(page) == ["Older", "Newer"]
    assert "Pinned" in words(page)
    assert listed(choose(page, first, UNPIN)) == ["Newer", "Older"]


def test_the_archive_is_a_list_of_its_own(install: Install) -> None:
    """What is moved there leaves the list, is still found, and comes back."""
    conductor = install()
    id, _ = chat(conductor, "Finished", at=1), chat(conductor, "Current", at=2)
    page = choose(opened("chat"), id, ARCHIVE)
    assert listed(page) == ["Current"]
    assert found(search(page, "finished")) == ["**Finished**"]
    search(page, "").button(key="archive-chat").click().run()
    assert listed(page) == ["Finished"]
    page = choose(page, id, UNARCHIVE)
    assert "nothing is in it" in words(page)
    page.button(key="archive-chat").click().run()
    assert listed(page) == ["Current", "Finished"]


def test_renaming_from_the_list(install: Install) -> None:
    """An empty title is refused with the reason; another one is there at once, and found."""
    conductor = install()
    id = chat(conductor, "Rivers")
    page = choose(opened("chat"), id, RENAME)
    field = page.text_input(key=f"rename-{id}")
    field.set_value("  ")
    [button] = [button for button in page.button if button.label == "Rename"]
    button.click().run()
    assert page.error[0].value.startswith("The title is empty.")
    page.text_input(key=f"rename-{id}").set_value("Streams")
    [button] = [button for button in page.button if button.label == "Rename"]
    button.click().run()
    assert listed(checked(page, "chat")) == ["Streams"]
    assert found(search(page, "streams")) == ["**Streams**"]


def test_a_deletion_can_be_undone(install: Install, upstream: Upstream) -> None:
    """Out of sight at once; Undo brings it back and opens it."""
    conductor = install(upstream)
    page = opened("chat")
    id = conversation_of(ask(page, "Hello"))
    page = choose(page, id, DELETE)
    page.button(key="delete-yes").click().run()
    assert listed(checked(page, "chat")) == []
    assert conversation_of(page) == ""
    assert "Deleted “Hello”." in words(page)
    page.button(key="undo").click().run()
    assert conversation_of(checked(page, "chat")) == id
    assert listed(page) == ["Hello"]
    assert conductor.store.put_away() == {}
    assert "Deleted" not in words(page)


def test_what_was_deleted_is_gone_after_a_restart(install: Install) -> None:
    """Closing in the time in which it could be undone deletes it."""
    conductor = install()
    id = chat(conductor, "Rivers", "Die Weser")
    page = choose(opened("chat"), id, DELETE)
    page.button(key="delete-yes").click().run()
    conductor = install()
    assert conductor.store.messages(id) == []
    assert conductor.store.put_away() == {}


def test_a_long_list_comes_in_pages(install: Install) -> None:
    """Show more shows the next ones, until there are none."""
    conductor = install()
    for number in range(SHOWN + 2):
        chat(conductor, f"Chat {number}", at=number)
    page = opened("chat")
    assert len(listed(page)) == SHOWN
    page.button(key="more-chat").click().run()
    assert listed(page)[-1] == "Chat 0"
    assert not [button for button in page.button if button.key == "more-chat"]
