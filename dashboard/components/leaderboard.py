"""The leaderboard: models by the votes on their answers, and what their quality costs."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from conductor_core.metrics.figures import Figures, Key
from conductor_core.metrics.span import Range, Span
from conductor_core.ratings.board import LEAST_VOTES, Board, Place
from dashboard import leaderboard_actions, runtime
from dashboard.components import numbers, rating_charts, untrusted
from dashboard.components.clock import reader_zone
from dashboard.components.rating_charts import Rated
from dashboard.components.who import look_of, name_of

MOST_IN_MATRIX = 12
OVERALL = "all votes"


def chosen() -> Board:
    """The board the reader wants to see: of all votes or of a tag, of blind votes or of all."""
    ratings = runtime.get_conductor().ratings
    tags = ratings.board().tags
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="board-controls"):
        tag = OVERALL
        if tags:
            tag = st.selectbox(
                "Votes",
                [OVERALL, *tags],
                format_func=untrusted.isolated,
                key="board-tag",
                label_visibility="collapsed",
                width=240,
            )
        everything = st.toggle("Also votes that were not blind", key="board-seen")
    tag = "" if tag == OVERALL else tag
    return ratings.board(tag, blind_only=not everything)


def nothing_yet() -> None:
    """What to do for there to be a leaderboard."""
    st.markdown(
        "**No votes yet.** Ask two models the same on Compare, with Blind on, and say which answer is better. "
        f"A model has a rating from {LEAST_VOTES} votes on."
    )
    st.page_link("app_pages/compare.py", label="Compare two models blind", icon=":material/view_column_2:")


def summary(board: Board) -> None:
    """How many votes this is made from, and which are left out and why."""
    parts = [f"{_votes(board.votes)} count{'s' if board.votes == 1 else ''}."]
    if board.seen:
        parts.append(f"{_votes(board.seen)} left out: who answered was known.")
    parts += [
        f"{_votes(count)} left out: {reason[0].lower()}{reason[1:]}." for reason, count in board.objections.items()
    ]
    untrusted.caption(" ".join(parts))
    if board.regularised:
        st.info(
            "These votes do not tie all models together: somebody has never lost, never won, or never met the others, "
            "directly or over third ones. A weak prior (one tie of each with an average model) fills the gap, so take "
            "distances for a guess.",
            icon=":material/info:",
        )


def ranking(board: Board) -> None:
    """Rank, rating with its interval, and the votes behind it."""
    untrusted.table([_row(place) for place in board.places], "Ratings")
    st.caption(
        "Bradley–Terry ratings: 1,000 is the mean, 400 more are ten times the odds. In brackets the 95 % interval; "
        "models share a rank where intervals overlap. Ties and “both bad” are half a win for each."
    )


def charts(board: Board) -> None:
    """The ratings, who beat whom, and quality against cost and time."""
    rated = [_rated(place) for place in board.rated]
    if rated:
        st.plotly_chart(
            rating_charts.ratings(rated),
            config=rating_charts.CONFIG,
            key="board-ratings",
            alt="The rating of each model with its 95 % interval; the table above has the same figures",
        )
    shown = board.places[:MOST_IN_MATRIX]
    st.markdown("**Who beat whom**")
    st.plotly_chart(
        rating_charts.wins([_short(place) for place in shown], board.wins[: len(shown), : len(shown)]),
        config=rating_charts.CONFIG,
        key="board-wins",
        alt="How many points each model won against each other, of how many votes",
    )
    if rated:
        _worth(board)


def auto_switch() -> None:
    """Whether AUTO goes by it."""
    on = runtime.get_conductor().settings.auto_quality
    st.session_state[leaderboard_actions.SWITCH] = on
    st.toggle(
        "AUTO goes by these ratings",
        key=leaderboard_actions.SWITCH,
        on_change=leaderboard_actions.switch_auto,
        help="An answer that would mostly lose to the best model's then counts like time lost. The receipt shows it.",
    )
    refusal = leaderboard_actions.refusal()
    if refusal:
        untrusted.error(refusal)


def _worth(board: Board) -> None:
    """Two scatters from the last 30 days' calls; a model without a known price, or without calls, is not on them."""
    span = Span.ending(time.time_ns() // 1_000_000, Range.MONTH, reader_zone())
    groups = runtime.get_conductor().health.overview(span, by="model").groups
    measures: list[tuple[str, str, Callable[[Figures], float | None]]] = [
        ("cost", "Rating against cost per answer, last 30 days", _usd),
        ("time", "Rating against time of an answer (p50), last 30 days", _seconds),
    ]
    places = st.columns(2, gap="medium")
    for place, (name, title, measure) in zip(places, measures, strict=True):
        found = [(one, cost) for one in board.rated if (cost := _of(groups.get(Key(*one.key)), measure)) is not None]
        with place:
            if not found:
                untrusted.caption(f"{title}: nothing known yet.")
                continue
            st.plotly_chart(
                rating_charts.against(
                    [_rated(one) for one, _ in found], [cost for _, cost in found], title, money=name == "cost"
                ),
                config=rating_charts.CONFIG,
                key=f"board-{name}",
                alt="Rating against what an answer takes; a dotted line joins the models nobody beats in both",
            )
            missing = len(board.rated) - len(found)
            if missing:
                untrusted.caption(f"{missing} without a known figure {'is' if missing == 1 else 'are'} not shown.")


def _of(figures: Figures | None, measure: Callable[[Figures], float | None]) -> float | None:
    return measure(figures) if figures else None


def _usd(figures: Figures) -> float | None:
    return figures.cost_usd / figures.priced if figures.cost_usd is not None and figures.priced else None


def _seconds(figures: Figures) -> float | None:
    return figures.latency.p50 / 1000 if figures.latency.p50 is not None else None


def _row(place: Place) -> dict[str, str]:
    return {
        "Rank": numbers.MISSING if place.rank is None else str(place.rank),
        "Model": f"{look_of(place.provider).mark} {_label(place)}",
        "Rating": _rating(place),
        "Votes": numbers.count(place.votes),
        "Won · tied · lost": " · ".join(map(numbers.count, (place.wins, place.ties, place.losses))),
    }


def _rating(place: Place) -> str:
    if place.rating is not None:
        return f"{place.rating:,.0f} [{place.low:,.0f}–{place.high:,.0f}]"
    if place.votes < LEAST_VOTES:
        return f"{place.votes} of {LEAST_VOTES} votes"
    return "too few votes against rated models"


def _rated(place: Place) -> Rated:
    assert place.rating is not None
    assert place.low is not None
    assert place.high is not None
    return Rated(
        _label(place),
        place.model or name_of(place.provider),
        look_of(place.provider),
        place.rating,
        place.low,
        place.high,
    )


def _label(place: Place) -> str:
    return f"{name_of(place.provider)} · {place.model}" if place.model else name_of(place.provider)


def _short(place: Place) -> str:
    return f"{look_of(place.provider).mark} {place.model or name_of(place.provider)}"


def _votes(count: int) -> str:
    return f"{numbers.count(count)} vote{'' if count == 1 else 's'}"


def any_vote(board: Board) -> bool:
    """Whether there is anything to show or to say."""
    return bool(board.votes or board.seen or board.objections)
