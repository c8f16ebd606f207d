"""Blind comparisons as a reader meets them: nothing tells who answers, until the vote."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from conductor_core.kinds import Verdict
from conductor_core.turns import LaneSetup
from dashboard import runtime
from dashboard.state import CompareState
from tests.dashboard.app_pages.pages import Install, ask, compare_state, conversation_of, opened, send, tables, words
from tests.upstream import Upstream

BOX = "prompt-for-all"
NAMES = ("openai", "anthropic", "gpt-4.1-mini", "claude", "◆", "▲", "■", "tok/s", "$")


def comparing(*lanes: LaneSetup, blind: bool = True) -> AppTest:
    return opened("compare", CompareState(lanes=list(lanes), blind=blind))


def two(first: str = "gpt-4.1-mini", second: str = "claude-haiku-4-5") -> tuple[LaneSetup, LaneSetup]:
    return LaneSetup(provider="openai", model=first), LaneSetup(provider="anthropic", model=second)


def press(page: AppTest, label: str) -> AppTest:
    page = next(button for button in page.button if button.label == label).click().run()
    assert not page.exception
    return page


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.main.button]


def test_nothing_tells_who_answers_until_the_vote(install: Install, upstream: Upstream) -> None:
    """No name, mark, time or cost is on the page; the setups are gone; after the vote all is there, in place."""
    conductor = install(upstream)
    page = ask(comparing(*two()), "Hello", BOX)
    told = (words(page) + str(page.main)).lower()
    assert [name for name in NAMES if name in told] == []
    assert not page.selectbox
    assert not tables(page)
    assert "A is better" in labels(page)
    order = conductor.conversations.transcript(conversation_of(page)).exchanges[0].order
    page = press(page, "A is better")
    assert f"Your vote: A · {('OpenAI', 'Anthropic')[order[0]]} is better" in words(page)
    assert [row["Lane"][0] for row in tables(page)[0]] == ["A", "B"]
    assert [toggle.label for toggle in page.toggle] == ["Blind", "Word by word", "Charts"]
    assert compare_state(page).blind
    vote = conductor.store.votes()[0]
    assert vote.best
    assert (vote.best.lane, vote.objection, vote.blind) == (order[0], "", True)


def test_it_stays_hidden_in_another_tab_and_after_a_restart(install: Install, upstream: Upstream) -> None:
    """Opened by its address: the same sides, still without names, and the next prompt is blind too."""
    install(upstream)
    page = ask(comparing(*two()), "Hello", BOX)
    install(upstream)
    again = opened("compare", cmp=conversation_of(page))
    told = (words(again) + str(again.main)).lower()
    assert [name for name in NAMES if name in told] == []
    assert again.toggle[0].value is True
    assert again.toggle[0].disabled
    send(again, "And now?", BOX)
    transcript = runtime.get_conductor().conversations.transcript(conversation_of(page))
    assert [exchange.hidden for exchange in transcript.exchanges] == [True, True]


def test_what_is_chosen_counts_for_a_prompt_sent_in_the_same_breath(install: Install, upstream: Upstream) -> None:
    """Blind, in turn, three lanes instead of two, one of them another's: nobody waits until the page is drawn again."""
    install(upstream)
    page = comparing(*two(), blind=False)
    page.toggle[0].set_value(True)
    page.radio[0].set_value(True)
    page.segmented_control[0].set_value(3)
    page.selectbox(key="provider-None-0-1").select("openai")
    page = ask(page, "Hello", BOX)
    [exchange] = runtime.get_conductor().conversations.transcript(conversation_of(page)).exchanges
    assert (exchange.hidden, exchange.in_turn) == (True, True)
    assert [answer.setup["provider"] for answer in exchange.answers] == ["openai", "openai", "anthropic"]


def test_a_prompt_may_come_between_the_head_and_the_pickers(install: Install, upstream: Upstream) -> None:
    """The head took the new provider in, and the run ended before its models were there to choose from."""
    install(upstream)
    page = comparing(*two(), blind=False)
    compare_state(page).lanes[0] = LaneSetup(provider="anthropic")
    page.selectbox(key="provider-None-0-0").select("anthropic")
    page = ask(page, "Hello", BOX)
    [exchange] = runtime.get_conductor().conversations.transcript(conversation_of(page)).exchanges
    assert [answer.setup["provider"] for answer in exchange.answers] == ["anthropic", "anthropic"]


def test_chat_does_not_tell_either(install: Install, upstream: Upstream) -> None:
    """Opened there by its address, a blind comparison is not shown, and it is said where it is."""
    install(upstream)
    blind = ask(comparing(*two()), "Hello", BOX)
    page = opened("chat", c=conversation_of(blind))
    assert "Open it on Compare" in page.error[0].value
    assert [name for name in ("gpt-4.1-mini", "claude") if name in words(page)] == []
    assert conversation_of(page) == ""


@pytest.mark.parametrize("models", [("any-status-500", "any"), ("any", "any-cut-2")])
def test_a_fault_tells_nobody(install: Install, upstream: Upstream, models: tuple[str, str]) -> None:
    """Who failed and why is told after the vote, which does not count."""
    install(upstream)
    page = ask(comparing(*two(*models)), "Hello", BOX)
    told = (words(page) + str(page.main)).lower()
    assert [name for name in NAMES if name in told] == []
    page = press(page, "Both bad")
    assert "It does not count. An answer failed or was stopped." in words(page)
    assert page.error


def test_with_three_lanes_the_best_is_picked(install: Install, upstream: Upstream) -> None:
    """Or all are bad; a tie is not offered, and names can be had without a vote."""
    install(upstream)
    page = ask(comparing(*two(), LaneSetup(provider="openai", model="any")), "Hello", BOX)
    offered = [label for label in labels(page) if "bad" in label or "best" in label or "names" in label]
    assert offered == ["A is best", "B is best", "C is best", "All bad", "Show names without a vote"]
    page = press(page, "Show names without a vote")
    assert "The names were shown without a vote." in words(page)
    assert runtime.get_conductor().store.votes()[0].verdict is Verdict.NONE


def test_an_open_comparison_is_voted_on_too(install: Install, upstream: Upstream) -> None:
    """With names on the buttons and tags; the vote is marked as not blind."""
    install(upstream)
    page = ask(comparing(*two(), blind=False), "Hello", BOX)
    page.multiselect[0].set_value(["code"]).run()
    page = press(page, "2 · Anthropic is better")
    assert "You knew who answered" in words(page)
    vote = runtime.get_conductor().store.votes()[0]
    assert (vote.blind, vote.tags) == (False, ("code",))
    assert vote.best
    assert vote.best.provider == "anthropic"


def test_answers_are_compared_word_by_word(install: Install, upstream: Upstream) -> None:
    """Between any two lanes, by sign; what looks like HTML is shown as it was written."""
    upstream.says = ("One", "<b>two</b>", "three", "four")
    install(upstream)
    page = ask(comparing(*two("any-words-4", "any-words-2"), blind=False), "Hello", BOX)
    next(found for found in page.toggle if found.label == "Word by word").set_value(True).run()
    drawn = next(html.value for html in page.html if "word-diff" in html.value and "<style" not in html.value)
    assert "<del><b>−</b>three four </del>" in drawn
    assert "&lt;b&gt;two&lt;/b&gt;" in drawn
    assert "− 2 words only in 1 · OpenAI. + 0 words only in 2 · Anthropic." in words(page)
