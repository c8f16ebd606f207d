"""Every session-state type, in one place. Nobody else writes keys into `st.session_state` but widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import streamlit as st

from conductor_core.turns import LaneSetup

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Held:
    """A message that waits for the person's word, because it holds what looks like a key."""

    text: str
    kind: str


@dataclass(slots=True)
class ChatState:
    """The Chat page of one browser tab: which conversation is open and what the next message is sent with.

    Attributes:
        unfolded: the long conversation that is shown as a whole.
    """

    conversation_id: str | None = None
    unfolded: str | None = None
    setup: LaneSetup = field(default_factory=LaneSetup)
    notice: str = ""
    held: Held | None = None


@dataclass(slots=True)
class CompareState:
    """The Compare page of one browser tab: which comparison is open and what its lanes are."""

    comparison_id: str | None = None
    lanes: list[LaneSetup] = field(default_factory=list)
    narrow: bool = False
    notice: str = ""
    held: Held | None = None


@dataclass(slots=True)
class SettingsState:
    """The Settings page of one browser tab. Nothing here ever holds a key.

    Attributes:
        done: what the last change came to, said once.
        refusals: why a form was refused, by the form's place on the page.
    """

    done: str = ""
    refusals: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class MenuState:
    """The menu of an open conversation in one browser tab.

    Attributes:
        deleting: the conversation whose deletion waits for the person's word, also while answers end around it.
    """

    deleting: str | None = None


def chat() -> ChatState:
    return _kept("_chat", ChatState)


def compare() -> CompareState:
    return _kept("_compare", CompareState)


def settings() -> SettingsState:
    return _kept("_settings", SettingsState)


def menu() -> MenuState:
    return _kept("_menu", MenuState)


def _kept(key: str, make: Callable[[], S]) -> S:
    if key not in st.session_state:
        st.session_state[key] = make()
    return cast(S, st.session_state[key])
