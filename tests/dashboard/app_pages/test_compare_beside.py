"""Two comparisons side by side, their files, and that everything is opened again by its address."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from conductor_core.turns import LaneSetup
from dashboard import runtime
from dashboard.components.conversation_menu import BESIDE
from dashboard.state import CompareState
from tests.dashboard.app_pages.pages import Install, conversation_of, opened, words
from tests.dashboard.app_pages.pages import ask as ask_chat
from tests.dashboard.app_pages.test_compare import ask, lane, rows, shown
from tests.dashboard.app_pages.test_compare_lanes import set_up
from tests.upstream import Plan, Upstream


def two(install: Install, upstream: Upstream, *, blind: bool = False) -> tuple[str, str, AppTest]:
    """Two comparisons, the second one with one prompt more; the page shows it."""
    install(upstream)
    first = conversation_of(ask(set_up(lane("any words 2"), lane("any words 3", "anthropic")), "First"))
    lanes: list[LaneSetup] = [lane("any words 4"), lane("any words 5", "anthropic")]
    page = ask(opened("compare", CompareState(lanes=lanes, blind=blind)), "Second")
    return first, conversation_of(page), page if blind else ask(page, "Third")


def menu_of(page: AppTest, conversation_id: str) -> list[str]:
    return next(list(menu.options) for menu in page.sidebar.menu_button if menu.key == f"menu-{conversation_id}")


def files(page: AppTest) -> list[str]:
    return [str(getattr(button, "label", "")) for button in page.get("download_button")]


def test_two_are_shown_side_by_side(install: Install, upstream: Upstream) -> None:
    """By the menu in the history; prompt by prompt, every answer, and one table of both."""
    first, second, page = two(install, upstream)
    assert BESIDE not in menu_of(page, second)
    next(menu for menu in page.sidebar.menu_button if menu.key == f"menu-{first}").click(BESIDE).run()
    assert not page.exception
    assert page.query_params["with"] == first
    again = opened("compare", cmp=second, **{"with": first})
    for seen in (page, again):
        assert not seen.chat_input
        assert [tab.label for tab in seen.tabs] == ["1 · OpenAI", "2 · Anthropic"] * 3
        said = [block.value for block in seen.markdown if block.value in ("First", "Second", "Third")]
        assert said == ["Second", "First", "Second", "First", "Third"]  # the titles, then the prompts
        assert "Nothing more was asked here." in words(seen)
        assert [row["Comparison"] for row in rows(seen)] == ["Second", "Second", "First", "First"]
        assert shown(seen, " ".join(Plan.of("words-5").text.split())) == 2
    again.button(key="back-to-one").click().run()
    assert conversation_of(again) == second
    assert again.chat_input
    again = opened("compare", cmp=second, **{"with": first})
    again.button(key=f"alone-{first}").click().run()
    assert conversation_of(again) == first
    assert "with" not in again.query_params


def test_what_cannot_stand_beside_is_said(install: Install, upstream: Upstream) -> None:
    """Nothing, a chat, or the same one; the page shows the open one."""
    _, second, _ = two(install, upstream)
    chat = conversation_of(ask_chat(opened("chat"), "Hi"))
    page = opened("compare", cmp=second, **{"with": "nobody"})
    assert page.error[0].value == "This conversation does not exist, or it was deleted."
    page = opened("compare", cmp=second, **{"with": chat})
    assert page.error[0].value == "Only a comparison can be shown beside another. This is a chat."
    page = opened("compare", cmp=second, **{"with": second})
    assert not page.error
    assert page.chat_input
    assert "with" not in page.query_params


def test_a_blind_one_stays_blind_beside_another(install: Install, upstream: Upstream) -> None:
    """No name and no figure of it, in its column or in the table."""
    first, second, _ = two(install, upstream, blind=True)
    page = opened("compare", cmp=second, **{"with": first})
    assert [tab.label for tab in page.tabs] == ["A", "B", "1 · OpenAI", "2 · Anthropic"]
    assert [row["Comparison"] for row in rows(page)] == ["First", "First"]
    assert sum("told after the vote" in html.value for html in page.html if "who" in html.value) == 2
    assert "any-words-4" not in words(page) + str(page.main)


def test_another_comparison_from_the_list_leaves_both(install: Install, upstream: Upstream) -> None:
    """The address names the chosen one alone."""
    first, second, _ = two(install, upstream)
    page = opened("compare", cmp=second, **{"with": first})
    page.button(key=f"open-{first}").click().run()
    assert conversation_of(page) == first
    assert "with" not in page.query_params
    assert page.chat_input


def test_every_format_is_offered(install: Install, upstream: Upstream) -> None:
    """For a comparison as for a chat."""
    _, second, page = two(install, upstream)
    formats = ["Export as Markdown", "Export as HTML", "Export as JSON"]
    assert files(page) == formats
    chat = ask_chat(opened("chat"), "Hi")
    assert files(chat) == formats
    assert runtime.get_conductor().store.conversation(second).kind == "compare"
