"""What is done on Compare with the answers: figures, merges, going on with one lane."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from conductor_core.kinds import MergeKind
from conductor_core.turns import LaneSetup
from dashboard import runtime
from dashboard.components.merging import NAMES
from dashboard.state import CompareState
from tests.dashboard.app_pages.pages import (
    Install,
    answered,
    chat_state,
    checked,
    compare_state,
    conversation_of,
    opened,
    tables,
    words,
)
from tests.dashboard.app_pages.test_compare import ANSWER, ask, lane, menus, rows, shown
from tests.dashboard.app_pages.test_compare_lanes import keyed, set_up
from tests.upstream import Plan, Upstream


def compared(merger: LaneSetup) -> AppTest:
    """Two answers, and who is to merge them."""
    lanes = [lane("any"), lane("any words 3", "anthropic")]
    return ask(opened("compare", CompareState(lanes=lanes, merging=merger)), "Hello")


def merged(page: AppTest, kind: MergeKind) -> AppTest:
    """Asks for a merge and waits for it."""
    keyed(page.radio, "merge-kind-")[0].set_value(kind).run()
    keyed(page.button, "merge-now-")[0].click().run()
    assert not page.exception
    return answered(page)


def test_the_table_holds_every_figure(install: Install, upstream: Upstream) -> None:
    """With the kind of the cost, how long the answer is, why it ended, and its place."""
    install(upstream)
    page = ask(set_up(lane("gpt-4.1-mini"), lane("any status 500"), lane("any", "anthropic")), "Hello")
    first, second, third = rows(page)
    assert list(first) == [
        "Lane", "Model", "State", "Place", "First token", "Whole answer", "Speed", "Tokens in → out", "Cost",
        "Characters", "Finish",
    ]  # fmt: skip
    assert first["Cost"].replace("\\", "").startswith("$")
    assert first["Cost"].endswith(" reported")
    assert third["Cost"] == "price unknown"
    assert first["Characters"] == str(len(Plan.of("").text))
    assert [row["Finish"] for row in (first, second, third)] == ["stop", "–", "stop"]
    assert {first["Place"], third["Place"]} == {"1st", "2nd"}
    assert (second["Place"], second["Cost"]) == ("–", "–")


def test_repeated_lanes_have_their_spread(install: Install, upstream: Upstream) -> None:
    """The middle, the least and the most of each figure, for each lane that was asked several times."""
    install(upstream)
    page = opened("compare", CompareState(lanes=[lane("any words 2"), lane("any words 3", "anthropic")], times=3))
    page = ask(page, "Hello")
    spread = tables(page)[1]
    assert [row["Lanes"] for row in spread] == ["1, 2, 3", "4, 5, 6"]
    assert spread[0]["Characters"] == str(len(Plan.of("words-2").text))
    assert "[" in spread[0]["Whole answer"] or spread[0]["Whole answer"].endswith("s")
    assert len(tables(ask(set_up(lane("any words 1"), lane("any words 2")), "Hello"))) == 1


@pytest.mark.parametrize("kind", list(MergeKind))
def test_answers_are_merged_by_a_model_of_ones_choice(install: Install, upstream: Upstream, kind: MergeKind) -> None:
    """The prompt used stands below it, the originals stay, and it is there again after a restart."""
    install(upstream)
    page = merged(compared(lane("any words 4")), kind)
    for seen in (page, opened("compare", cmp=conversation_of(page))):
        assert shown(seen, ANSWER) == 1
        assert shown(seen, " ".join(Plan.of("words-4").text.split())) >= 1
        assert NAMES[kind] in words(seen)
        assert any(code.value.startswith("Below are a question and 2 answers") for code in seen.code)
        assert len(rows(seen)) == 2
        assert len(compare_state(seen).lanes) == 2
    assert runtime.get_conductor().store.calls_of(conversation_of(page))[-1].model == "any-words-4"


def test_a_merge_runs_and_is_stopped_like_an_answer(install: Install, upstream: Upstream) -> None:
    """The answers stand while it does; afterwards another one can be asked for."""
    conductor = install(upstream)
    page = compared(lane("any silent"))
    keyed(page.button, "merge-now-")[0].click().run()
    assert conductor.conversations.turn(conversation_of(page))
    assert shown(page, ANSWER) == 1
    assert not keyed(page.button, "merge-now-")
    keyed(page.button, "stop-")[0].click().run()
    page = answered(page)
    keyed(page.button, "merge-now-")[0].click().run()
    keyed(page.button, "stop-")[0].click().run()
    page = answered(page)
    assert "stopped" in words(page)
    assert len([box for box in page.expander if box.label == "The prompt used"]) == 2


def test_chat_shows_a_comparison_whose_answers_are_being_merged(install: Install, upstream: Upstream) -> None:
    """Opened there by its address, it has its first lane's answer."""
    conductor = install(upstream)
    page = compared(lane("any silent"))
    keyed(page.button, "merge-now-")[0].click().run()
    assert conductor.conversations.turn(conversation_of(page))
    assert shown(opened("chat", c=conversation_of(page)), ANSWER) == 1
    keyed(page.button, "stop-")[0].click().run()
    answered(page)


def test_one_answer_is_nothing_to_merge(install: Install, upstream: Upstream) -> None:
    """Nor is anything before a blind vote."""
    install(upstream)
    page = ask(set_up(lane("any"), lane("any status 500", "anthropic")), "Hello")
    assert not keyed(page.button, "merge-now-")
    assert menus(page, "continue-with-")[0].options == ["1 · OpenAI"]
    page = opened("compare", CompareState(lanes=[lane("any"), lane("any", "anthropic")], blind=True))
    page = ask(page, "Hello")
    assert not keyed(page.button, "merge-now-")
    assert not menus(page, "continue-with-")


def test_one_lane_becomes_a_chat(install: Install, upstream: Upstream) -> None:
    """Opened with that lane's history and settings; the comparison is still in its own list."""
    install(upstream)
    page = ask(set_up(lane("any"), lane("any words 3", "anthropic", temperature=0.1, system="Brief.")), "Hello")
    comparison = conversation_of(page)
    menus(page, "continue-with-")[0].click(1).run()
    page = checked(page, "chat")
    assert chat_state(page).setup.system == "Brief."
    assert chat_state(page).setup.provider == "anthropic"
    assert shown(page, " ".join(Plan.of("words-3").text.split())) == 1
    assert conversation_of(page) != comparison
    assert [found.kind for found in runtime.get_conductor().store.conversations("compare")] == ["compare"]
    assert len(runtime.get_conductor().store.conversations("chat")) == 1
