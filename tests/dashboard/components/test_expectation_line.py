"""The line above a comparison's box: what it may cost, and who would not answer."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from conductor_core.routing.expectation import Expectation
from conductor_core.turns import LaneSetup
from dashboard import runtime
from dashboard.components.expectation_line import words
from dashboard.state import CompareState
from tests.dashboard.app_pages.pages import Install, opened, send
from tests.upstream import Upstream


@pytest.mark.parametrize(
    ("lanes", "said"),
    [
        ([Expectation("a", 0.001, 0.004)], "The next prompt costs $0.001 to $0.004 in this lane"),
        (
            [Expectation("a", 0.001, 0.004), Expectation("b", 0.02, 0.03)],
            "The next prompt costs $0.02 to $0.03 in these 2 lanes",
        ),
        ([Expectation("a", 0.0, 0.0), Expectation("b", 0.0, 0.0)], "The next prompt is free in these 2 lanes."),
        ([Expectation("a"), Expectation("b", 0.0, 0.0)], "is free in these 2 lanes beside 1 of unknown price."),
        ([Expectation("a", 0.001)], "The price of this lane is not known."),
    ],
)
def test_the_cost_is_a_range(lanes: list[Expectation], said: str) -> None:
    """From usual answers to the longest ones, all lanes together; what is unknown is not taken as nothing."""
    assert said in words(lanes)


def lanes(*providers: str) -> CompareState:
    return CompareState(lanes=[LaneSetup(provider=provider) for provider in providers])


def captions(page: AppTest) -> str:
    return "\n".join(caption.value for caption in page.caption)


def test_before_the_click_the_page_says_what_it_costs(install: Install, upstream: Upstream) -> None:
    """While the answers run the line is gone."""
    install(upstream)
    page = opened("compare", lanes("openai", "anthropic"))
    assert "The next prompt costs" in captions(page)
    assert not page.warning
    upstream.behaviour = "silent"
    page = send(page, "Hello", "prompt-for-all")
    assert "The next prompt costs" not in captions(page)


def test_who_is_over_budget_or_passed_over_is_named(install: Install, upstream: Upstream) -> None:
    """With the reason, per lane."""
    conductor = install(upstream, CONDUCTOR_BUDGETS__ANTHROPIC__DAY="0")
    conductor.gateway.breakers.cool("openai", None, 600, "It said so")
    page = opened("compare", lanes("openai", "anthropic", "groq"))
    told = [warning.value for warning in page.warning if warning.value.startswith("Lane")]
    assert told[0].startswith("Lane 1 · OpenAI: It said so")
    assert told[1].startswith("Lane 2 · Anthropic: Today's budget for Anthropic of ")
    assert told[2].startswith("Lane 3 · Groq: ")
    assert runtime.get_conductor().store.recent_calls(1) == []
