"""What the user did on the Prompt sets page, handed to the core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import streamlit as st

from conductor_core.errors import ConductorError, NotFound
from conductor_core.kinds import CheckKind
from conductor_core.prompt_sets.sets import PromptSets
from conductor_core.prompt_sets.setup import RunSetup
from conductor_core.redaction import looks_like_key
from dashboard import runtime, state

RUN, CELL = "run", "cell"
"""Parameters of the address: the run, and the cell of it that is open, as `<prompt>-<lane>` from 1."""
UPLOAD, PASTE, CHECK = "set-upload", "set-paste", "set-check"
CONCURRENCY, BUDGET = "set-concurrency", "set-budget"
"""Keys of widgets."""
READING_SECONDS = 120.0

EXAMPLE = """\
prompt,expected,tags,check
What is the capital of France? Answer in one word.,Paris,"facts, easy",contains
"What is 17 + 25? Answer with the number only.",42,sums,equals
Write today's month as YYYY-MM.,\\d{4}-\\d{2},dates,regex
"Give the city of Cologne as JSON with a ""city"".","{""type"": ""object"", ""required"": [""city""]}",json,json_schema
Write a haiku about rain.,,poems,
"""
"""One prompt for every check that needs no judge."""


def read_upload() -> None:
    """Reads the file that was just chosen."""
    file = st.session_state.get(UPLOAD)
    if file is not None:
        _read(state.sets(), (file.getvalue(), file.name))


def read_paste() -> None:
    """Reads what stands in the box."""
    sets = state.sets()
    sets.typed = str(st.session_state.get(PASTE) or "")
    _read(sets, (sets.typed, ""))


def fill_in_example() -> None:
    """Puts an example into the box, where nothing was written."""
    st.session_state[PASTE] = state.sets().typed = EXAMPLE


def check_chosen() -> None:
    """Another check for prompts that name none: all is read again."""
    sets = state.sets()
    chosen = st.session_state[CHECK]
    sets.check = CheckKind(chosen) if chosen else None
    if sets.source:
        _read(sets, sets.source)


def choose_saved(set_id: str) -> None:
    """The next run is of a set that was saved before."""
    sets = state.sets()
    open_run(None)
    sets.source = sets.reading = None
    sets.keys = []
    sets.saved_set = set_id


def choose_others() -> None:
    """Back to where prompts come from; what was pasted is still there."""
    sets = state.sets()
    sets.source = sets.reading = sets.saved_set = None
    sets.keys, sets.deleting = [], False
    st.session_state[PASTE] = sets.typed


def begin(setup: RunSetup, form: str) -> None:
    """Runs the prompts that were read, or the saved set; refused, all stays as it is, with the reason."""
    sets = state.sets()
    rows, name = (sets.reading.rows, sets.source[1]) if sets.reading and sets.source else ((), "")
    try:
        run_id = runtime.run(
            _sets().begin(
                setup, name=name, rows=rows, set_id=sets.saved_set, budget_usd=sets.budget_usd, key=f"set {form}"
            ),
            READING_SECONDS,
        )
    except ConductorError as error:
        sets.notice = str(error)
        return
    sets.source = sets.reading = sets.saved_set = None
    sets.typed = ""
    open_run(run_id)


def open_run(run_id: str | None) -> None:
    """Shows a run, or the form for a new one."""
    sets = state.sets()
    sets.run_id, sets.page, sets.deleting = run_id, 0, False
    close_cell()
    if run_id:
        st.query_params[RUN] = run_id
    else:
        st.query_params.pop(RUN, None)


def pause(run_id: str) -> None:
    """Begins nothing more."""
    with _saying():
        runtime.run(_sets().pause(run_id))


def resume(run_id: str) -> None:
    """Goes on, within the budget that stands beside the button."""
    with _saying():
        runtime.run(_sets().resume(run_id, st.session_state.get(new_budget(run_id))))


def new_budget(run_id: str) -> str:
    """The key of the box for the budget a run is resumed with."""
    return f"set-new-budget-{run_id}"


def cancel(run_id: str) -> None:
    """Ends it for good."""
    with _saying():
        runtime.run(_sets().cancel(run_id))


def ask_failed_again(run_id: str) -> None:
    """Goes on with what failed."""
    with _saying():
        runtime.run(_sets().ask_failed_again(run_id))


def ask_deletion(*, asked: bool) -> None:
    """Asks for the person's word, or forgets that it did."""
    state.sets().deleting = asked


def delete(run_id: str) -> None:
    """Deletes a run for good."""
    with suppress(NotFound):  # another tab was faster
        runtime.run(_sets().delete_run(run_id))
    open_run(None)


def delete_set(set_id: str) -> None:
    """Deletes a set for good, with its runs."""
    with _saying():
        runtime.run(_sets().delete_set(set_id))
    choose_others()
    open_run(None)


def open_cell(place: str) -> None:
    """Opens a cell, in the address too."""
    st.query_params[CELL] = place


def close_cell() -> None:
    st.query_params.pop(CELL, None)


def turn(step: int) -> None:
    """Turns the grid's pages."""
    sets = state.sets()
    sets.page = max(0, sets.page + step)


def first_page() -> None:
    """Another filter: from the beginning."""
    state.sets().page = 0


def _read(sets: state.SetsState, source: tuple[bytes | str, str]) -> None:
    sets.source, sets.saved_set = source, None
    sets.reading = runtime.run(_sets().read(*source, sets.check), READING_SECONDS)
    sets.keys = [row.line for row in sets.reading.rows if looks_like_key(f"{row.prompt}\n{row.expected}")]


@contextmanager
def _saying() -> Iterator[None]:
    """A refusal is said on the page."""
    try:
        yield
    except ConductorError as error:
        state.sets().notice = str(error)


def _sets() -> PromptSets:
    return runtime.get_conductor().prompt_sets
