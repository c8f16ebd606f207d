"""The lanes of Compare as a reader sets them up: their number and order, presets, how they are asked, and the race."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from conductor_core.kinds import LaneState
from conductor_core.turns import LaneSetup
from dashboard import runtime
from dashboard.components.lane_setups import ALL, FOCUS, LEFT, RIGHT
from dashboard.components.presets import DELETE, RENAME
from dashboard.state import CompareState
from tests.dashboard.app_pages.pages import (
    Install,
    answered,
    checked,
    compare_state,
    conversation_of,
    opened,
    send,
    tables,
    words,
)
from tests.dashboard.app_pages.test_compare import BOX, ask, comparing, lane, menus
from tests.upstream import Upstream


def set_up(*lanes: LaneSetup) -> AppTest:
    """The page in a tab with these lanes."""
    return opened("compare", CompareState(lanes=list(lanes)))


def models(page: AppTest) -> list[tuple[str, str | None]]:
    return [(setup.provider, setup.model) for setup in compare_state(page).lanes]


def keyed(found: Any, start: str) -> list[Any]:
    """The widgets whose key begins so."""
    return [one for one in found if str(one.key).startswith(start)]


def race(page: AppTest) -> str:
    found = (html.value.replace("\u00a0", " ") for html in page.html)
    return next((value for value in found if value.startswith('<div class="race">')), "")


def who(page: AppTest) -> list[str]:
    """The lanes' heads as they stand on the page."""
    return [html.value.partition("</div>")[0] for html in page.html if html.value.startswith('<div class="who"')]


def test_up_to_eight_lanes(install: Install, upstream: Upstream) -> None:
    """All of them answer one prompt; the count offers no more."""
    install(upstream)
    page = set_up(*[lane("any words 1")] * 7)
    assert page.segmented_control[0].options == [f"**{number}** lanes" for number in range(2, 9)]
    page.segmented_control[0].set_value(8).run()
    page = ask(checked(page, "compare"), "Hello")
    assert len(tables(page)[0]) == 8
    assert race(page).count("racer") == 8


def test_one_lanes_parameters_go_to_all(install: Install, upstream: Upstream) -> None:
    """Parameters and system prompt each by a button of their own; provider and model stay."""
    install(upstream)
    page = set_up(lane("any words 1"), lane("any words 2", "anthropic", system="Kept."))
    keyed(page.slider, "temperature-")[0].set_value(1.3)
    keyed(page.number_input, "max-tokens-")[0].set_value(55)
    keyed(page.number_input, "top-p-")[0].set_value(0.4)
    keyed(page.number_input, "seed-")[0].set_value(9)
    keyed(page.text_area, "system-")[0].set_value("Be brief.")
    keyed(page.button, "parameters-to-all-")[0].click().run()
    lanes = compare_state(checked(page, "compare")).lanes
    assert {(setup.temperature, setup.max_tokens, setup.top_p, setup.seed) for setup in lanes} == {(1.3, 55, 0.4, 9)}
    assert [setup.system for setup in lanes] == ["Be brief.", "Kept."]
    keyed(page.button, "system-to-all-")[0].click().run()
    assert [setup.system for setup in compare_state(page).lanes] == ["Be brief.", "Be brief."]
    assert [area.value for area in keyed(page.text_area, "system-")] == ["Be brief.", "Be brief."]
    assert models(page) == [("openai", "any-words-1"), ("anthropic", "any-words-2")]


def test_lanes_change_places(install: Install, upstream: Upstream) -> None:
    """Before the first prompt the lanes themselves; the outermost only inwards."""
    install(upstream)
    page = set_up(lane("a1"), lane("a2"), lane("a3"))
    assert [menu.options for menu in menus(page, "menu-lane-")] == [[RIGHT, FOCUS], [LEFT, RIGHT, FOCUS], [LEFT, FOCUS]]
    menus(page, "menu-lane-")[0].click(RIGHT).run()
    assert [model for _, model in models(page)] == ["a2", "a1", "a3"]
    menus(page, "menu-lane-")[2].click(LEFT).run()
    assert [model for _, model in models(checked(page, "compare"))] == ["a2", "a3", "a1"]
    boxes = [box.value for box in page.selectbox if box.label == "Model"]
    assert boxes == ["a2", "a3", "a1"]


def test_answers_change_places_too(install: Install, upstream: Upstream) -> None:
    """With their lanes, and stay so when the comparison is opened again; each keeps its number and its history."""
    install(upstream)
    page = ask(comparing(lane("any words 1"), lane("any words 2", "anthropic")), "Hello")
    menus(page, "menu-lane-")[0].click(RIGHT).run()
    assert ["Anthropic" in head for head in who(page)] == [True, False]
    assert [setup.provider for setup in compare_state(page).lanes] == ["openai", "anthropic"]
    install(upstream)
    again = opened("compare", cmp=conversation_of(page))
    assert ["Anthropic" in head for head in who(again)] == [True, False]
    assert [box.value for box in again.selectbox if box.label == "Model"][:2] == ["any-words-2", "any-words-1"]
    ask(again, "More")
    last = {request.model: len(request.body["messages"]) for request in upstream.requests[-2:] if request.body}
    assert last == {"any-words-1": 3, "any-words-2": 3}
    assert compare_state(again).order == [1, 0]


def test_one_lane_is_shown_alone(install: Install, upstream: Upstream) -> None:
    """By its menu or by the address; next and back lead on."""
    install(upstream)
    page = ask(comparing(lane("any words 1"), lane("any words 2", "anthropic")), "Hello")
    menus(page, "menu-lane-")[1].click(FOCUS).run()
    assert page.query_params["lane"] == "2"
    assert len(who(page)) == 1
    assert "Anthropic" in who(page)[0]
    assert len(keyed(page.slider, "temperature-")) == 2  # and that of a merge
    again = opened("compare", cmp=conversation_of(page), lane="2")
    assert "Anthropic" in who(again)[0]
    keyed(again.button, "Next lane-")[0].click().run()
    assert ["OpenAI" in head for head in who(again)] == [True]
    assert [menu.options for menu in menus(again, "menu-lane-")] == [[ALL]]
    keyed(again.button, "All lanes-")[0].click().run()
    assert len(who(again)) == 2
    assert "lane" not in again.query_params


def test_an_address_of_no_lane_shows_all(install: Install, upstream: Upstream) -> None:
    """Whatever it names."""
    install(upstream)
    page = ask(comparing(lane("any words 1"), lane("any words 1", "anthropic")), "Hello")
    for wrong in ("9", "A", "0", "²", "-1", "<b>"):
        assert len(who(opened("compare", cmp=conversation_of(page), lane=wrong))) == 2


def test_lanes_are_asked_one_after_another(install: Install, upstream: Upstream) -> None:
    """The page says so while they wait, and the next tab knows it."""
    install(upstream)
    page = set_up(lane("any silent"), lane("any words 1", "anthropic"))
    page.radio[0].set_value(True).run()
    assert "one after another" in words(page)
    page = send(page, "Hello", BOX)
    assert "Waiting for its turn …" in words(page)
    assert "waits for its turn" in race(page)
    keyed(page.button, "stop-")[0].click().run()
    page = answered(page)
    assert [row["State"] for row in tables(page)[0]] == ["stopped", "done"]
    assert compare_state(opened("compare", cmp=conversation_of(page))).in_turn


def test_each_lane_is_asked_several_times(install: Install, upstream: Upstream) -> None:
    """Never more than eight answers in all; the cost line counts each, and how far they differ is told."""
    install(upstream)
    page = set_up(lane("any words 1"), lane("any words 2", "anthropic"), lane("any words 3"))
    [times] = keyed(page.segmented_control, "times-")
    assert times.options == ["once", "2 times"]
    times.set_value(2).run()
    assert "these 6 lanes" in words(page)
    page = ask(page, "Hello")
    assert [setup.model for setup in compare_state(page).lanes] == [
        f"any-words-{number}" for number in (1, 1, 2, 2, 3, 3)
    ]
    assert sum(request.method == "POST" for request in upstream.requests) == 6
    assert not keyed(page.segmented_control, "times-")
    page.button(key="new-compare").click().run()
    page.segmented_control[0].set_value(5).run()
    assert not keyed(page.segmented_control, "times-")


def test_the_race_tells_who_was_first(install: Install, upstream: Upstream) -> None:
    """State, first token, speed, cost and time of each lane, then and after; a lane that failed has no place."""
    install(upstream)
    page = send(comparing(lane("any silent"), lane("any words 2", "anthropic")), "Hello", BOX)
    assert "waiting · – first · – · " in race(page)
    page.button(key="stop").click().run()
    page = ask(comparing(lane("any delay 200"), lane("any words 1", "anthropic"), lane("any status 500")), "Hello")
    rows = race(page).split('<div class="racer')[1:]
    assert [row.partition("<b>")[2].partition("</b>")[0] for row in rows] == ["2nd", "1st", ""]
    assert "failed · – first · – · – ·" in rows[2]
    assert "done · " in rows[1]
    assert "1st · " in words(page)


def test_nothing_of_the_race_is_told_before_a_blind_vote(install: Install, upstream: Upstream) -> None:
    """Nor who stands alone: the address names the side, not the lane."""
    install(upstream)
    lanes = [lane("gpt-4.1-mini"), lane("claude-haiku-4-5", "anthropic")]
    page = send(opened("compare", CompareState(lanes=lanes, blind=True)), "Hello", BOX)
    assert race(page) == ""
    page = answered(page)
    assert race(page) == ""
    assert not menus(page, "menu-lane-")
    alone = opened("compare", cmp=conversation_of(page), lane="A")
    assert len(who(alone)) == 1
    assert len(who(opened("compare", cmp=conversation_of(page), lane="1"))) == 2
    next(button for button in page.button if button.label == "A is better").click().run()
    assert race(page).count("racer") == 2


def test_a_preset_is_kept_begun_with_renamed_and_deleted(install: Install, upstream: Upstream) -> None:
    """In the database: another tab and a restart have it; beginning with it leaves the open comparison."""
    install(upstream)
    page = set_up(lane("any words 1", temperature=0.3), lane("any words 2", "anthropic", system="Brief."))
    kept = list(compare_state(page).lanes)
    page.radio[0].set_value(True).run()
    keyed(page.text_input, "preset-name-")[0].set_value("**Two** of them")
    keyed(page.button, "FormSubmitter:save-preset")[0].click().run()
    assert keyed(page.text_input, "preset-name-")[0].value == ""
    install(upstream)
    again = ask(comparing(lane("other words 1"), lane("other words 1")), "Hello")
    [row] = keyed(again.button, "preset-")
    assert row.label == r"\*\*Two\*\* of them · 2 lanes"
    row.click().run()
    assert conversation_of(again) == ""
    assert compare_state(again).lanes == kept
    assert compare_state(again).in_turn
    assert [slider.value for slider in again.slider] == [0.3, 0.7]
    menus(again, "menu-preset-")[0].click(RENAME).run()
    keyed(again.text_input, "rename-preset-")[0].set_value("Duo")
    keyed(again.button, "FormSubmitter:rename-preset")[0].click().run()
    assert [preset.name for preset in runtime.get_conductor().presets.all()] == ["Duo"]
    again.run()
    menus(again, "menu-preset-")[0].click(DELETE).run()
    again.button(key="delete-preset-yes").click().run()
    assert runtime.get_conductor().presets.all() == []
    assert not again.exception


def test_a_preset_that_is_refused_says_why(install: Install) -> None:
    """What was typed stays in its box."""
    install()
    page = opened("compare")
    for name in ("Mine", "MINE"):
        keyed(page.text_input, "preset-name-")[0].set_value(name)
        keyed(page.button, "FormSubmitter:save-preset")[0].click().run()
    assert [error.value for error in page.error] == ["There is a preset named “Mine” already. Choose another name."]
    assert keyed(page.text_input, "preset-name-")[0].value == "MINE"


def test_a_stopped_lane_that_never_had_its_turn_can_have_it_later(install: Install, upstream: Upstream) -> None:
    """Retry asks it alone."""
    conductor = install(upstream)
    page = set_up(lane("any silent"), LaneSetup(provider="auto"))
    page.radio[0].set_value(True).run()
    page = send(page, "Hello", BOX)
    page.button(key="stop").click().run()
    page = answered(page)
    upstream.behaviour = "words-1"
    keyed(page.button, "retry-")[1].click().run()
    page = answered(page)
    found = conductor.conversations.transcript(conversation_of(page)).exchanges[0].answers
    assert [answer.state for answer in found] == [LaneState.STOPPED, LaneState.DONE]
