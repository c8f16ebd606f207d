"""Under the answers to one prompt: the vote, and afterwards what it was and whether it counts."""

from __future__ import annotations

import streamlit as st

from conductor_core.answers import Exchange
from conductor_core.kinds import Verdict
from conductor_core.votes import MOST_TAGS
from dashboard import actions, runtime
from dashboard.components import untrusted
from dashboard.components.who import name_of, side_name

FIRST_TAGS = ("code", "facts", "reasoning", "translation", "writing")
"""Offered before there are any of one's own."""


def draw(exchange: Exchange, comparison_id: str) -> None:
    """Nothing while an answer runs or where there is only one."""
    if len(exchange.answers) < 2 or any(answer.running for answer in exchange.answers):
        return
    if exchange.vote:
        untrusted.caption(words(exchange))
        return
    with st.container(key=f"vote-{exchange.prompt_id}", gap="xsmall"):
        tags_key = f"tags-{exchange.prompt_id}"
        with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"votes-{exchange.prompt_id}"):
            for answer in exchange.sides:
                _button(
                    exchange,
                    comparison_id,
                    tags_key,
                    f"{side_name(exchange, answer)} is {'best' if len(exchange.answers) > 2 else 'better'}",
                    Verdict.BETTER,
                    answer.lane,
                )
            if len(exchange.answers) == 2:
                _button(exchange, comparison_id, tags_key, "Tie", Verdict.TIE)
            bad = "Both bad" if len(exchange.answers) == 2 else "All bad"
            _button(exchange, comparison_id, tags_key, bad, Verdict.BAD)
            if exchange.hidden:
                _button(exchange, comparison_id, tags_key, "Show names without a vote", Verdict.NONE)
        st.multiselect(
            "Tags of the vote",
            _offered(),
            key=tags_key,
            max_selections=MOST_TAGS,
            accept_new_options=True,
            placeholder="Tags of the vote, for a leaderboard of their own",
            label_visibility="collapsed",
        )


def words(exchange: Exchange) -> str:
    """`Your vote: A · OpenAI is better. It counts on the leaderboard.`, or why it does not."""
    vote = exchange.vote
    assert vote
    if vote.verdict is Verdict.NONE:
        return vote.objection
    sides = {side.lane: f"{exchange.side(side.lane)} · {name_of(side.provider)}" for side in vote.sides}
    many = len(sides) > 2
    told = {
        Verdict.BETTER: f"{sides[vote.best.lane] if vote.best else ''} is {'best' if many else 'better'}",
        Verdict.TIE: "a tie",
        Verdict.BAD: "all bad" if many else "both bad",
    }[vote.verdict]
    tags = f" ({', '.join(vote.tags)})" if vote.tags else ""
    if vote.objection:
        return f"Your vote: {told}{tags}. It does not count. {vote.objection}"
    if not vote.blind:
        return f"Your vote: {told}{tags}. You knew who answered, so the leaderboard leaves it out by default."
    return f"Your vote: {told}{tags}. It counts on the leaderboard."


def _button(
    exchange: Exchange, comparison_id: str, tags_key: str, label: str, verdict: Verdict, best: int | None = None
) -> None:
    st.button(
        untrusted.plain(label),
        key=f"vote-{exchange.prompt_id}-{verdict}-{exchange.side(best) if best is not None else ''}",
        type="tertiary" if verdict is Verdict.NONE else "secondary",
        on_click=actions.vote,
        args=(comparison_id, exchange.turn, verdict, best, tags_key),
    )


def _offered() -> list[str]:
    """Tags used before, then a few of ours."""
    return list(dict.fromkeys([*runtime.get_conductor().store.vote_tags(), *FIRST_TAGS]))
