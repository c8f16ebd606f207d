"""The Leaderboard as its reader meets it: votes in the store, calls behind the scatters."""

from __future__ import annotations

from dataclasses import replace

from conductor_core.conductor import Conductor
from conductor_core.kinds import Verdict
from conductor_core.models import ChatMessage, ChatRequest, MessageRole
from conductor_core.store.records import Side
from dashboard import runtime
from tests.dashboard.app_pages.pages import Install, opened, tables, words
from tests.ratings.votes import vote
from tests.upstream import Upstream

PAIR = (("openai", "gpt-4.1-mini"), ("anthropic", "claude-haiku-4-5"))


def cast(conductor: Conductor, wins: int, losses: int, **given: object) -> None:
    """Votes between OpenAI's and Anthropic's models."""
    for place in range(wins + losses):
        best = int(place >= wins)
        sides = tuple(Side(lane, *PAIR[lane], 1 if lane == best else 2) for lane in (0, 1))
        conductor.store.save_vote(replace(vote("a", "b", sides=sides), **given)).result(5)  # type: ignore[arg-type]


def test_without_votes_it_says_what_to_do(install: Install) -> None:
    """With a way to Compare, and no table."""
    install()
    page = opened("leaderboard")
    assert "No votes yet" in words(page)
    assert "10 votes on" in words(page)
    assert not page.get("plotly_chart")


def test_models_are_ranked_with_their_intervals(install: Install, upstream: Upstream) -> None:
    """The better first; then ratings, who beat whom, and quality against cost and time."""
    conductor = install(upstream)
    cast(conductor, 14, 4)
    for provider, model in PAIR:
        asked = ChatRequest(
            provider=provider, model=model, messages=[ChatMessage(role=MessageRole.USER, content="Hello")]
        )
        runtime.run(conductor.chat(asked))
    page = opened("leaderboard")
    text = words(page)
    assert "18 votes count." in text
    assert text.index("▲ OpenAI · gpt-4.1-mini") < text.index("■ Anthropic · claude-haiku-4-5")
    assert tables(page)[0][0] | {"Votes": "18", "Won · tied · lost": "14 · 0 · 4"} == tables(page)[0][0]
    assert len(page.get("plotly_chart")) == 4


def test_what_does_not_count_is_said(install: Install, upstream: Upstream) -> None:
    """With the reason; and how many votes are still needed."""
    conductor = install(upstream)
    cast(conductor, 3, 0)
    cast(conductor, 1, 0, objection="An answer failed or was stopped.")
    cast(conductor, 8, 1, blind=False)
    page = opened("leaderboard")
    assert "3 votes count. 9 votes left out: who answered was known. 1 vote left out: an answer failed" in words(page)
    assert "3 of 10 votes" in words(page)
    assert not page.info
    page.toggle(key="board-seen").set_value(True).run()
    assert "12 votes count." in words(page)
    assert "10 votes" not in words(page).partition("Bradley")[0].partition("Rank")[2]
    cast(conductor, 12, 0)
    assert "A weak prior" in opened("leaderboard").info[0].value


def test_a_tag_has_a_leaderboard(install: Install, upstream: Upstream) -> None:
    """Chosen from the tags there are."""
    conductor = install(upstream)
    cast(conductor, 2, 0, tags=("code",))
    cast(conductor, 0, 1, tags=("poems",), verdict=Verdict.TIE)
    page = opened("leaderboard")
    assert page.selectbox(key="board-tag").options == ["all votes", "code", "poems"]
    page.selectbox(key="board-tag").select("poems").run()
    assert "1 vote counts." in words(page)


def test_the_switch_lets_auto_go_by_it(install: Install, upstream: Upstream) -> None:
    """It is saved, holds at once, and can be taken back."""
    conductor = install(upstream)
    cast(conductor, 12, 2)
    page = opened("leaderboard")
    assert page.toggle(key="auto-quality").value is False
    page.toggle(key="auto-quality").set_value(True).run()
    assert conductor.settings.auto_quality
    assert set(conductor.gateway.router.quality) == set(PAIR)
    assert page.toggle(key="auto-quality").value is True
    assert "CONDUCTOR_AUTO_QUALITY=1" in (conductor.settings.home / ".env").read_text()
    page.toggle(key="auto-quality").set_value(False).run()
    assert conductor.gateway.router.quality == {}
