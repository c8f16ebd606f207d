"""A new run of a prompt set: where its prompts come from, what they look like, who answers, what it may cost."""

from __future__ import annotations

import streamlit as st

from conductor_core.errors import NotFound
from conductor_core.kinds import CheckKind, CostKind
from conductor_core.prompt_sets.judge import TEMPLATE
from conductor_core.prompt_sets.reading import MOST_BYTES, MOST_ROWS, Reading, Row
from conductor_core.prompt_sets.setup import LEAST_BUDGET, MOST_AT_ONCE, MOST_BUDGET, Expected, RunSetup, Size
from dashboard import actions, runtime, set_actions, state
from dashboard.components import expectation_line, lane_setups, numbers, set_deletion, untrusted
from dashboard.components.picker import pick
from dashboard.lanes import first_lanes

PREVIEWED = 6
PROBLEMS_SHOWN = 12
SAVED_SHOWN = 20
CELL_CHARACTERS = 90
SOURCES = ("Upload", "Paste", "Saved sets")
CHECKS = {
    "": "not checked",
    CheckKind.CONTAINS: "contains the expected text, in any case",
    CheckKind.EQUALS: "equals the expected text, but for white space",
    CheckKind.REGEX: "matches the expected regular expression",
    CheckKind.JSON_SCHEMA: "is JSON of the expected schema",
    CheckKind.JUDGE: "judged by a model",
}
FORMAT = (
    "CSV or JSON lines, UTF-8, one prompt a row. Columns or fields, in any order: **prompt**, and if you like "
    "**expected** (what the answer is checked against), **tags** (separated by commas) and **check** (contains, "
    "equals, regex, json_schema or judge)."
)


def notice(sets: state.SetsState) -> None:
    """What keeps answers from being saved, and why the last thing was refused; said once."""
    trouble = runtime.get_conductor().store.writer.trouble
    if trouble:
        untrusted.warning(trouble)
    if sets.notice:
        untrusted.error(sets.notice)
        sets.notice = ""


def draw(sets: state.SetsState) -> None:
    """The form, step by step: lanes and costs come once there are prompts."""
    sets.lanes = sets.lanes or first_lanes()
    rows = _saved_rows(sets) if sets.saved_set else _read_rows(sets)
    if not rows:
        return
    judged = sum(row.check is CheckKind.JUDGE for row in rows)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**Lanes**", width="content")
        lane_setups.choose_count(sets.lanes, "lanes-set", (1, 2, 3, 4))
    lane_setups.plain_setups(sets.lanes, "set", narrow=sets.narrow)
    if judged:
        _judge(sets, judged)
    _start(sets, rows, judged)


def _read_rows(sets: state.SetsState) -> tuple[Row, ...]:
    """The prompts of the source that can be used; without a source, the way to one."""
    if sets.reading is None:
        _source(sets)
        return ()
    reading = sets.reading
    _source_line(sets, reading)
    goes_on = not reading.problems or _problems(reading)
    _preview(reading)
    return reading.rows if goes_on else ()


def _saved_rows(sets: state.SetsState) -> tuple[Row, ...]:
    """The prompts of a set of an earlier run."""
    rows = runtime.get_conductor().store.sets
    try:
        saved = rows.prompt_set(sets.saved_set or "")
    except NotFound as error:
        sets.saved_set, sets.notice = None, str(error)
        st.rerun()
    prompts = rows.prompts(saved.id)
    found = tuple(Row(one.line, one.prompt, one.expected, one.check_kind, one.tags) for one in prompts)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        untrusted.text(f"{saved.name} · {_count(found)}")
        _other_button()
        set_deletion.button()
    runs = len(rows.runs_of(saved.id))
    question = f"Delete this set and its {runs} run{'' if runs == 1 else 's'}? What their calls cost stays on Health."
    set_deletion.ask(question, set_actions.delete_set, saved.id)
    _preview(Reading(found))
    return found


def _source(sets: state.SetsState) -> None:
    """Upload, paste, or a set of before."""
    st.caption("Ask many prompts of one to four models, check the answers, and see who gets how many right.")
    file, paste, saved = st.tabs(SOURCES, default=SOURCES[1] if sets.typed else None)
    with file:
        st.file_uploader(
            "CSV or JSON lines",
            type=["csv", "tsv", "txt", "jsonl", "ndjson"],
            max_upload_size=MOST_BYTES // 1_000_000,
            key=set_actions.UPLOAD,
            on_change=set_actions.read_upload,
        )
    with paste:
        if set_actions.PASTE not in st.session_state:
            st.session_state[set_actions.PASTE] = sets.typed
        sets.typed = st.text_area(
            "Prompts as CSV or JSON lines",
            key=set_actions.PASTE,
            height=220,
            placeholder="prompt,expected\nWhat is the capital of France?,Paris",
        )
        with st.container(horizontal=True, gap="small"):
            st.button("Read these prompts", type="primary", key="set-read", on_click=set_actions.read_paste)
            if not sets.typed:
                st.button("Fill in an example", key="set-example", on_click=set_actions.fill_in_example)
    with saved:
        _saved_sets()
    st.caption(FORMAT)
    st.caption(f"At most {numbers.count(MOST_ROWS)} prompts and {MOST_BYTES // 1_000_000} MB.")


def _saved_sets() -> None:
    found = runtime.get_conductor().store.sets.sets(SAVED_SHOWN)
    if not found:
        st.caption("A set is saved with its first run.")
    for one in found:
        st.button(
            untrusted.plain(f"{one.name} · {numbers.count(one.prompts)} prompt{'' if one.prompts == 1 else 's'}"),
            key=f"set-{one.id}",
            icon=":material/checklist:",
            type="tertiary",
            on_click=set_actions.choose_saved,
            args=(one.id,),
        )


def _source_line(sets: state.SetsState, reading: Reading) -> None:
    """What was read and from where, the check of rows that name none, and the way back."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="set-source-line"):
        name = sets.source[1] if sets.source and sets.source[1] else "Pasted prompts"
        untrusted.text(f"{name} · {_count(reading.rows)}")
        kinds = ["", *CheckKind]
        st.session_state[set_actions.CHECK] = str(sets.check or "")
        st.selectbox(
            "Answers of rows that name no check",
            [str(kind) for kind in kinds],
            format_func=lambda kind: CHECKS[kind],
            key=set_actions.CHECK,
            on_change=set_actions.check_chosen,
            width=330,
        )
        _other_button()
    if reading.ignored:
        untrusted.caption(f"Not used: {', '.join(reading.ignored)}.")


def _other_button() -> None:
    st.button("Other prompts", icon=":material/arrow_back:", key="set-others", on_click=set_actions.choose_others)


def _preview(reading: Reading) -> None:
    """The first prompts as they were understood."""
    if not reading.rows:
        return
    with st.container(key="set-preview"):
        untrusted.table([_previewed(row) for row in reading.rows[:PREVIEWED]], "Prompts")
    if len(reading.rows) > PREVIEWED:
        untrusted.caption(f"… and {numbers.count(len(reading.rows) - PREVIEWED)} more.")


def _problems(reading: Reading) -> bool:
    """What can't be used, line by line; whether the person wants to go on without it."""
    told = [problem.sentence for problem in reading.problems]
    with st.container(key="set-problems"):
        for sentence in told[:PROBLEMS_SHOWN]:
            untrusted.error(sentence)
        if len(told) > PROBLEMS_SHOWN:
            untrusted.caption(f"… and {len(told) - PROBLEMS_SHOWN} more.")
    if not reading.rows:
        return False
    return st.toggle(
        f"Go on without the lines that can't be used ({numbers.count(len(reading.rows))} prompts)", key="set-without"
    )


def _judge(sets: state.SetsState, judged: int) -> None:
    """Who judges, and what it is asked, word for word."""
    st.markdown("**Judge**")
    place, words = st.columns(2, gap="medium") if not sets.narrow else (st.container(), st.container())
    with place:
        sets.judge = pick(sets.judge, "set-judge")
    with words, st.expander(f"What the judge is asked, for {numbers.count(judged)} prompts in each lane"):
        st.code(TEMPLATE, language=None, wrap_lines=True)


def _start(sets: state.SetsState, rows: tuple[Row, ...], judged: int) -> None:
    """How many at once, what it may cost, and the button."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="set-limits"):
        sets.concurrency = st.number_input(
            "At once", 1, MOST_AT_ONCE, sets.concurrency, key=set_actions.CONCURRENCY, width=120
        )
        sets.budget_usd = st.number_input(
            "Budget in USD",
            LEAST_BUDGET,
            MOST_BUDGET,
            sets.budget_usd,
            step=0.5,
            format="%.3f",
            key=set_actions.BUDGET,
            placeholder="no limit",
            width=160,
            help="The run rests before it costs more, what running calls may cost included.",
        )
    setup = RunSetup(lanes=tuple(sets.lanes), judge=sets.judge if judged else None, concurrency=sets.concurrency)
    size = Size.of([(row.prompt, row.expected) for row in rows], judged)
    expected = runtime.run(runtime.get_conductor().prompt_sets.expected(size, setup))
    untrusted.caption(words(expected))
    for sentence in expectation_line.objections(expected.lanes):
        untrusted.warning(sentence)
    why = expected.judge and (expected.judge.over_budget or expected.judge.closed)
    if why:
        untrusted.warning(f"Judge: {why}")
    if sets.keys and not _sends_keys(sets):
        return
    lanes = len(sets.lanes)
    st.button(
        untrusted.plain(f"Ask {_count(rows)} of {lanes} lane{'' if lanes == 1 else 's'}"),
        type="primary",
        icon=":material/play_arrow:",
        key="set-start",
        on_click=set_actions.begin,
        args=(setup, actions.new_form()),
    )


def _sends_keys(sets: state.SetsState) -> bool:
    """Before a key leaves: where it was seen, and the person's word."""
    lines = ", ".join(map(str, sets.keys[:10])) + (" …" if len(sets.keys) > 10 else "")
    untrusted.warning(f"What looks like a key is on line {lines}. It would go to the providers and into the history.")
    return st.toggle("Send it all the same", key="set-keys")


def words(expected: Expected) -> str:
    """`The run costs $0.42 to $3.10 in all.`"""
    if expected.unknown == len(expected.all):
        return "What the run costs is not known: no price is."
    beside = f", and what {expected.unknown} of unknown price cost" if expected.unknown else ""
    if not expected.high:
        return f"The run is free{beside}."
    low, high = numbers.money(expected.low), numbers.money(expected.high, CostKind.REPORTED)
    return (
        f"The run costs {low} to {high} in all, with answers as long as they usually are to as long as may be{beside}."
    )


def _previewed(row: Row) -> dict[str, str]:
    return {
        "Line": numbers.count(row.line),
        "Prompt": _short(row.prompt),
        "Expected": _short(row.expected) or numbers.MISSING,
        "Check": str(row.check or numbers.MISSING).replace("_", " "),
        "Tags": ", ".join(row.tags) or numbers.MISSING,
    }


def _short(text: str) -> str:
    line = " ".join(text[: 4 * CELL_CHARACTERS].split())
    return line if len(line) <= CELL_CHARACTERS else f"{line[:CELL_CHARACTERS]}…"


def _count(rows: tuple[Row, ...]) -> str:
    return f"{numbers.count(len(rows))} prompt{'' if len(rows) == 1 else 's'}"
