"""What the Chat page says of the next message before it is sent, and of a conversation so far."""

from __future__ import annotations

import re

from dashboard import runtime
from tests.dashboard.app_pages.pages import Install, ask, chat_state, conversation_of, opened, words
from tests.upstream import Upstream


def test_the_next_message_is_said_to_take_window_and_money(install: Install, upstream: Upstream) -> None:
    """Nothing on an empty page; then what goes along, of the model that is chosen."""
    install(upstream)
    page = opened("chat")
    assert "context" not in words(page)
    ask(page, "Hello there")
    told = r"context \\~\d+ of [\d,]+ tokens \(.*\) · next answer by (OpenAI|Anthropic|SmolLM2 \(local\)) "
    assert re.search(told, words(page))
    page.selectbox[0].select("anthropic").run()
    assert " of 200,000 tokens (< 0.1 %) · next answer \\~\\$0.000" in words(page)
    assert "next answer by" not in words(page)


def test_what_will_not_fit_is_warned_of(install: Install, upstream: Upstream) -> None:
    """While it is typed, before it is sent; nothing is kept from being sent."""
    install(upstream)
    page = opened("chat")
    page.selectbox[0].select("local").run()
    page.text_area[0].set_value("Answer briefly. " * 600).run()
    assert page.warning[0].value.startswith("This will not fit: it takes about 2,400 tokens and an answer 100 more")
    page.selectbox[0].select("openai").run()
    assert not page.warning
    assert chat_state(page).setup.provider == "openai"


def test_a_conversation_says_what_it_took(install: Install, upstream: Upstream) -> None:
    """With every branch and attempt, as the calls say. By name, since AUTO now and then tries somebody else."""
    install(upstream)
    page = opened("chat")
    page.selectbox[0].select("openai").run()
    ask(page, "Hello there")
    assert "1 answer · 7 → 12 tokens · \\$0.000022" in words(page)
    page.main.menu_button[0].click("").run()
    conversations = runtime.get_conductor().conversations
    turn = conversations.turn(conversation_of(page))
    if turn:
        runtime.run(turn.wait())
    page.run()
    assert "2 answers · 14 → 24 tokens · \\$0.000044" in words(page)
