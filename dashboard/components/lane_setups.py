"""Who answers on Compare: how many lanes, provider and parameters of each, in which order, and how they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from conductor_core.conversations import MOST_LANES
from conductor_core.turns import LaneSetup
from dashboard import actions, compare_actions, state
from dashboard.components import untrusted
from dashboard.components.picker import pick
from dashboard.lanes import resize

PER_ROW = 4
LEFT, RIGHT, FOCUS, ALL = "Move left", "Move right", "Show alone", "Show all lanes"


def choose_count(lanes: list[LaneSetup], key: str, counts: Sequence[int] = tuple(range(2, MOST_LANES + 1))) -> None:
    """How many lanes there are.

    The style sheet shows the word for the chosen number only.
    """
    count = st.segmented_control(
        "Lanes",
        counts,
        default=max(counts[0], len(lanes)),
        required=True,
        format_func=lambda number: f"**{number}** lane{'' if number == 1 else 's'}",
        key=key,
        label_visibility="collapsed",
    )
    resize(lanes, count)


def choose_run(compare: state.CompareState) -> None:
    """Whether the lanes are asked at once or in turn, and how often each; what is chosen stands on the button."""
    with st.popover(untrusted.plain(_run_words(compare)), key="run", type="tertiary", icon=":material/play_circle:"):
        st.radio(
            "Ask the lanes",
            [False, True],
            index=int(compare.in_turn),
            format_func=lambda in_turn: "One after another" if in_turn else "All at once",
            key=compare.control("in-turn"),
            captions=["For a race.", "For a weak machine: each has all of it to itself."],
        )
        if compare.comparison_id or compare.most_times == 1:
            return
        st.segmented_control(
            "Ask each lane",
            list(range(1, compare.most_times + 1)),
            default=compare.times,
            required=True,
            format_func=lambda times: "once" if times == 1 else f"{times} times",
            key=compare.control(f"times-{compare.most_times}"),
            help="The same prompt again and again shows how far a model's answers differ.",
        )


def plain_setups(lanes: list[LaneSetup], key: str, *, narrow: bool) -> None:
    """Provider, model and parameters of every lane, where the lanes have no order and no menus."""
    for index, place in enumerate(places(_names(range(len(lanes))), narrow=narrow)):
        with place:
            lanes[index] = pick(lanes[index], f"{key}-{index}")


def setups(compare: state.CompareState) -> None:
    """Provider, model and parameters of every lane, in the order in which the lanes are shown."""
    alone = focused(len(compare.lanes))
    shown = [index for index in compare.order if alone in (None, index)]
    for index, place in zip(shown, places(_names(shown), narrow=compare.narrow), strict=True):
        with place:
            _setup(compare, index)


def focused(lanes: int) -> int | None:
    """The lane that the address wants to see alone, where its number is one."""
    wanted = st.query_params.get(actions.LANE, "")
    return int(wanted) - 1 if wanted in {str(number) for number in range(1, lanes + 1)} else None


def places(names: Sequence[str], *, narrow: bool) -> Sequence[Any]:
    """One place per lane: side by side in rows of equal width, or tabs where the window is narrow."""
    if len(names) == 1:
        return [st.container()]
    if narrow:
        return st.tabs([untrusted.plain(name) for name in names])
    per_row = len(names) if len(names) <= PER_ROW else -(-len(names) // 2)
    rows = [st.columns(per_row, gap="small") for _ in range(0, len(names), per_row)]
    return [column for row in rows for column in row][: len(names)]


def _names(lanes: Iterable[int]) -> list[str]:
    return [f"Lane {index + 1}" for index in lanes]


def _setup(compare: state.CompareState, index: int) -> None:
    key = compare.key(index)

    def to_all() -> None:
        st.caption("Copy to every lane:")
        with st.container(horizontal=True, gap="small", key=f"to-all-{key}"):
            st.button(
                "Parameters",
                key=f"parameters-to-all-{key}",
                on_click=compare_actions.parameters_to_all,
                args=(key,),
            )
            st.button(
                "System prompt",
                key=f"system-to-all-{key}",
                on_click=compare_actions.system_prompt_to_all,
                args=(key,),
            )

    compare.lanes[index] = pick(compare.lanes[index], key, to_all, lambda: _menu(compare, index, key))


def _menu(compare: state.CompareState, index: int, key: str) -> None:
    """Where the lane stands, and whether it stands alone."""
    alone = focused(len(compare.lanes)) is not None
    at = compare.order.index(index)
    entries = [LEFT] * (at > 0) + [RIGHT] * (at + 1 < len(compare.lanes))
    chosen = st.menu_button(
        untrusted.plain(f"Menu of lane {index + 1}"),  # for screen readers: the style sheet hides it
        [ALL] if alone else [*entries, FOCUS],
        key=f"menu-lane-{key}",
        icon=":material/more_horiz:",
        type="tertiary",
    )
    if chosen is None:
        return
    if chosen in (LEFT, RIGHT):
        compare_actions.move(index, -1 if chosen == LEFT else 1)
    else:
        compare_actions.focus(None if chosen == ALL else str(index + 1))
    st.rerun()


def _run_words(compare: state.CompareState) -> str:
    words = "In turn" if compare.in_turn else "At once"
    return f"{words}, {compare.times} times each" if compare.times > 1 and not compare.comparison_id else words
