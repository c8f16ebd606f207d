"""Every session-state type, in one place. Nobody else writes keys into `st.session_state` but widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

import streamlit as st

from conductor_core.attachments import File
from conductor_core.conversations import MOST_LANES
from conductor_core.kinds import CheckKind
from conductor_core.metrics.figures import Filter
from conductor_core.metrics.span import Range
from conductor_core.prompt_sets.reading import Reading
from conductor_core.store.call_rows import NEWEST_FIRST, CallOrder, Cursor
from conductor_core.store.library_rows import Kept
from conductor_core.store.records import Conversation, Preset
from conductor_core.turns import LaneSetup

if TYPE_CHECKING:
    from conductor_core.keys.key import ApiKey
    from conductor_core.secret import Secret
    from conductor_core.transfer.moving import Report
    from dashboard.components.chart_page import Sent

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Held:
    """A message that waits for the person's word, because it holds what looks like a key.

    Attributes:
        instead_of: the prompt it is an edit of, if it is one.
    """

    text: str
    kind: str
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class Put:
    """A text that goes into the message box, below what is there. `id` tells one from the next."""

    text: str
    id: str


@dataclass(slots=True)
class Box:
    """The message box of a page in one browser tab, which lives in the browser.

    Attributes:
        characters: how many are in it, as far as the browser has told.
        begun: the conversation that was begun from it last: what was typed meanwhile belongs there.
        given: tells one time that a text was put back from the next.
        put: what was put into it last.
    """

    characters: int = 0
    begun: str = ""
    given: str = ""
    put: Put | None = None


@dataclass(slots=True)
class ChatState:
    """The Chat page of one browser tab: which conversation is open and what the next message is sent with.

    Attributes:
        unfolded: the long conversation that is shown as a whole.
        box: the message box.
        editing: prompts that are being edited, by their ids: how they read by now.
        files: what goes with the next message, because it could not be sent with the last one.
    """

    conversation_id: str | None = None
    unfolded: str | None = None
    setup: LaneSetup = field(default_factory=LaneSetup)
    box: Box = field(default_factory=Box)
    editing: dict[str, str] = field(default_factory=dict)
    notice: str = ""
    held: Held | None = None
    files: list[File] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Of the widgets that set up who answers."""
        return f"chat-{self.conversation_id}"


@dataclass(slots=True)
class CompareState:
    """The Compare page of one browser tab: which comparison is open and what its lanes are.

    Attributes:
        arranged: the order in which the lanes are shown; empty: their own.
        times: how often each lane of a new comparison is asked, to see how far its answers differ.
        in_turn: the lanes are asked one after another.
        blind: the next prompt is answered by lanes that nobody can tell apart until the vote.
        files: as `ChatState.files`.
        revision: counts changes of the lanes that no widget of theirs made, so that the widgets are made anew.
        presets: what is being done with the presets.
        merging: what the next merge is asked with.
        box: the message box.
    """

    comparison_id: str | None = None
    lanes: list[LaneSetup] = field(default_factory=list)
    arranged: list[int] = field(default_factory=list)
    times: int = 1
    in_turn: bool = False
    blind: bool = False
    narrow: bool = False
    revision: int = 0
    presets: PresetsState = field(default_factory=lambda: PresetsState())
    merging: LaneSetup = field(default_factory=lambda: LaneSetup(temperature=0.3, max_tokens=2000))
    box: Box = field(default_factory=Box)
    notice: str = ""
    held: Held | None = None
    files: list[File] = field(default_factory=list)

    @property
    def asked(self) -> list[LaneSetup]:
        """The lanes as the next prompt is sent to them, each as often as it is asked."""
        times = 1 if self.comparison_id else self.times
        return [lane for lane in self.lanes for _ in range(times)]

    @property
    def most_times(self) -> int:
        """How often each lane may be asked at most."""
        return MOST_LANES // max(1, len(self.lanes))

    def key(self, lane: int) -> str:
        """Of the widgets that set a lane up."""
        return f"{self.comparison_id}-{self.revision}-{lane}"

    def control(self, name: str) -> str:
        """The key of a widget that says how all lanes are asked."""
        return f"{name}-{self.comparison_id}-{self.revision}"

    @property
    def order(self) -> list[int]:
        """The lanes in the order in which they are shown."""
        known = list(range(len(self.lanes)))
        return self.arranged if sorted(self.arranged) == known else known


@dataclass(slots=True)
class SetsState:
    """The Prompt sets page of one browser tab: which run is open, or what the next one is to be.

    Attributes:
        source: what was uploaded or pasted, and the file's name.
        check: of prompts that name none.
        reading: what the source came to.
        keys: the lines that look like they hold a key.
        typed: the pasted text, so that leaving the page loses nothing.
        saved_set: the set of an earlier run, in place of a source.
        budget_usd: of the next run; None: no limit.
        page: of the grid, from 0.
        deleting: the run's deletion waits for the person's word.
    """

    run_id: str | None = None
    source: tuple[bytes | str, str] | None = None
    check: CheckKind | None = CheckKind.CONTAINS
    reading: Reading | None = None
    keys: list[int] = field(default_factory=list)
    typed: str = ""
    saved_set: str | None = None
    lanes: list[LaneSetup] = field(default_factory=list)
    judge: LaneSetup = field(default_factory=lambda: LaneSetup(temperature=0.0, max_tokens=500))
    concurrency: int = 4
    budget_usd: float | None = None
    narrow: bool = False
    notice: str = ""
    page: int = 0
    deleting: bool = False


@dataclass(slots=True)
class PresetsState:
    """The presets of one browser tab.

    Attributes:
        renaming, deleting: the one that waits for a name, or for the person's word.
        refusal: why the last one was not kept.
        forms: counts those that were, so that the box for the name is empty again.
    """

    renaming: Preset | None = None
    deleting: Preset | None = None
    refusal: str = ""
    forms: int = 0


@dataclass(slots=True)
class LibraryState:
    """What is being done with personas and prompt templates in one browser tab, in a dialog.

    Attributes:
        place: where it was opened: the key of a picker or of a message box; empty: none is open.
        writing: the text that is being written; without an id: a new one.
        deleting: the text whose deletion waits for the person's word.
        refusal: why the last one was not kept, or what else went wrong.
        opened: counts dialogs and forms, so that each begins with what it is for.
        chosen: the template that is to be used.
        due: what the page does first once the dialog is closed: the dialog can't change what is outside of it.
        personas: the names of all personas by their ids, as they were when the page's run began.
    """

    place: str = ""
    writing: Kept | None = None
    deleting: Kept | None = None
    refusal: str = ""
    opened: int = 0
    chosen: str | None = None
    due: Callable[[], None] | None = None
    personas: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class SettingsState:
    """The Settings page of one browser tab. Nothing here ever holds a provider's key.

    Attributes:
        done: what the last change came to, said once.
        refusals: why a form was refused, by the form's place on the page.
        brought: what came of the last import.
        imports: how many files were imported.
        token: an API key that was just made, with its token, until its reader has closed it.
        revoking: which API key's owner is being asked whether to take it back; empty: none's.
    """

    done: str = ""
    refusals: dict[str, str] = field(default_factory=dict)
    brought: Report | None = None
    imports: int = 0
    token: tuple[ApiKey, Secret] | None = None
    revoking: str = ""


@dataclass(frozen=True, slots=True)
class Pick:
    """What a point of a chart or a card stands for: these calls, between these moments (UTC ms)."""

    since: int
    until: int
    filter: Filter


@dataclass(slots=True)
class HealthState:
    """The Health page of one browser tab. Range, groups and filters are in its address.

    Attributes:
        preset: the range that "back" leads to.
        zooms: the custom ranges gone through on the way here, UTC ms.
        pick: the calls the table lists, when not all of the range.
        shows: counts picks, so that the table comes into view once for each.
        order: how the table is sorted.
        cursors: where each page of the table begins, the one shown last; none: the first.
        sent: what the browser was last sent of the charts in full; None: all must be sent.
    """

    preset: Range = Range.DAY
    zooms: list[tuple[int, int]] = field(default_factory=list)
    pick: Pick | None = None
    shows: int = 0
    order: CallOrder = NEWEST_FIRST
    cursors: list[Cursor] = field(default_factory=list)
    sent: Sent | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """A conversation that was just deleted, and when (seconds of `time.monotonic`): it can be brought back a while."""

    conversation: Conversation
    at: float


@dataclass(slots=True)
class MenuState:
    """What is being done with a conversation in one browser tab.

    Attributes:
        deleting: the conversation whose deletion waits for the person's word, also while answers end around it.
        renaming: the one that is getting another title.
        tagging: the one that is getting other tags.
        deleted: the one that was deleted last.
    """

    deleting: Conversation | None = None
    renaming: Conversation | None = None
    tagging: Conversation | None = None
    deleted: Deleted | None = None


@dataclass(frozen=True, slots=True)
class Sought:
    """A message that a search led to. `asked` tells one time it was asked for from the next."""

    conversation_id: str
    message_id: str
    turn: int | None
    asked: str


@dataclass(slots=True)
class HistoryState:
    """The lists of conversations in one browser tab, by kind ("chat" or "compare").

    Attributes:
        pages: how many pages of a list are shown, if more than one.
        archive: the kinds whose archive is shown.
        sought: where the last search led to.
    """

    pages: dict[str, int] = field(default_factory=dict)
    archive: frozenset[str] = frozenset()
    sought: Sought | None = None


@dataclass(slots=True)
class ReadingState:
    """How answers are read in one browser tab.

    Attributes:
        raw: the answers shown as they were written, by their ids.
    """

    raw: set[str] = field(default_factory=set)


def chat() -> ChatState:
    return _kept("_chat", ChatState)


def compare() -> CompareState:
    return _kept("_compare", CompareState)


def sets() -> SetsState:
    return _kept("_sets", SetsState)


def library() -> LibraryState:
    return _kept("_library", LibraryState)


def settings() -> SettingsState:
    return _kept("_settings", SettingsState)


def health() -> HealthState:
    return _kept("_health", HealthState)


def menu() -> MenuState:
    return _kept("_menu", MenuState)


def reading() -> ReadingState:
    return _kept("_reading", ReadingState)


def history() -> HistoryState:
    return _kept("_history", HistoryState)


def _kept(key: str, make: Callable[[], S]) -> S:
    if key not in st.session_state:
        st.session_state[key] = make()
    return cast(S, st.session_state[key])
