"""Edits and branches on the Chat page: nothing that was said is lost, nothing that was typed either."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from conductor_core.conductor import Conductor
from dashboard import runtime
from tests.dashboard.app_pages.pages import (
    Install,
    answered,
    ask,
    chat_state,
    checked,
    conversation_of,
    opened,
    send,
    words,
)
from tests.upstream import Plan, Upstream


def prompts(page: AppTest) -> list[str]:
    """What is shown of what the person said, oldest first."""
    transcript = runtime.get_conductor().conversations.transcript(conversation_of(page))
    drawn = [one.value for one in page.main.markdown]
    said = [exchange.prompt for exchange in transcript.exchanges]
    assert [one for one in drawn if one in said] == said
    return said


def prompt_id(page: AppTest, at: int) -> str:
    return runtime.get_conductor().conversations.transcript(conversation_of(page)).exchanges[at].prompt_id


def begin_edit(page: AppTest, at: int) -> str:
    """Opens the box of a prompt; the prompt's id."""
    id = prompt_id(page, at)
    page.button(key=f"edit-{id}").click().run()
    return id


def resend(page: AppTest, id: str, text: str) -> AppTest:
    """Writes into an open box and sends it; the answer may still be running."""
    page.text_area(key=f"edited-{id}").set_value(text)
    page.button(key=f"resend-{id}").click().run()
    return checked(page, "chat")


def previous(page: AppTest) -> list[str]:
    return [str(button.key) for button in page.main.button if str(button.key).startswith("branch-P-")]


def test_an_edit_is_answered_and_the_first_version_is_one_click_away(install: Install, upstream: Upstream) -> None:
    """In place, with what followed; the choice holds for another tab and after a restart."""
    install(upstream)
    page = ask(opened("chat"), "First")
    ask(ask(page, "Second"), "Third")
    answered(resend(page, begin_edit(page, 1), "Second, otherwise"))
    assert prompts(page) == ["First", "Second, otherwise"]
    assert [message["content"] for message in upstream.requests[-1].body["messages"]][::2] == [
        "First",
        "Second, otherwise",
    ]
    assert "2 / 2" in words(page)
    [key] = previous(page)
    page.button(key=key).click().run()
    assert prompts(page) == ["First", "Second", "Third"]
    assert "1 / 2" in words(page)
    conversation_id = conversation_of(page)
    install(upstream)
    again = opened("chat", c=conversation_id)
    assert prompts(again) == ["First", "Second", "Third"]
    again.button(key=key.replace("-P-", "-N-")).click().run()
    assert prompts(checked(again, "chat")) == ["First", "Second, otherwise"]


def test_an_earlier_answer_is_given_again_by_another(install: Install, upstream: Upstream) -> None:
    """What followed the first stays with it; the next message goes out with the one that is shown."""
    install(upstream)
    page = ask(opened("chat"), "First")
    ask(page, "Second")
    upstream.behaviour = "words-3"
    page.main.menu_button[0].click("anthropic").run()
    answered(page)
    assert prompts(page) == ["First"]
    assert "<b>Anthropic</b>" in words(page)
    ask(page, "Second, after the other")
    assert upstream.requests[-1].body["messages"][1]["content"] == Plan.of("words-3").text
    [key] = previous(page)
    page.button(key=key).click().run()
    assert prompts(page) == ["First", "Second"]


def test_again_offers_what_is_chosen_above(install: Install, upstream: Upstream) -> None:
    """With its model and parameters, where they are others than the answer's."""
    install(upstream)
    page = ask(opened("chat"), "First")
    assert ":above" not in page.main.menu_button[0].options
    page.selectbox[0].select("anthropic").run()
    page.slider[0].set_value(0.3).run()
    page.main.menu_button[0].click(":above").run()
    answered(page)
    asked = upstream.requests[-1]
    assert (asked.model, asked.body["temperature"], len(previous(page))) == ("claude-haiku-4-5", 0.3, 1)
    assert ":above" not in page.main.menu_button[0].options


def test_what_is_typed_into_an_edit_is_kept(install: Install, upstream: Upstream) -> None:
    """On another page and back, while an answer runs elsewhere, when it is refused; Cancel leaves all as it was."""
    install(upstream)
    page = ask(opened("chat"), "First")
    id = begin_edit(page, 0)
    page.text_area(key=f"edited-{id}").set_value("First, half wri").run()
    page.switch_page("app_pages/compare.py").run()
    page.query_params.clear()
    page.switch_page("app_pages/chat.py").run()
    assert page.text_area(key=f"edited-{id}").value == "First, half wri"
    resend(page, id, "\u200b")
    assert page.error[0].value == "Nothing to send: the message has no visible character."
    assert page.text_area(key=f"edited-{id}").value == "\u200b"
    upstream.behaviour = "silent"
    send(page, "Second")
    resend(page, id, "First, otherwise")
    assert "still" in page.error[0].value
    assert page.text_area(key=f"edited-{id}").value == "First, otherwise"
    page.button(key="stop").click().run()
    answered(page).button(key=f"unedit-{id}").click().run()
    assert prompts(checked(page, "chat")) == ["First", "Second"]
    assert chat_state(page).editing == {}


def test_a_key_in_an_edit_is_asked_about(install: Install, upstream: Upstream) -> None:
    """Back leaves it in its own box; masked it goes out in the prompt's place."""
    install(upstream)
    page = ask(opened("chat"), "First")
    id = begin_edit(page, 0)
    key = "sk-proj-0123456789abcdefghij"
    resend(page, id, f"It is {key}")
    assert len(upstream.requests) == 1
    next(button for button in page.button if button.label == "Back to the box").click().run()
    assert page.text_area(key=f"edited-{id}").value == f"It is {key}"
    page.button(key=f"resend-{id}").click().run()
    next(button for button in page.button if button.label == "Send masked").click().run()
    assert prompts(answered(page)) == ["It is [key]"]
    assert key not in str(upstream.requests[-1].body)


def test_a_search_leads_into_a_branch_that_is_not_shown(install: Install, upstream: Upstream) -> None:
    """The hit's branch is shown from then on."""
    install(upstream)
    page = ask(opened("chat"), "First")
    ask(page, "Where is the needle?")
    answered(resend(page, begin_edit(page, 0), "Other"))
    assert prompts(page) == ["Other"]
    page.text_input(key="search-chat").set_value("needle").run()
    [hit] = [button for button in page.sidebar.button if str(button.key).startswith("hit-")]
    hit.click().run()
    assert prompts(checked(page, "chat")) == ["First", "Where is the needle?"]


def test_an_address_may_name_an_answer_of_any_branch(install: Install, upstream: Upstream) -> None:
    """As a call's does on Health: its branch is shown, once; what is not there is told."""
    conductor: Conductor = install(upstream)
    page = ask(opened("chat"), "First")
    id = conversation_of(page)
    [call] = conductor.store.calls_of(id)
    answered(resend(page, begin_edit(page, 0), "Other"))
    assert call.lane_id
    page = opened("chat", c=id, answer=call.lane_id)
    assert prompts(page) == ["First"]
    assert "answer" not in page.query_params
    page = opened("chat", c=id, answer="nobody")
    assert page.error[0].value == "This conversation does not exist, or it was deleted."
    assert prompts(page) == ["First"]


def test_an_answer_that_runs_in_another_branch_is_told(install: Install, upstream: Upstream) -> None:
    """The branch that is looked at stays; Stop still reaches the other."""
    conductor: Conductor = install(upstream)
    page = ask(opened("chat"), "First")
    upstream.behaviour = "silent"
    resend(page, begin_edit(page, 0), "First, otherwise")
    [key] = previous(page)
    page.button(key=key).click().run()
    assert prompts(page) == ["First"]
    assert "being written in another branch" in words(page)
    page.button(key="stop").click().run()
    answered(page)
    assert "being written" not in words(page)
    assert conductor.conversations.turn(conversation_of(page)) is None


def test_another_tab_writes_below_what_it_shows(install: Install, upstream: Upstream) -> None:
    """Although this one has edited meanwhile."""
    install(upstream)
    page = ask(opened("chat"), "First")
    other = opened("chat", c=conversation_of(page))
    answered(resend(page, begin_edit(page, 0), "Other"))
    ask(other, "Second")
    assert prompts(other) == ["First", "Second"]


def test_a_fork_is_opened_and_goes_its_own_way(install: Install, upstream: Upstream) -> None:
    """From an answer in mid-conversation; the original stays as it was."""
    conductor: Conductor = install(upstream)
    page = ask(opened("chat"), "First")
    ask(page, "Second")
    original = conversation_of(page)
    [first, _] = [button for button in page.main.button if button.label == "Fork"]
    first.click().run()
    assert conversation_of(checked(page, "chat")) != original
    assert prompts(page) == ["First"]
    assert "Fork of First" in words(page)
    ask(page, "Third")
    assert prompts(page) == ["First", "Third"]
    assert len(conductor.conversations.transcript(original).exchanges) == 2
    page.button(key=f"open-{original}").click().run()
    assert prompts(checked(page, "chat")) == ["First", "Second"]


def test_another_model_takes_over_in_mid_conversation(install: Install, upstream: Upstream) -> None:
    """It gets everything said so far, by whoever it was; each answer says who gave it."""
    install(upstream)
    page = opened("chat")
    page.selectbox[0].select("openai").run()
    ask(page, "First")
    page.selectbox[0].select("anthropic").run()
    ask(page, "Second")
    asked = upstream.requests[-1]
    assert asked.model == "claude-haiku-4-5"
    assert [(m["role"], m["content"]) for m in asked.body["messages"]] == [
        ("user", "First"),
        ("assistant", Plan.of("").text),
        ("user", "Second"),
    ]
    assert "<b>OpenAI</b> <small>gpt-4.1-mini</small>" in words(page)
    assert "<b>Anthropic</b> <small>claude-haiku-4-5</small>" in words(page)
