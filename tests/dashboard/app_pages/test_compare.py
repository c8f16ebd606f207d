"""The Compare page as a reader meets it: real store, real wire, the tests' upstream."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from conductor_core.turns import LaneSetup
from dashboard import runtime
from dashboard.state import CompareState
from tests.dashboard.app_pages.pages import (
    Install,
    answered,
    compare_state,
    conversation_of,
    opened,
    send,
    tables,
    words,
)
from tests.upstream import Plan, Upstream

BOX = "prompt-for-all"
ANSWER = " ".join(Plan.of("").text.split())


def ask(page: AppTest, text: str) -> AppTest:
    return answered(send(page, text, BOX))


def comparing(*lanes: LaneSetup) -> AppTest:
    """The page with these lanes set up."""
    return opened("compare", CompareState(lanes=list(lanes)))


def lane(words: str = "any", provider: str = "openai", **setup: object) -> LaneSetup:
    return LaneSetup.model_validate({"provider": provider, "model": words.replace(" ", "-"), **setup})


def shown(page: AppTest, text: str) -> int:
    return " ".join(words(page).split()).count(text)


def menus(page: AppTest, kind: str) -> list[Any]:
    """The menus of one kind, lane by lane."""
    return [menu for menu in page.menu_button if str(menu.key).startswith(kind)]


def rows(page: AppTest) -> list[dict[str, str]]:
    """The summary table."""
    return tables(page)[0]


def test_without_keys_two_temperatures_of_the_local_model_are_compared(install: Install) -> None:
    """A first comparison needs no key."""
    install()
    page = opened("compare")
    assert [(setup.provider, setup.temperature) for setup in compare_state(page).lanes] == [
        ("local", 0.2),
        ("local", 1.0),
    ]
    assert [slider.value for slider in page.slider] == [0.2, 1.0]
    assert "Every lane gets the same prompt at the same moment." in words(page)


def test_with_keys_every_provider_gets_a_lane(install: Install, upstream: Upstream) -> None:
    """Up to four, each with its own default model, the local one last."""
    install(upstream, gemini=True)
    lanes = compare_state(opened("compare")).lanes
    assert [(setup.provider, setup.model) for setup in lanes] == [
        ("gemini", "gemini-2.5-flash"),
        ("openai", "gpt-4.1-mini"),
        ("anthropic", "claude-haiku-4-5"),
        ("local", "smollm2-135m"),
    ]


def test_the_count_adds_and_takes_away_lanes(install: Install, upstream: Upstream) -> None:
    """A new lane brings a provider that is not there yet, else another temperature."""
    install(upstream)
    page = opened("compare")
    assert len(compare_state(page).lanes) == 3
    page.segmented_control[0].set_value(2).run()
    assert [setup.provider for setup in compare_state(page).lanes] == ["openai", "anthropic"]
    page.segmented_control[0].set_value(4).run()
    assert [setup.provider for setup in compare_state(page).lanes] == ["openai", "anthropic", "local", "openai"]
    assert compare_state(page).lanes[3].temperature != compare_state(page).lanes[0].temperature
    assert len(page.get("number_input")) == 12


def test_all_lanes_answer_one_prompt(install: Install, upstream: Upstream) -> None:
    """Each with its own model and parameters; then a row per lane, and a chart for who wants one."""
    install(upstream)
    page = ask(comparing(lane("gpt-4.1-mini"), lane("claude-haiku-4-5", "anthropic", temperature=0.1)), "Hello")
    assert shown(page, ANSWER) == 2
    assert not page.get("plotly_chart")
    next(toggle for toggle in page.toggle if toggle.label == "Charts").set_value(True).run()
    assert len(page.get("plotly_chart")) == 1
    assert [(row["Lane"], row["Model"], row["State"], row["Tokens in → out"]) for row in rows(page)] == [
        ("1 ▲ OpenAI", "gpt-4.1-mini", "done", "7 → 12"),
        ("2 ■ Anthropic", "claude-haiku-4-5", "done", "7 → 12"),
    ]
    assert {request.body["temperature"] for request in upstream.requests if request.body} == {0.7, 0.1}
    assert "temp 0.1" in words(page)


def test_a_failing_lane_does_not_disturb_its_neighbour(install: Install, upstream: Upstream) -> None:
    """One card with its reason, one whole answer, and the table tells both."""
    install(upstream)
    page = ask(comparing(lane("any status 500"), lane("any", "anthropic")), "Hello")
    assert shown(page, ANSWER) == 1
    assert [error.value.split(" ")[0] for error in page.error] == ["OpenAI"]
    assert [row["State"] for row in rows(page)] == ["failed", "done"]
    assert rows(page)[0]["First token"] == "–"


def test_one_lane_is_stopped_alone(install: Install, upstream: Upstream) -> None:
    """Its own Stop ends it; the other goes on to its end."""
    install(upstream)
    page = send(comparing(lane("any silent"), lane("any gap 30", "anthropic")), "Hello", BOX)
    stops = [button for button in page.button if button.label == "Stop"]
    assert len(stops) == 2
    stops[0].click().run()
    assert [row["State"] for row in rows(answered(page))] == ["stopped", "done"]


def test_stop_all_stops_all(install: Install, upstream: Upstream) -> None:
    """One button beside the prompt."""
    install(upstream)
    page = send(comparing(lane("any silent"), lane("any silent", "anthropic")), "Hello", BOX)
    page.button(key="stop").click().run()
    assert [row["State"] for row in rows(answered(page))] == ["stopped", "stopped"]


def test_the_address_opens_a_comparison(install: Install, upstream: Upstream) -> None:
    """After a restart: prompt, answers, summary and lanes are all there, and the count stays as it was."""
    install(upstream)
    page = ask(comparing(lane("any words 3"), lane("any", "anthropic", temperature=1.5)), "Hello")
    install(upstream)
    again = opened("compare", cmp=conversation_of(page))
    assert [(setup.model, setup.temperature) for setup in compare_state(again).lanes] == [
        ("any-words-3", 0.7),
        ("any", 1.5),
    ]
    assert shown(again, ANSWER) == 1
    assert len(rows(again)) == 2
    assert not again.segmented_control
    assert [slider.value for slider in again.slider if "merge" not in str(slider.key)] == [0.7, 1.5]


def test_an_address_of_nothing_is_a_sentence(install: Install) -> None:
    """And the page is a new comparison."""
    install()
    page = opened("compare", cmp="nobody")
    assert page.error[0].value == "This conversation does not exist, or it was deleted."
    assert len(compare_state(page).lanes) == 2


def test_one_lane_answers_again(install: Install, upstream: Upstream) -> None:
    """The others keep their answers, also while it runs."""
    conductor = install(upstream)
    page = ask(comparing(lane("any"), lane("any words 3", "anthropic")), "Hello")
    upstream.behaviour = "silent"
    menus(page, "again")[1].click("").run()
    turn = conductor.conversations.turn(conversation_of(page))
    assert turn
    assert [running.index for running in turn.lanes] == [1]
    assert shown(page, ANSWER) == 1
    page.button(key="stop").click().run()
    assert [row["State"] for row in rows(answered(page))] == ["done", "stopped"]
    assert [button.label for button in page.button if button.label == "Retry"] == ["Retry"]


def test_a_lane_can_be_given_to_another_provider(install: Install, upstream: Upstream) -> None:
    """After a failure: the neighbour's answer stays, the lane is another provider's."""
    install(upstream)
    page = ask(comparing(lane("any status 500"), lane("any", "anthropic")), "Hello")
    menus(page, "again")[0].click("anthropic").run()
    assert [row["Lane"] for row in rows(answered(page))] == ["1 ■ Anthropic", "2 ■ Anthropic"]


def test_the_conversation_goes_on_in_all_lanes(install: Install, upstream: Upstream) -> None:
    """Each lane with its own history; both exchanges stay on the page."""
    install(upstream)
    page = ask(ask(comparing(lane("any words 2"), lane("any words 3", "anthropic")), "First"), "Second")
    assert [block.value for block in page.markdown if block.value in ("First", "Second")] == ["First", "Second"]
    last = {request.model: request.body["messages"] for request in upstream.requests[-2:]}
    assert [message["content"] for message in last["any-words-2"]] == ["First", Plan.of("words-2").text, "Second"]
    assert len(last["any-words-3"]) == 3
    assert len(tables(page)) == 1


def test_a_refused_prompt_goes_back_into_the_box(install: Install, upstream: Upstream) -> None:
    """With the reason; the lanes stay as they were set up."""
    install(upstream)
    page = opened("compare")
    page.selectbox[0].select("anthropic").run()
    lanes = list(compare_state(page).lanes)
    send(page, "\u200b", BOX)
    assert page.error[0].value.startswith("Nothing to send")
    assert page.chat_input(key=BOX).proto.value == "\u200b"
    assert compare_state(page).lanes == lanes


def test_on_a_narrow_screen_lanes_are_tabs(install: Install, upstream: Upstream) -> None:
    """One tab per lane, for its setup and for its answer."""
    install(upstream)
    page = opened("compare", CompareState(narrow=True, lanes=[lane("any"), lane("any", "anthropic")]))
    assert [tab.label for tab in page.tabs] == ["Lane 1", "Lane 2"]
    ask(page, "Hello")
    assert [tab.label for tab in page.tabs][-2:] == ["1 · OpenAI", "2 · Anthropic"]
    assert shown(page, ANSWER) == 2


def test_chats_and_comparisons_have_lists_of_their_own(install: Install, upstream: Upstream) -> None:
    """A comparison is listed on this page and not on Chat; New comparison starts afresh."""
    install(upstream)
    page = ask(comparing(lane("any"), lane("any", "anthropic")), "Hello")
    assert [button.label for button in page.sidebar.button] == ["New comparison", "Hello", "Archive"]
    page.button(key="new-compare").click().run()
    assert conversation_of(page) == ""
    assert len(compare_state(page).lanes) == 3
    assert runtime.get_conductor().store.conversations("chat") == []
