"""The Chat page as a reader meets it: real store, real wire, the tests' upstream."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from conductor_core.kinds import LaneState
from conductor_core.turns import LaneSetup
from dashboard import actions, runtime
from dashboard.state import ChatState
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

ANSWER = " ".join(Plan.of("").text.split())


def provider(page: AppTest) -> Selectbox[str]:
    """The box that names the provider."""
    return page.selectbox[0]


def last_answer(conversation_id: str) -> object:
    return runtime.get_conductor().conversations.transcript(conversation_id).exchanges[-1].answers[0]


def test_the_first_visit_offers_examples_and_says_what_runs(install: Install) -> None:
    """Without a key the small local model answers, and the page does not call it more than that."""
    install()
    page = opened("chat")
    assert [button.label for button in page.button if str(button.key).startswith("example-")] == [
        "What is the capital of France?",
        "Write one sentence about the sea.",
        "Name three fruits.",
    ]
    assert "Running on SmolLM2, a small demonstration model on this machine" in words(page)
    assert "Add a key in Settings" in words(page)


def test_with_keys_nothing_is_said_of_the_demonstration_model(install: Install, upstream: Upstream) -> None:
    """That line is for those who have nothing else."""
    install(upstream)
    assert "demonstration" not in words(opened("chat"))


def test_a_prompt_is_answered_and_its_facts_are_shown(install: Install, upstream: Upstream) -> None:
    """The prompt, who answered, the text, the facts line, why AUTO chose it, and the address of the conversation."""
    install(upstream)
    page = ask(opened("chat"), "Hello there")
    said = words(page)
    assert "Hello there" in said
    assert "<b>OpenAI</b> <small>gpt-4.1-mini</small>" in said
    assert ANSWER in " ".join(said.split())
    assert "· 7 → 12 · \\$0.000022 · " in said
    assert "OpenAI: not tried yet; one of three that can be used." in said
    assert runtime.get_conductor().store.conversation(conversation_of(page)).title == "Hello there"


def test_an_example_is_sent_by_one_click(install: Install, upstream: Upstream) -> None:
    """The welcome gives way to the conversation."""
    install(upstream)
    page = opened("chat")
    page.button(key="example-2").click().run()
    assert "Name three fruits." in words(answered(page))
    assert upstream.requests[-1].body["messages"][-1]["content"] == "Name three fruits."
    assert not [button for button in page.button if button.key == "example-0"]


def test_a_running_answer_shows_as_far_as_it_is(install: Install, upstream: Upstream) -> None:
    """What has arrived, Stop beside the box, and no choices yet; stopped, it stays as it was and says so."""
    install(upstream)
    upstream.behaviour = "words-5 stall-3"
    page = send(opened("chat"), "Hello")
    turn = runtime.get_conductor().conversations.turn(conversation_of(page))
    assert turn
    while not turn.lanes[0].text.endswith(Plan.of("words-3").text):
        assert turn.running
    page.run()
    assert "Grüße aus Köln" in words(page)
    assert not page.main.menu_button
    page.button(key="stop").click().run()
    said = words(answered(page))
    assert "Grüße aus Köln" in said
    assert " · stopped" in said
    assert not [button for button in page.button if button.key == "stop"]


def test_while_nothing_has_arrived_it_says_what_it_waits_for(install: Install, upstream: Upstream) -> None:
    """A silent provider is not an empty answer."""
    install(upstream)
    upstream.behaviour = "silent"
    page = send(opened("chat"), "Hello")
    assert "Waiting for the first token …" in words(page)
    page.button(key="stop").click().run()
    assert "Stopped before the first word." in words(answered(page))


def test_a_failure_is_a_sentence_with_two_ways_on(install: Install, upstream: Upstream) -> None:
    """Who, what and what upstream said; Retry answers the same prompt, which was kept."""
    install(upstream)
    upstream.behaviour = "status-400"
    page = ask(opened("chat"), "Hello there")
    assert page.error[0].value.startswith("OpenAI refused the request (400). Its reason is below")
    assert "synthetic 400" in page.code[0].value
    assert "Request " in words(page)
    assert page.menu_button[0].label == "Use another"
    upstream.behaviour = ""
    next(button for button in page.button if button.label == "Retry").click().run()
    assert ANSWER in " ".join(words(answered(page)).split())
    assert not page.error
    assert upstream.requests[-1].body["messages"][-1]["content"] == "Hello there"


def test_a_cut_answer_is_kept_and_can_be_gone_on_with(install: Install, upstream: Upstream) -> None:
    """Continue with another one: one text of both. Retry: a new text, and the old one folded above it."""
    install(upstream)
    upstream.behaviour = "cut-3"
    page = ask(opened("chat"), "Hello there")
    assert [menu.label for menu in page.menu_button][:2] == ["Continue", "Use another"]
    upstream.behaviour = "words-2"
    page.menu_button[0].click("anthropic").run()
    said = " ".join(words(answered(page)).split())
    assert "Grüße aus Köln Grüße aus" in said
    assert "Begun by OpenAI, continued by Anthropic." in said
    upstream.behaviour = "same-cut-2"
    page = ask(page, "And?")
    upstream.behaviour = "words-4"
    next(button for button in page.button if button.label == "Retry").click().run()
    page = answered(page)
    assert [folded.label for folded in page.expander] == ["An earlier answer, as far as it came"]
    assert page.expander[0].markdown[0].value == "ha ha"


def test_a_double_click_sends_once(install: Install, upstream: Upstream) -> None:
    """The same text from the same form; from the form as it is drawn next it is a message of its own."""
    conductor = install(upstream)
    page = opened("chat")
    form = actions.new_form()

    def twice() -> None:
        from dashboard import actions, state

        for _ in range(2):
            actions.send("Hello there", state.chat().notice)

    test = AppTest.from_function(twice)
    test.session_state["_chat"] = ChatState(notice=form)
    test.run()
    assert not test.exception
    assert len(conductor.store.conversations("chat")) == 1
    answered(ask(page, "Hello there"))
    assert len(conductor.store.conversations("chat")) == 2


def test_another_provider_takes_over_with_its_own_model(install: Install, upstream: Upstream) -> None:
    """After a failure the same prompt goes to the provider chosen, not the model that failed."""
    install(upstream, CONDUCTOR_DEFAULT_MODELS__OPENAI="any-status-400")
    page = ask(opened("chat"), "Hello there")
    page.menu_button[0].click("anthropic").run()
    said = words(answered(page))
    assert "<b>Anthropic</b> <small>claude-haiku-4-5</small>" in said
    assert ANSWER in " ".join(said.split())


def test_a_text_without_anything_visible_goes_back_into_the_box(install: Install, upstream: Upstream) -> None:
    """It is refused with the reason, nothing is stored or sent, and the next one works."""
    conductor = install(upstream)
    page = send(opened("chat"), "\u200b\u200b")
    assert page.error[0].value == "Nothing to send: the message has no visible character."
    assert page.chat_input(key="prompt").proto.value == "\u200b\u200b"
    assert conductor.store.conversations("chat") == []
    assert not ask(page, "Hello").error


def test_a_message_sent_while_an_answer_runs_is_kept(install: Install, upstream: Upstream) -> None:
    """The second goes back into the box with the reason; the first goes on."""
    install(upstream)
    upstream.behaviour = "silent"
    page = send(opened("chat"), "First")
    send(page, "Second")
    assert "still" in page.error[0].value
    assert page.chat_input(key="prompt").proto.value == "Second"
    page.button(key="stop").click().run()
    answered(page)
    assert len(upstream.requests) == 1


def test_the_address_opens_a_conversation(install: Install, upstream: Upstream) -> None:
    """Also after a restart, with what it was asked with."""
    install(upstream)
    page = opened("chat")
    provider(page).select("anthropic").run()
    page.slider[0].set_value(1.25).run()
    conversation_id = conversation_of(ask(page, "Hello there"))
    install(upstream)
    again = opened("chat", c=conversation_id)
    assert ANSWER in " ".join(words(again).split())
    assert chat_state(again).setup.provider == "anthropic"
    assert provider(again).value == "anthropic"
    assert again.slider[0].value == 1.25


def test_an_address_of_nothing_is_a_sentence(install: Install) -> None:
    """And the page is a new chat."""
    install()
    page = opened("chat", c="nobody")
    assert page.error[0].value == "This conversation does not exist, or it was deleted."
    assert "Ask anything" in words(page)
    assert conversation_of(page) == ""


def test_the_list_opens_and_new_chat_closes(install: Install, upstream: Upstream) -> None:
    """Two conversations under Today, the newest first."""
    install(upstream)
    page = opened("chat")
    first = conversation_of(ask(page, "First"))
    page.button(key="new-chat").click().run()
    assert "Ask anything" in words(page)
    ask(page, "Second")
    assert [button.label for button in page.sidebar.button] == ["New chat", "Second", "First", "Archive"]
    page.button(key=f"open-{first}").click().run()
    assert conversation_of(page) == first
    assert page.markdown[0].value == "First"
    assert "Today" in words(page)


def test_provider_model_and_parameters_go_into_the_request(install: Install, upstream: Upstream) -> None:
    """As they were set, and they stay set for the next message."""
    install(upstream)
    page = opened("chat")
    provider(page).select("openai").run()
    page.slider[0].set_value(0.3)
    page.number_input[0].set_value(77)
    page.text_area[0].set_value("  Answer in German.  ").run()
    for text in ("First", "Second"):
        ask(page, text)
        body = upstream.requests[-1].body
        assert (body["model"], body["temperature"], body["max_completion_tokens"]) == ("gpt-4.1-mini", 0.3, 77)
        assert body["messages"][0] == {"role": "system", "content": "Answer in German."}
    assert [message["content"] for message in upstream.requests[-1].body["messages"]][1::2] == ["First", "Second"]


def test_what_is_chosen_counts_for_a_message_sent_in_the_same_breath(install: Install, upstream: Upstream) -> None:
    """Before the page was drawn again, as when somebody is faster than it."""
    install(upstream)
    page = opened("chat")
    provider(page).select("openai").run()
    provider(page).select("anthropic")
    page.slider[0].set_value(0.3)
    ask(page, "Hello")
    [asked] = [request for request in upstream.requests if request.body]
    assert (asked.path, asked.body["model"], asked.body["temperature"]) == ("/v1/messages", "claude-haiku-4-5", 0.3)


def test_changing_the_provider_forgets_the_model_of_the_last(install: Install, upstream: Upstream) -> None:
    """A model of one vendor never reaches another."""
    install(upstream)
    page = opened("chat")
    provider(page).select("openai").run()
    assert chat_state(page).setup.model == "gpt-4.1-mini"
    provider(page).select("anthropic").run()
    assert chat_state(page).setup.model == "claude-haiku-4-5"
    provider(page).select("auto").run()
    assert chat_state(page).setup.model is None


def test_another_page_and_back_keeps_conversation_and_setup(install: Install, upstream: Upstream) -> None:
    """What was chosen is not forgotten by looking elsewhere."""
    install(upstream)
    page = opened("chat")
    provider(page).select("anthropic").run()
    conversation_id = conversation_of(ask(page, "Hello"))
    page.switch_page("app_pages/compare.py").run()
    page.query_params.clear()
    page.switch_page("app_pages/chat.py").run()
    assert conversation_of(checked(page, "chat")) == conversation_id
    assert provider(page).value == "anthropic"


def test_rename_shows_at_once_and_refuses_nothing_visible(install: Install, upstream: Upstream) -> None:
    """In the list and in the store; an empty title is refused with the reason."""
    conductor = install(upstream)
    page = opened("chat")
    conversation_id = conversation_of(ask(page, "Hello"))
    page.text_input(key=f"title-{conversation_id}").set_value("Greetings").run()
    assert [button.label for button in page.sidebar.button] == ["New chat", "Greetings", "Archive"]
    page.text_input(key=f"title-{conversation_id}").set_value("  ").run()
    assert page.error[0].value.startswith("The title is empty.")
    assert conductor.store.conversation(conversation_id).title == "Greetings"


def test_delete_asks_first(install: Install, upstream: Upstream) -> None:
    """Keep keeps; Delete erases the conversation and shows a new chat."""
    conductor = install(upstream)
    page = opened("chat")
    conversation_id = conversation_of(ask(page, "Hello"))
    page.button(key="delete").click().run()
    assert "erased" in words(page)
    page.button(key="delete-no").click().run()
    assert conductor.store.conversation(conversation_id)
    page.button(key="delete").click().run()
    page.button(key="delete-yes").click().run()
    assert conductor.store.conversations("chat") == []
    assert "Ask anything" in words(checked(page, "chat"))


def test_the_question_stays_when_the_answer_ends(install: Install, upstream: Upstream) -> None:
    """An answer that ends draws the page anew; the question asked meanwhile is still there, and Keep still keeps."""
    conductor = install(upstream)
    upstream.behaviour = "silent"
    page = send(opened("chat"), "Hello")
    page.button(key="delete").click().run()
    conversation_id = conversation_of(page)
    turn = conductor.conversations.turn(conversation_id)
    assert turn
    turn.stop()
    assert "erased" in words(answered(page))
    page.button(key="delete-no").click().run()
    assert "erased" not in words(checked(page, "chat"))
    assert conductor.store.conversation(conversation_id)


def test_deleting_while_an_answer_runs_ends_it(install: Install, upstream: Upstream) -> None:
    """The upstream call is closed and nothing comes back."""
    conductor = install(upstream)
    upstream.behaviour = "silent"
    page = send(opened("chat"), "Hello")
    page.button(key="delete").click().run()
    page.button(key="delete-yes").click().run()
    assert conductor.store.conversations("chat") == []
    assert not page.exception


def test_again_replaces_the_answer_and_keeps_the_first_stored(install: Install, upstream: Upstream) -> None:
    """With the same choice or with another provider; the thread shows the latest."""
    conductor = install(upstream)
    page = opened("chat")
    conversation_id = conversation_of(ask(page, "Hello"))
    upstream.behaviour = "words-3"
    page.menu_button[0].click("").run()
    answered(page)
    answers = [m for m in conductor.store.messages(conversation_id) if m.role == "assistant"]
    assert [answer.content for answer in answers] == [Plan.of("").text, Plan.of("words-3").text]
    assert words(page).count("Grüße aus Köln") == 1


def test_thinking_is_folded_and_an_empty_answer_says_so(install: Install, upstream: Upstream) -> None:
    """Nothing is ever just missing."""
    install(upstream)
    upstream.behaviour = "thinking"
    page = ask(opened("chat"), "Hello")
    assert page.expander[0].label.startswith("Thought for ")
    assert "let me see" in page.expander[0].markdown[0].value
    assert "3 thinking" in words(page)


def test_a_huge_answer_is_offered_as_a_file(install: Install, upstream: Upstream) -> None:
    """The page shows its beginning, says that it is not all, and gives the rest."""
    install(upstream)
    upstream.behaviour = "big-64 words-6"
    page = ask(opened("chat"), "Hello")
    assert "too long to show as a whole" in words(page)
    assert "Download the whole answer" in [button.label for button in page.download_button]


def test_an_interrupted_answer_says_what_happened(install: Install, upstream: Upstream) -> None:
    """Closed in mid-answer: what had arrived is shown, and why it is no more."""
    install(upstream)
    upstream.behaviour = "words-5 stall-3"
    page = send(opened("chat"), "Hello")
    turn = runtime.get_conductor().conversations.turn(conversation_of(page))
    assert turn
    while not turn.lanes[0].text.endswith(Plan.of("words-3").text):
        assert turn.running
    install(upstream)
    again = opened("chat", c=conversation_of(page))
    assert "Grüße aus Köln" in words(again)
    assert again.info[0].value.startswith("Conductor was closed while this answer was running.")
    assert getattr(last_answer(conversation_of(page)), "state", None) is LaneState.INTERRUPTED


def test_a_long_conversation_shows_its_latest_exchanges_first(install: Install, upstream: Upstream) -> None:
    """What came before is one click away."""
    install(upstream)
    conversations = runtime.get_conductor().conversations
    conversation_id = ""
    for number in range(22):
        prompt = f"number {number:02}"
        turn = runtime.run(conversations.start_turn(prompt, [LaneSetup()], conversation_id=conversation_id or None))
        runtime.run(turn.wait())
        conversation_id = turn.conversation_id
    page = opened("chat", c=conversation_id)
    assert "number 09" not in words(page)
    assert "number 10" in words(page)
    page.button(key="unfold").click().run()
    assert all(f"number {number:02}" in words(page) for number in range(22))
    assert not [button for button in page.button if button.key == "unfold"]
