"""The Prompt sets page: from a pasted text to a run with its figures, its cells and what was said of both."""

from __future__ import annotations

import asyncio

import pytest
from streamlit.testing.v1 import AppTest

from conductor_core.kinds import CheckKind, RunState
from conductor_core.metrics.call import Call
from dashboard import runtime, state
from dashboard.components import set_grid
from tests.dashboard.app_pages.pages import Install, checked, opened, tables, words
from tests.prompt_sets.running import rows, setup
from tests.upstream import Upstream

PAGE = "prompt_sets"
CSV = "prompt,expected,tags\nWhere is the cathedral?,Köln,geo\nWho are you?,Paris,\n"


def pasted(page: AppTest, text: str) -> AppTest:
    """The page after reading this text."""
    page.text_area(key="set-paste").set_value(text)
    page.button(key="set-read").click().run()
    return checked(page, PAGE)


def run_of(page: AppTest) -> str:
    """The run the page shows, once it rests or is over."""
    named = page.query_params["run"]
    run_id = named if isinstance(named, str) else named[0]
    runtime.run(runtime.get_conductor().prompt_sets.wait(run_id))
    checked(page.run(), PAGE)
    return run_id


def begun(upstream: Upstream, install: Install, count: int = 3) -> tuple[AppTest, str]:
    """A finished run of as many prompts, opened by its address."""
    conductor = install(upstream)
    run_id = runtime.run(
        conductor.prompt_sets.begin(setup("m", "n"), name="quiz.csv", rows=rows(count, "köln", CheckKind.CONTAINS))
    )
    runtime.run(conductor.prompt_sets.wait(run_id))
    return opened(PAGE, run=run_id), run_id


def test_from_a_pasted_text_to_a_run(install: Install, upstream: Upstream) -> None:
    """Read, looked at, priced, run in both lanes; the answers are checked and the run has an address."""
    conductor = install(upstream)
    page = pasted(opened(PAGE), CSV)
    assert "Pasted prompts · 2 prompts" in words(page)
    second = tables(page)[0][0]
    assert tuple(second.values()) == ("2", "Where is the cathedral?", "Köln", "contains", "geo")
    page.segmented_control(key="lanes-set").set_value(2).run()
    assert "The run costs" in words(page).replace("\\", "")
    page.button(key="set-start").click().run()
    run_of(page)
    text = words(page).replace("\\", "")
    assert "50.0 % [9.5–90.5] n 2" in text
    assert "2 prompts × 2 lanes" in text
    assert len(page.get("plotly_chart")) == 3
    assert [run.state for run, _ in conductor.store.sets.runs()] == [RunState.DONE]
    assert {call.source for call in conductor.store.recent_calls(10)} == {"set"}


def test_lines_that_cannot_be_used_are_told_first(install: Install, upstream: Upstream) -> None:
    """With their numbers; nothing runs until they are mended or left out on purpose."""
    install(upstream)
    page = pasted(opened(PAGE), "prompt,check,expected\nfine,,\nodd,regex,(\nbad,nonsense,x\n")
    assert [error.value.replace("\\", "").partition(":")[0] for error in page.error] == ["Line 3", "Line 4"]
    assert not [button for button in page.button if button.key == "set-start"]
    page.toggle(key="set-without").set_value(True).run()
    assert page.button(key="set-start").label.startswith("Ask 1 prompt of")
    page.button(key="set-others").click().run()
    assert str(page.text_area(key="set-paste").value).startswith("prompt,check,expected")


def test_the_example_needs_no_change(install: Install, upstream: Upstream) -> None:
    """It is read without a complaint, and has every check but the judge's."""
    install(upstream)
    page = opened(PAGE)
    page.button(key="set-example").click().run()
    page.button(key="set-read").click().run()
    assert not page.error
    reading = page.session_state["_sets"].reading
    assert {row.check for row in reading.rows} == {*CheckKind, None} - {CheckKind.JUDGE}


def test_a_key_in_a_prompt_is_asked_about(install: Install, upstream: Upstream) -> None:
    """Where it was seen, and nothing is sent before the person says so."""
    install(upstream)
    page = pasted(opened(PAGE), "prompt\nhello\nmy key is sk-abcdefghijklmnopqrstuvwxyz0123456789ABCD\n")
    assert "What looks like a key is on line 3." in page.warning[0].value
    assert not [button for button in page.button if button.key == "set-start"]
    page.toggle(key="set-keys").set_value(True).run()
    assert page.button(key="set-start")


def test_a_judge_is_chosen_with_its_words_in_sight(install: Install, upstream: Upstream) -> None:
    """Another check for rows without one reads the prompts again; the judge's question is on the page."""
    install(upstream)
    page = pasted(opened(PAGE), CSV)
    page.selectbox(key="set-check").select("judge").run()
    assert any("VERDICT: PASS" in code.value for code in page.code)
    page.selectbox(key="provider-set-judge").select("openai").run()
    page.button(key="set-start").click().run()
    run_of(page)
    assert "judged by OpenAI" in words(page)
    assert "unclear" in words(page).lower()


def test_a_refused_start_loses_nothing(install: Install, upstream: Upstream) -> None:
    """A budget below what is expected is refused with both figures; prompts and lanes stay."""
    install(upstream)
    page = pasted(opened(PAGE), "prompt\n" + "hello\n" * 200)
    page.segmented_control(key="lanes-set").set_value(1).run()
    page.selectbox(key="provider-set-0").select("anthropic").run()
    page.number_input(key="set-budget").set_value(0.001).run()
    page.button(key="set-start").click().run()
    checked(page, PAGE)
    assert "The run is expected to cost at least" in page.error[0].value
    assert page.button(key="set-start").label == "Ask 200 prompts of 1 lane"


def test_a_run_is_paused_resumed_and_cancelled(install: Install, upstream: Upstream) -> None:
    """By its buttons, which come and go with its state."""
    conductor = install(upstream)
    upstream.behaviour = "delay-50"
    run_id = runtime.run(conductor.prompt_sets.begin(setup("m", concurrency=1), rows=rows(40)))
    page = opened(PAGE, run=run_id)
    page.button(key="set-pause").click().run()
    runtime.run(conductor.prompt_sets.wait(run_id))
    checked(page.run(), PAGE)
    assert "You paused it." in page.warning[0].value
    page.button(key="set-play_arrow").click().run()
    assert conductor.store.sets.run(run_id).state is RunState.RUNNING
    page.button(key="set-stop_circle").click().run()
    checked(page, PAGE)
    assert conductor.store.sets.run(run_id).state is RunState.CANCELLED
    assert {button.key for button in page.button if (button.key or "").startswith("set-")} >= {"set-again"}
    assert not [button for button in page.button if button.key == "set-play_arrow"]


def test_a_cell_is_opened_by_its_address(install: Install, upstream: Upstream) -> None:
    """With the whole answer, what was expected, and its facts."""
    _, run_id = begun(upstream, install)
    page = opened(PAGE, run=run_id, cell="2-1")
    text = words(page).replace("\\", "")
    assert "Check: contains · ✓ pass" in text
    assert "Grüße aus Köln" in text
    assert "Prompt 1" in text
    assert "first · " in text
    for nonsense in ("9-9", "1-5", "x", "0-0"):
        opened(PAGE, run=run_id, cell=nonsense)


def test_what_may_have_been_billed_twice_is_said(install: Install, upstream: Upstream) -> None:
    """Before resuming, and for good after it; in the cell, too."""
    conductor = install(upstream)
    upstream.behaviour = "words-50 gap-50"
    run_id = runtime.run(conductor.prompt_sets.begin(setup("m", concurrency=2), rows=rows(2)))
    runtime.run(_until_asked(upstream, 2))
    upstream.behaviour = ""
    conductor = install(upstream)
    page = opened(PAGE, run=run_id)
    assert "2 answers were cut off when Conductor ended. Resuming" in page.warning[1].value
    runtime.run(conductor.prompt_sets.resume(run_id))
    runtime.run(conductor.prompt_sets.wait(run_id))
    page = opened(PAGE, run=run_id, cell="1-1")
    assert "2 answers were cut off when Conductor ended, and asked again" in page.warning[0].value
    assert "it may have been billed so often more" in page.warning[1].value


async def _until_asked(upstream: Upstream, count: int) -> None:
    while len(upstream.requests) < count:
        await asyncio.sleep(0.01)


def test_the_grid_is_filtered(install: Install, upstream: Upstream) -> None:
    """By tag and by what failed; it is sent a page at a time."""
    page, run_id = begun(upstream, install, 60)
    view = runtime.get_conductor().prompt_sets.view(run_id)
    data = set_grid.data_of(view, list(range(25)), 0, 3, 60)
    assert [row["number"] for row in data["rows"]] == list(range(1, 26))
    assert data["rows"][0]["cells"][1] | {"facts": ""} == {
        "place": "1-2",
        "words": "✓ pass",
        "kind": "pass",
        "facts": "",
    }
    page.selectbox(key=f"set-tag-{run_id}").select("even").run()
    page.toggle(key=f"set-failed-{run_id}").set_value(True).run()
    checked(page, PAGE)


def test_a_run_again_is_of_the_saved_prompts(install: Install, upstream: Upstream) -> None:
    """And a deleted one is gone, once the person has said so."""
    page, run_id = begun(upstream, install)
    page.button(key="set-again").click().run()
    assert "quiz.csv · 3 prompts" in words(page)
    page.segmented_control(key="lanes-set").set_value(1).run()
    page.button(key="set-start").click().run()
    second = run_of(page)
    assert second != run_id
    page.button(key="set-delete").click().run()
    page.button(key="set-delete-now").click().run()
    checked(page, PAGE)
    assert [run.id for run, _ in runtime.get_conductor().store.sets.runs()] == [run_id]
    assert "This run or prompt set does not exist" in opened(PAGE, run=second).error[0].value


def test_a_saved_set_is_deleted_with_its_runs(install: Install, upstream: Upstream) -> None:
    """Found under the saved sets, asked about, gone."""
    begun(upstream, install)
    store = runtime.get_conductor().store.sets
    page = opened(PAGE)
    page.button(key=f"set-{store.sets()[0].id}").click().run()
    page.button(key="set-delete").click().run()
    assert "Delete this set and its 1 run?" in words(page)
    page.button(key="set-delete-now").click().run()
    checked(page, PAGE)
    assert (store.sets(), store.runs()) == ([], [])


def test_health_leads_to_the_run(install: Install, upstream: Upstream) -> None:
    """From the details of one of its calls."""
    _, run_id = begun(upstream, install)
    call: Call = runtime.get_conductor().store.calls_of(run_id)[0]
    page = opened("health", call=call.id)
    links = [link.proto.query_string for link in page.get("page_link")]
    assert f"run={run_id}" in links


@pytest.mark.parametrize("source", ["", "nothing useful", '{"prompt": 1}'])
def test_what_is_no_set_is_said(install: Install, source: str) -> None:
    """In a sentence, and the text stays."""
    install()
    page = pasted(opened(PAGE), source)
    assert page.error
    kept: state.SetsState = page.session_state["_sets"]
    assert kept.typed == source
