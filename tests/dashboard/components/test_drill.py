"""The drill as its reader meets it: marked on every page, run from Settings and Health, alone on Health."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from conductor_core.bridge import Bridge
from conductor_core.conductor import Conductor
from conductor_core.kinds import Source
from conductor_core.providers.drill import Behaviour
from dashboard import runtime
from tests.dashboard.app_pages import pages
from tests.dashboard.app_pages.told import cards, component, texts
from tests.drilling import tamed
from tests.installation import environment_for

MARK = "Drill: answers are simulated"
PAGES = ("chat", "compare", "health", "settings")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    runtime.close()


def start(home: Path, **variables: str) -> Conductor:
    """An installation behind the pages' door; its simulated providers answer at once while a drill is on."""
    runtime.close()
    runtime.install(Bridge.in_thread(environment_for(home, None, **variables)))
    return tame(runtime.get_conductor())


def tame(conductor: Conductor) -> Conductor:
    for name in conductor.providers.drills():
        tamed(conductor.providers, name)
    return conductor


def words(page: AppTest) -> str:
    bodies = [str(one.proto.body) for one in page.get("html")]
    return "\n".join([*(str(one.value) for one in (*page.markdown, *page.caption)), *bodies, *texts(cards(page))])


def press(page: AppTest, label: str) -> AppTest:
    found = [one for one in page.button if one.label == label]
    assert len(found) == 1, [one.label for one in page.button]
    found[0].click().run()
    assert not page.exception
    return page


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_marked_while_a_drill_is_on(home: Path, page: str) -> None:
    """And none is when it is off."""
    start(home, CONDUCTOR_DRILL="1")
    assert MARK in words(pages.opened(page))
    start(home)
    assert MARK not in words(pages.opened(page))


def test_settings_starts_and_ends_it(home: Path) -> None:
    """At once and for this run; the mark's own button ends it."""
    conductor = start(home)
    page = pages.opened("settings")
    assert not [one for one in page.button_group if str(one.key).startswith("behaviour-")]
    page = press(page, "Run a drill")
    assert conductor.settings.drill
    assert MARK in words(page)
    page = press(page, "End the drill")
    assert not conductor.settings.drill
    assert MARK not in words(page)
    assert not (home / ".env").exists()


def test_a_kept_drill_outlasts_a_restart_until_it_is_ended(home: Path) -> None:
    """It is saved as the setting it is; the ending forgets it."""
    start(home)
    press(pages.opened("settings"), "Run it after a restart, too")
    assert (home / ".env").read_text() == "CONDUCTOR_DRILL=1\n"
    press(pages.opened("chat"), "End the drill")
    assert "CONDUCTOR_DRILL" not in (home / ".env").read_text()


def test_settings_breaks_one_while_the_others_go_on(home: Path) -> None:
    """The control acts on the very provider that answers, and shows what holds in every tab."""
    conductor = start(home, CONDUCTOR_DRILL="1")
    page, other = pages.opened("settings"), pages.opened("settings")
    page.button_group(key="behaviour-drill_swift").set_value("failing").run()
    assert not page.exception
    swift, steady = (tamed(conductor.providers, name) for name in ("drill_swift", "drill_steady"))
    assert (swift.behaviour, steady.behaviour) == (Behaviour.FAILING, Behaviour.USUAL)
    other.run()
    assert other.button_group(key="behaviour-drill_swift").value == "failing"


def test_pickers_offer_only_what_can_be_asked(home: Path) -> None:
    """In a drill the simulated providers, else none of them; ending it leaves a tab that named one with AUTO."""
    start(home, CONDUCTOR_DRILL="1")
    page = pages.opened("chat")
    (picker,) = [one for one in page.selectbox if one.label == "Provider"]
    assert [option.partition(" ")[2] for option in picker.options[1:]] == [
        "Drill · swift",
        "Drill · steady",
        "Drill · flaky",
        "Drill · cuts",
    ]
    picker.set_value("drill_cuts").run()
    assert pages.chat_state(page).setup.provider == "drill_cuts"
    page = press(page, "End the drill")
    assert pages.chat_state(page).setup.provider == "auto"
    (picker,) = [one for one in page.selectbox if one.label == "Provider"]
    assert not any("Drill" in option for option in picker.options)


def test_health_offers_a_drill_before_any_call(home: Path) -> None:
    """One press and Chat is open with the drill on; in a drill it is not offered again."""
    conductor = start(home)
    page = press(pages.opened("health"), "Run a drill")
    assert conductor.settings.drill
    assert MARK in words(page)
    assert [one.value for one in page.header] == ["Chat"]
    page = pages.opened("health")
    assert "No calls yet" in words(page)
    assert "Run a drill" not in [one.label for one in page.button]


def test_health_shows_either_the_drill_or_what_is_real(home: Path) -> None:
    """A simulated call is on the page during the drill only, and its price in no total after it."""
    conductor = start(home, CONDUCTOR_DRILL="1")
    chat = pages.ask(pages.opened("chat"), "Who are you?")
    assert "simulated by Drill" in pages.words(chat)
    assert [call.source for call in conductor.store.recent_calls(5)] == [Source.DRILL]
    health = pages.opened("health")
    assert "4 of 4 configured · 1 request" in words(health)
    assert "Drill · " in words(health)
    assert [row["cells"][8] for row in component(health, "calls")["rows"]] == ["drill"]
    page = press(health, "End the drill")
    assert "No calls yet" in words(page)
    assert "Drill · " not in words(page)
