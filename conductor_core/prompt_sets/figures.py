"""How a run stands and how its lanes did: made of its cells alone, whoever runs it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import ceil

from conductor_core.kinds import CellState, CheckResult, CostKind
from conductor_core.store.set_rows import SetCell, SetRun, Spent


@dataclass(frozen=True, slots=True)
class LaneFigures:
    """One lane of a run. Times in ms of the answers given, costs in USD; None is "not known", never zero.

    Attributes:
        done, failed, stopped: cells by how they ended.
        passed, failed_checks, unclear: answers by what their check came to; unclear ones are in no rate.
        unpriced: answers whose price is unknown; they are not in `cost_usd`.
        estimated: some of the cost is.
    """

    lane: int
    done: int
    failed: int
    stopped: int
    passed: int
    failed_checks: int
    unclear: int
    latency_p50: float | None
    latency_p95: float | None
    ttft_p50: float | None
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    unpriced: int
    estimated: bool
    free: bool

    @property
    def checked(self) -> int:
        """Answers in the pass rate."""
        return self.passed + self.failed_checks

    @property
    def answer_usd(self) -> float | None:
        """What an answer cost on average."""
        priced = self.done - self.unpriced
        return self.cost_usd / priced if self.cost_usd is not None and priced > 0 else None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        ended: cells that ended, of `run.cells`.
        running: cells being asked or judged now.
        spent: on all its calls, running ones with what is held for them.
        again: cells that were cut off by Conductor's end and asked again: so many may have been billed twice.
        cut_off: cells that were cut off and wait to be asked again.
        seconds_left: None when it does not run, or nobody can tell yet.
    """

    run: SetRun
    ended: int
    running: int
    failed: int
    spent: Spent
    again: int
    cut_off: int
    seconds_left: float | None


def progress_of(run: SetRun, cells: Sequence[SetCell], spent: Spent, now: int) -> Progress:
    """How far a run is at `now` (UTC ms), going on as fast as since it last began."""
    ended = sum(cell.state.ended for cell in cells)
    lately = sum(cell.state.ended and (cell.ended_at or 0) >= run.resumed_at for cell in cells)
    passed = now - run.resumed_at
    goes = run.state == "running" and lately and passed > 0
    cut = sum(cell.state in (CellState.INTERRUPTED, CellState.UNJUDGED) and bool(cell.interruptions) for cell in cells)
    return Progress(
        run=run,
        ended=ended,
        running=sum(cell.state in (CellState.RUNNING, CellState.JUDGING) for cell in cells),
        failed=sum(cell.state is CellState.FAILED for cell in cells),
        spent=spent,
        again=sum(bool(cell.interruptions) for cell in cells) - cut,
        cut_off=cut,
        seconds_left=(run.cells - ended) * passed / lately / 1000 if goes else None,
    )


def lanes_of(cells: Sequence[SetCell], lanes: int) -> list[LaneFigures]:
    """The figures of every lane."""
    return [_lane(lane, [cell for cell in cells if cell.lane == lane]) for lane in range(lanes)]


def chosen(
    cells: Sequence[SetCell], tags: Sequence[tuple[int, str, tuple[str, ...]]], tag: str, *, failed: bool
) -> list[int]:
    """The numbers of the prompts with a tag (empty: any), of those with a failed cell or check alone if asked for."""
    wanted = [number for number, _, have in tags if not tag or tag in have]
    if not failed:
        return wanted
    bad = {cell.number for cell in cells if is_bad(cell)}
    return [number for number in wanted if number in bad]


def is_bad(cell: SetCell) -> bool:
    """Whether a cell has no answer, or one that did not pass."""
    return cell.state is CellState.FAILED or cell.result in (CheckResult.FAIL, CheckResult.UNCLEAR)


def _lane(lane: int, cells: Sequence[SetCell]) -> LaneFigures:
    done = [cell for cell in cells if cell.state is CellState.DONE]
    costs = [cell.cost_usd for cell in done if cell.cost_usd is not None]
    kinds = {cell.cost_kind for cell in done}
    return LaneFigures(
        lane=lane,
        done=len(done),
        failed=_count(cells, lambda cell: cell.state is CellState.FAILED),
        stopped=_count(cells, lambda cell: cell.state is CellState.STOPPED),
        passed=_count(done, lambda cell: cell.result is CheckResult.PASS),
        failed_checks=_count(done, lambda cell: cell.result is CheckResult.FAIL),
        unclear=_count(done, lambda cell: cell.result is CheckResult.UNCLEAR),
        latency_p50=_percentile([cell.latency_ms for cell in done], 0.5),
        latency_p95=_percentile([cell.latency_ms for cell in done], 0.95),
        ttft_p50=_percentile([cell.ttft_ms for cell in done], 0.5),
        prompt_tokens=sum(cell.prompt_tokens or 0 for cell in done),
        completion_tokens=sum(cell.completion_tokens or 0 for cell in done),
        cost_usd=sum(costs) if costs else None,
        unpriced=len(done) - len(costs),
        estimated=CostKind.ESTIMATED in kinds,
        free=bool(kinds) and kinds == {CostKind.FREE},
    )


def _count(cells: Collection[SetCell], counts: Callable[[SetCell], bool]) -> int:
    return sum(map(counts, cells))


def _percentile(values: Sequence[float | None], share: float) -> float | None:
    """The smallest value that at least this share of them does not exceed (nearest rank)."""
    known = sorted(value for value in values if value is not None)
    return known[ceil(share * len(known)) - 1] if known else None
