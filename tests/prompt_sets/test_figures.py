"""What a run's page says, from cells alone."""

from __future__ import annotations

import pytest

from conductor_core.kinds import CellState, CheckResult, CostKind, RunState
from conductor_core.prompt_sets.figures import chosen, lanes_of, progress_of
from conductor_core.store.set_rows import SetCell, SetRun, Spent

SPENT = Spent(calls=3, usd=0.5, unpriced=1, estimated=False)


def run(state: RunState = RunState.RUNNING) -> SetRun:
    return SetRun("r", "s", {}, None, 20, 0, 10_000, None, state, "", "", "")


def cell(number: int, lane: int, state: CellState, **known: object) -> SetCell:
    made = SetCell.of("r", number, lane)
    made.state = state
    for name, value in known.items():
        setattr(made, name, value)
    return made


def test_the_time_left_goes_by_this_stretch_alone() -> None:
    """Cells that had ended before the run was resumed say nothing of how fast it is now."""
    before = [cell(at, 0, CellState.DONE, ended_at=9_000) for at in range(8)]
    now = [cell(8 + at, 0, CellState.DONE, ended_at=12_000) for at in range(4)]
    assert progress_of(run(), before + now, SPENT, 14_000).seconds_left == pytest.approx(8.0)
    assert progress_of(run(), before, SPENT, 14_000).seconds_left is None
    assert progress_of(run(RunState.PAUSED), before + now, SPENT, 14_000).seconds_left is None


def test_what_was_cut_off_is_counted_until_it_was_asked_again() -> None:
    """Then it counts among those that may have been billed twice; one that was cut off twice is one."""
    cells = [
        cell(0, 0, CellState.INTERRUPTED, interruptions=1),
        cell(1, 0, CellState.UNJUDGED, interruptions=1),
        cell(2, 0, CellState.UNJUDGED),
        cell(3, 0, CellState.DONE, interruptions=2),
        cell(4, 0, CellState.JUDGING),
        cell(5, 0, CellState.FAILED),
    ]
    progress = progress_of(run(), cells, SPENT, 14_000)
    assert (progress.cut_off, progress.again) == (2, 1)
    assert (progress.ended, progress.running, progress.failed) == (2, 1, 1)


def test_a_lane_is_its_answers() -> None:
    """Failed cells are in no time and no rate, unclear checks in no rate; an unknown price is told, not taken as 0."""
    cells = [
        cell(
            0, 0, CellState.DONE, latency_ms=100.0, cost_usd=0.2, cost_kind=CostKind.REPORTED, result=CheckResult.PASS
        ),
        cell(
            1, 0, CellState.DONE, latency_ms=300.0, cost_usd=0.4, cost_kind=CostKind.ESTIMATED, result=CheckResult.FAIL
        ),
        cell(2, 0, CellState.DONE, latency_ms=200.0, cost_kind=CostKind.UNKNOWN, result=CheckResult.UNCLEAR),
        cell(3, 0, CellState.FAILED, latency_ms=9000.0),
        cell(0, 1, CellState.STOPPED, latency_ms=5.0),
    ]
    first, second = lanes_of(cells, 2)
    assert (first.done, first.failed, first.passed, first.checked, first.unclear) == (3, 1, 1, 2, 1)
    assert (first.latency_p50, first.latency_p95) == (200.0, 300.0)
    assert first.cost_usd == pytest.approx(0.6)
    assert (first.unpriced, first.estimated) == (1, True)
    assert first.answer_usd == pytest.approx(0.3)
    assert (second.stopped, second.latency_p50, second.cost_usd, second.answer_usd) == (1, None, None, None)


def test_prompts_are_chosen_by_tag_and_failure() -> None:
    """In any lane; both together."""
    facets = [(0, "", ("a",)), (1, "", ("a", "b")), (2, "", ())]
    cells = [cell(1, 0, CellState.DONE, result=CheckResult.FAIL), cell(2, 1, CellState.FAILED)]
    assert chosen(cells, facets, "", failed=False) == [0, 1, 2]
    assert chosen(cells, facets, "a", failed=False) == [0, 1]
    assert chosen(cells, facets, "", failed=True) == [1, 2]
    assert chosen(cells, facets, "b", failed=True) == [1]
