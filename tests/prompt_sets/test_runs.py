"""Runs of prompt sets: to the end, within a budget, paused, cancelled, resumed, judged; on both databases."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest

from conductor_core.conductor import Conductor
from conductor_core.errors import InvalidRequest, NotConfigured, NotFound
from conductor_core.kinds import CellState, CheckKind, CheckResult, CostKind, RunState, Source
from conductor_core.prompt_sets import files
from conductor_core.prompt_sets.figures import chosen
from conductor_core.prompt_sets.reading import Row
from conductor_core.prompt_sets.setup import RunSetup, Size
from conductor_core.secret import Secret
from conductor_core.turns import LaneSetup
from tests.installation import installation
from tests.prompt_sets.running import asked, rows, setup
from tests.upstream import Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """Where the lanes are."""
    async with Upstream() as made:
        yield made


@pytest.fixture
async def conductor(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Conductor]:
    """An installation on a file."""
    async with installation(tmp_path / "home", upstream) as opened:
        yield opened


async def ended(conductor: Conductor, run_id: str, count: int) -> None:
    """Until so many cells have ended."""
    while conductor.prompt_sets.view(run_id).progress.ended < count:
        await asyncio.sleep(0.005)


async def test_every_prompt_is_asked_of_every_lane_once(
    tmp_path: Path, upstream: Upstream, database_url: Secret | None
) -> None:
    """Each is a recorded call of its own source; texts, tags and figures are what they were."""
    database = {"CONDUCTOR_DATABASE_URL": database_url.reveal()} if database_url else {}
    async with installation(tmp_path / "home", upstream, **database) as conductor:
        sets = conductor.prompt_sets
        run_id = await sets.begin(
            setup("gpt-4.1-mini", "gpt-4.1"), name="My prompts.csv", rows=rows(5, "köln", CheckKind.CONTAINS)
        )
        await sets.wait(run_id)
        view = sets.view(run_id)
        assert (view.run.state, view.name, view.run.cells) == (RunState.DONE, "My prompts.csv", 10)
        assert (view.progress.ended, view.progress.running, view.progress.again) == (10, 0, 0)
        assert asked(upstream) == {
            (model, f"Prompt {at}"): 1 for model in ("gpt-4.1-mini", "gpt-4.1") for at in range(5)
        }
        calls = conductor.store.calls_of(run_id)
        assert {call.source for call in calls} == {Source.SET}
        assert {call.lane_id for call in calls} == {cell.id for cell in view.cells}
        assert view.progress.spent.usd == pytest.approx(sum(call.cost_usd or 0 for call in calls))
        assert [(lane.done, lane.passed, lane.checked) for lane in view.lanes] == [(5, 5, 5)] * 2
        assert view.lanes[0].cost_usd is not None
        assert all(lane.latency_p50 and lane.ttft_p50 for lane in view.lanes)
        prompt, cell = sets.cell(run_id, 4, 1)
        assert (prompt.prompt, prompt.tags, cell.model) == ("Prompt 4", ("even",), "gpt-4.1")
        assert cell.answer.startswith("Grüße aus Köln")
        assert (cell.cost_kind, cell.result, cell.request_id) == (
            CostKind.REPORTED,
            CheckResult.PASS,
            calls[-1].request_id,
        )
        assert [run.id for run, _ in conductor.store.sets.runs()] == [run_id]
        assert chosen(view.cells, view.facets, "even", failed=False) == [0, 2, 4]
        assert chosen(view.cells, view.facets, "", failed=True) == []


async def test_a_set_is_run_again(conductor: Conductor, upstream: Upstream) -> None:
    """Without being read once more; the same form twice is one run."""
    sets = conductor.prompt_sets
    first = await sets.begin(setup("m"), rows=rows(2), key="form")
    assert await sets.begin(setup("m"), rows=rows(2), key="form") == first
    set_id = sets.view(first).run.set_id
    second = await sets.begin(setup("n"), set_id=set_id)
    for run_id in (first, second):
        await sets.wait(run_id)
    assert [run.id for run, _ in conductor.store.sets.runs()] == [second, first]
    assert sets.view(first).name == "Prompt 0"
    assert len(conductor.store.sets.sets()) == 1
    assert set(asked(upstream).values()) == {1}


async def test_no_more_run_at_once_than_asked(conductor: Conductor, upstream: Upstream) -> None:
    """Three of them, and three when there is enough to do."""
    upstream.behaviour = "delay-30"
    sets = conductor.prompt_sets
    run_id = await sets.begin(setup("m", "n", concurrency=3), rows=rows(6))
    most = 0
    while (view := sets.view(run_id)).run.state is RunState.RUNNING:
        most = max(most, view.progress.running)
        await asyncio.sleep(0.003)
    assert most == 3


async def test_a_paused_run_goes_on_where_it_was(conductor: Conductor, upstream: Upstream) -> None:
    """What ran ends as usual; nothing is asked twice; the time left is told while it runs."""
    upstream.behaviour = "delay-20"
    sets = conductor.prompt_sets
    run_id = await sets.begin(setup("m", "n", concurrency=2), rows=rows(8))
    await ended(conductor, run_id, 3)
    assert (sets.view(run_id).progress.seconds_left or 0) > 0
    await sets.pause(run_id)
    await sets.wait(run_id)
    view = sets.view(run_id)
    assert (view.run.state, view.run.reason) == (RunState.PAUSED, "You paused it.")
    assert 3 <= view.progress.ended < 16
    assert view.progress.running == 0
    assert view.progress.seconds_left is None
    await sets.resume(run_id)
    await sets.wait(run_id)
    assert sets.view(run_id).run.state is RunState.DONE
    assert len(asked(upstream)) == 16
    assert set(asked(upstream).values()) == {1}
    with pytest.raises(InvalidRequest, match="This run is done"):
        await sets.resume(run_id)


async def test_cancelling_stops_at_once_and_for_good(conductor: Conductor, upstream: Upstream) -> None:
    """What had arrived is kept."""
    upstream.behaviour = "words-500 gap-10"
    sets = conductor.prompt_sets
    run_id = await sets.begin(setup("m"), rows=rows(9))
    while len(upstream.requests) < 4:
        await asyncio.sleep(0.005)
    await sets.cancel(run_id)
    view = sets.view(run_id)
    assert (view.run.state, view.lanes[0].stopped) == (RunState.CANCELLED, 4)
    assert [cell.state for cell in view.cells] == [CellState.STOPPED] * 4
    await asyncio.gather(*(one.hung_up.wait() for one in upstream.requests))
    with pytest.raises(InvalidRequest):
        await sets.resume(run_id)


async def test_a_run_rests_before_it_costs_more(conductor: Conductor, upstream: Upstream) -> None:
    """However many run at once, and however long answers are; with a higher budget it goes on."""
    upstream.behaviour = "words-400"
    sets = conductor.prompt_sets
    chosen_setup = setup("gpt-4.1", concurrency=8)
    one = (await sets.expected(Size(1, 0, 8, 0), chosen_setup)).high
    run_id = await sets.begin(chosen_setup, rows=rows(20), budget_usd=2.5 * one)
    await sets.wait(run_id)
    view = sets.view(run_id)
    assert view.run.state is RunState.PAUSED
    assert view.run.reason.startswith("Its budget of $0.02 has no room for the next call: $0.01")
    assert 0 < view.progress.ended < 20
    assert view.progress.spent.usd <= 2.5 * one
    await sets.resume(run_id, 40 * one)
    await sets.wait(run_id)
    assert sets.view(run_id).run.state is RunState.DONE
    assert set(asked(upstream).values()) == {1}


@pytest.mark.parametrize(
    ("model", "budget", "sentence"),
    [
        ("gpt-4.1", 0.0, "budget: a run can have"),
        ("gpt-4.1", 0.001, "The run is expected to cost at least"),
        ("nobodys-model", 1.0, "A price is unknown, and the run's budget needs one."),
    ],
)
async def test_a_budget_that_makes_no_sense_is_refused(
    conductor: Conductor, model: str, budget: float, sentence: str
) -> None:
    """Before anything is saved or sent."""
    with pytest.raises(InvalidRequest) as refused:
        await conductor.prompt_sets.begin(setup(model), rows=rows(10), budget_usd=budget)
    assert str(refused.value).startswith(sentence)
    assert conductor.store.sets.sets() == []


async def test_what_can_only_fail_is_refused(conductor: Conductor) -> None:
    """A lane without a key, a judge that is missing, nothing to ask."""
    sets = conductor.prompt_sets
    with pytest.raises(NotConfigured, match="GROQ_API_KEY"):
        await sets.begin(RunSetup(lanes=(LaneSetup(provider="groq"),)), rows=rows(1))
    with pytest.raises(InvalidRequest, match="Choose a model"):
        await sets.begin(setup("m"), rows=rows(1, "x", CheckKind.JUDGE))
    with pytest.raises(InvalidRequest, match=r"lanes\.0\.model"):
        await sets.begin(setup("no such name"), rows=rows(1))
    with pytest.raises(InvalidRequest, match="nothing to ask"):
        await sets.begin(setup("m"))


async def test_failed_cells_are_told_and_asked_again(conductor: Conductor, upstream: Upstream) -> None:
    """The provider's fault stands in the cell; the others are not asked again."""
    sets = conductor.prompt_sets
    run_id = await sets.begin(setup("m-status-400-first-2", "n", concurrency=1), rows=rows(3))
    await sets.wait(run_id)
    view = sets.view(run_id)
    assert (view.run.state, view.progress.failed, view.lanes[0].failed) == (RunState.DONE, 2, 2)
    assert "refused" in sets.cell(run_id, 0, 0)[1].failure
    assert chosen(view.cells, view.facets, "", failed=True) == [0, 1]
    await sets.ask_failed_again(run_id)
    await sets.wait(run_id)
    assert sets.view(run_id).progress.failed == 0
    assert sorted(asked(upstream).values()) == [1, 1, 1, 1, 2, 2]


async def test_a_provider_that_is_passed_over_is_waited_for(tmp_path: Path, upstream: Upstream) -> None:
    """Its breaker opens after three failures; the other cells wait for it to recover, and are not lost to it."""
    async with installation(
        tmp_path / "home", upstream, CONDUCTOR_BREAKER_PAUSE="0.2", CONDUCTOR_ATTEMPTS="1"
    ) as conductor:
        sets = conductor.prompt_sets
        run_id = await sets.begin(setup("m-status-500-first-3", concurrency=1), rows=rows(12))
        await sets.wait(run_id)
        view = sets.view(run_id)
        assert view.run.state is RunState.DONE
        assert view.progress.failed == 3
        assert set(asked(upstream).values()) == {1}


async def test_a_budget_of_the_installation_makes_it_rest(tmp_path: Path, upstream: Upstream) -> None:
    """With that budget's own sentence; nothing is marked as failed."""
    async with installation(tmp_path / "home", upstream, CONDUCTOR_BUDGET_DAY="0.02") as conductor:
        sets = conductor.prompt_sets
        run_id = await sets.begin(setup("gpt-4.1", concurrency=1), rows=rows(400))
        await sets.wait(run_id)
        view = sets.view(run_id)
        assert view.run.state is RunState.PAUSED
        assert view.run.reason.startswith("Today's budget of $0.02")
        assert view.progress.failed == 0
        assert 0 < view.progress.ended < 400


async def test_a_judge_says_what_passes(conductor: Conductor, upstream: Upstream) -> None:
    """In its own recorded call; a judge that keeps to no form makes it unclear."""
    sets = conductor.prompt_sets
    run_id = await sets.begin(setup("m", judge="judge"), rows=rows(2, "Köln", CheckKind.JUDGE))
    await sets.wait(run_id)
    prompt, cell = sets.cell(run_id, 0, 0)
    assert (cell.state, cell.result) == (CellState.DONE, CheckResult.UNCLEAR)
    assert cell.judged.startswith("Grüße")
    assert cell.answer.startswith("Grüße")
    assert len(conductor.store.calls_of(run_id)) == 4
    question = next(one for one in upstream.requests if one.model == "judge").body["messages"][-1]["content"]
    assert prompt.prompt in question
    assert f"=== ANSWER ===\n{cell.answer}" in question
    upstream.says = ("VERDICT: FAIL",)
    again = await sets.begin(setup("m", judge="words-1"), set_id=prompt.set_id)
    await sets.wait(again)
    assert sets.view(again).lanes[0].failed_checks == 2


async def test_a_run_that_is_closed_in_mid_cell_is_resumed(
    tmp_path: Path, upstream: Upstream, database_url: Secret | None
) -> None:
    """An ordinary end cuts cells off like a kill: they are asked again, and it is said that they may cost twice."""
    database = {"CONDUCTOR_DATABASE_URL": database_url.reveal()} if database_url else {}
    upstream.behaviour = "words-5 gap-40"
    async with installation(tmp_path / "home", upstream, **database) as conductor:
        run_id = await conductor.prompt_sets.begin(setup("m", concurrency=2), rows=rows(6))
        await ended(conductor, run_id, 2)
    upstream.behaviour = ""
    async with installation(tmp_path / "home", upstream, **database) as conductor:
        sets = conductor.prompt_sets
        view = sets.view(run_id)
        assert (view.run.state, view.run.reason) == (
            RunState.INTERRUPTED,
            "Conductor ended while it was running.",
        )
        cut = view.progress.cut_off
        await sets.resume(run_id)
        await sets.wait(run_id)
        view = sets.view(run_id)
        assert (view.run.state, view.progress.again, view.progress.cut_off) == (RunState.DONE, cut, 0)
        assert sum(count - 1 for count in asked(upstream).values()) <= cut
        assert len(asked(upstream)) == 6


async def test_results_are_files(conductor: Conductor, upstream: Upstream) -> None:
    """One line per prompt and lane; formulas are disarmed in CSV and as they were in JSON lines."""
    upstream.says = ("=1+1",)
    sets = conductor.prompt_sets
    run_id = await sets.begin(
        setup("words-1", "words-2"), rows=[Row(2, "@prompt", "=1", CheckKind.CONTAINS, ("a", "b")), *rows(1)]
    )
    await sets.wait(run_id)
    store, run = conductor.store.sets, sets.view(run_id).run
    lines = list(csv.DictReader(StringIO("".join(files.csv(store, run)))))
    assert len(lines) == 4
    assert (lines[0]["prompt"], lines[0]["answer"], lines[0]["tags"]) == ("'@prompt", "'=1+1 ", "a, b")
    assert (lines[0]["result"], lines[1]["lane"], lines[1]["state"]) == ("pass", "2", "done")
    told = [json.loads(line) for line in "".join(files.jsonl(store, run)).splitlines()]
    assert (told[0]["prompt"], told[0]["answer"], told[0]["tags"]) == ("@prompt", "=1+1 ", ["a", "b"])
    assert told[3]["ended_at"].endswith("+00:00")


async def test_a_run_is_deleted_for_good(conductor: Conductor, upstream: Upstream) -> None:
    """While it runs, too; its calls keep their numbers and forget where they came from."""
    upstream.behaviour = "words-500 gap-10"
    sets = conductor.prompt_sets
    run_id = await sets.begin(setup("m"), rows=rows(3))
    await sets.delete_run(run_id)
    with pytest.raises(NotFound, match="This run or prompt set does not exist"):
        sets.view(run_id)
    assert conductor.store.sets.cells(run_id) == []
    assert conductor.store.calls_of(run_id) == []
    assert len(conductor.store.sets.sets()) == 1
