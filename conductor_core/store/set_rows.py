"""Prompt sets, their runs and cells: as they are kept, read and written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import Any, TypeVar

import orjson
from sqlalchemy import Executable, Table, case, func, select

from conductor_core.errors import NotFound
from conductor_core.kinds import CellState, CheckKind, CheckResult, CostKind, RunState
from conductor_core.store.saved import Saved
from conductor_core.store.statements import Statements
from conductor_core.store.tables import calls, prompt_sets, set_cells, set_prompts, set_runs
from conductor_core.store.writer import Writer

R = TypeVar("R")
BLOCK = 100
"""Prompts read at once by whoever goes through all of them."""


@dataclass(frozen=True, slots=True)
class PromptSet:
    """Fields are the columns of `prompt_sets`. `prompts` counts them; times are UTC in ms."""

    id: str
    name: str
    created_at: int
    prompts: int


@dataclass(frozen=True, slots=True)
class SetPrompt:
    """One prompt of a set. Fields are the columns of `set_prompts`.

    Attributes:
        number: from 0, within the set.
        line: of the file it was read from.
        expected: what its check needs: a text, a pattern, a schema, what the judge is to go by; may be empty.
        check_kind: None when its answers are not checked.
    """

    id: str
    set_id: str
    number: int
    line: int
    prompt: str
    expected: str
    check_kind: CheckKind | None
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetRun:
    """One run of a set. Fields are the columns of `set_runs`; times are UTC in ms.

    Attributes:
        cells: how many there are to be: prompts × lanes.
        resumed_at: when it last began to run.
        reason: why it does not run, as a sentence.
        asked: what whoever runs it is to do (`pause`, `cancel`); empty: go on.
        claim: names one stretch of running.
    """

    id: str
    set_id: str
    setup: dict[str, Any]
    budget_usd: float | None
    cells: int
    created_at: int
    resumed_at: int
    ended_at: int | None
    state: RunState
    reason: str
    asked: str
    claim: str


@dataclass(slots=True)
class SetCell:
    """One prompt in one lane of a run. Fields are the columns of `set_cells`; times are UTC in ms, costs in USD.

    Attributes:
        interruptions: how often Conductor ended while it ran: so often it may have been billed once more.
        result: of its check; None: not checked (yet).
        note: why the check did not pass.
        judged: all that the judge said.
        cost_usd: of all attempts and the judge, when last asked.
    """

    id: str
    run_id: str
    number: int
    lane: int
    state: CellState = CellState.WAITING
    interruptions: int = 0
    provider: str = ""
    model: str = ""
    answer: str = ""
    failure: str = ""
    result: CheckResult | None = None
    note: str = ""
    judged: str = ""
    request_id: str = ""
    ttft_ms: float | None = None
    latency_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    cost_kind: CostKind = CostKind.UNKNOWN
    started_at: int = 0
    ended_at: int | None = None

    @classmethod
    def of(cls, run_id: str, number: int, lane: int) -> SetCell:
        """One that was not begun yet; its id follows from its place, so that it can't be there twice."""
        return cls(sha256(f"cell {run_id} {number} {lane}".encode()).hexdigest()[:32], run_id, number, lane)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run cost: how many calls, their USD, how many have no known price, and whether some is our estimate."""

    calls: int
    usd: float
    unpriced: int
    estimated: bool


_TEXTS = ("answer", "judged")
"""Columns a grid does not need."""


def _columns(table: Table, kind: type) -> list[Any]:
    return [table.c[field.name] for field in fields(kind)]


_set_columns = _columns(prompt_sets, PromptSet)
_prompt_columns = _columns(set_prompts, SetPrompt)
_run_columns = _columns(set_runs, SetRun)
_cell_columns = _columns(set_cells, SetCell)
_grid_columns = [column for column in _cell_columns if column.name not in _TEXTS]


class SetRows:
    """What the store knows of prompt sets.

    Args:
        rows: reads.
        copy: which copy of the app this is.
    """

    def __init__(
        self,
        rows: Callable[[Executable], list[Any]],
        writer: Writer,
        statements: Statements,
        copy: Callable[[], int],
    ) -> None:
        self._rows = rows
        self._writer = writer
        self._statements = statements
        self._copy = copy

    def sets(self, limit: int = 50) -> list[PromptSet]:
        """The newest first."""
        wanted = select(*_set_columns).order_by(prompt_sets.c.created_at.desc(), prompt_sets.c.id)
        return [PromptSet(*row) for row in self._rows(wanted.limit(limit))]

    def prompt_set(self, id: str) -> PromptSet:
        """One set.

        Raises:
            NotFound: there is none.
        """
        return _only([PromptSet(*row) for row in self._rows(select(*_set_columns).where(prompt_sets.c.id == id))])

    def prompts(self, set_id: str, since: int = 0, limit: int | None = None) -> list[SetPrompt]:
        """Those of a set from number `since` on, in order."""
        wanted = select(*_prompt_columns).where(set_prompts.c.set_id == set_id, set_prompts.c.number >= since)
        found = self._rows(wanted.order_by(set_prompts.c.number).limit(limit))
        return [_prompt_from(row) for row in found]

    def blocks(self, set_id: str) -> Iterator[list[SetPrompt]]:
        """All of them, so many at once."""
        number = 0
        while found := self.prompts(set_id, number, BLOCK):
            yield found
            number = found[-1].number + 1

    def prompt(self, set_id: str, number: int) -> SetPrompt:
        """One prompt.

        Raises:
            NotFound: there is none.
        """
        return _only([found for found in self.prompts(set_id, number, 1) if found.number == number])

    def facets(self, set_id: str) -> list[tuple[int, str, tuple[str, ...]]]:
        """Of every prompt its number, its check (may be empty) and its tags."""
        wanted = select(set_prompts.c.number, set_prompts.c.check_kind, set_prompts.c.tags)
        found = self._rows(wanted.where(set_prompts.c.set_id == set_id).order_by(set_prompts.c.number))
        return [(number, kind, tuple(tags)) for number, kind, tags in found]

    def runs(self, limit: int = 50, offset: int = 0) -> list[tuple[SetRun, str]]:
        """The newest first, each with its set's name."""
        wanted = select(*_run_columns, prompt_sets.c.name).join(prompt_sets, prompt_sets.c.id == set_runs.c.set_id)
        newest = wanted.order_by(set_runs.c.created_at.desc(), set_runs.c.id).limit(limit).offset(offset)
        return [(_run_from(row[:-1]), row[-1]) for row in self._rows(newest)]

    def run(self, id: str) -> SetRun:
        """One run.

        Raises:
            NotFound: there is none, or it was deleted.
        """
        return _only([_run_from(row) for row in self._rows(select(*_run_columns).where(set_runs.c.id == id))])

    def cells(self, run_id: str, numbers: Sequence[int] | None = None) -> list[SetCell]:
        """Those that were begun, by number and lane; whole.

        Args:
            numbers: of these prompts only.
        """
        wanted = select(*_cell_columns).where(set_cells.c.run_id == run_id)
        if numbers is not None:
            wanted = wanted.where(set_cells.c.number.in_(numbers))
        return [_cell_from(row) for row in self._rows(wanted.order_by(set_cells.c.number, set_cells.c.lane))]

    def grid(self, run_id: str) -> list[SetCell]:
        """The same, all of them, without their texts."""
        wanted = select(*_grid_columns).where(set_cells.c.run_id == run_id)
        names = [column.name for column in _grid_columns]
        found = self._rows(wanted.order_by(set_cells.c.number, set_cells.c.lane))
        return [_typed(SetCell(**dict(zip(names, row, strict=True)))) for row in found]

    def spent(self, run_id: str) -> Spent:
        """What all calls of a run cost so far, running ones with what is held for them."""
        estimated = func.sum(case((calls.c.cost_kind == CostKind.ESTIMATED, 1), else_=0))
        wanted = select(
            func.count(), func.sum(calls.c.cost_usd), func.count() - func.count(calls.c.cost_usd), estimated
        )
        count, usd, unpriced, guessed = self._rows(wanted.where(calls.c.conversation_id == run_id))[0]
        return Spent(int(count), usd or 0.0, int(unpriced), bool(guessed))

    def runs_of(self, set_id: str) -> list[str]:
        """The runs of a set."""
        return [row[0] for row in self._rows(select(set_runs.c.id).where(set_runs.c.set_id == set_id))]

    def save(self, one: PromptSet, prompts: Iterable[SetPrompt]) -> list[Saved]:
        """Inserts a set with its prompts; once."""
        submit, statements = self._writer.submit, self._statements
        saved = [submit(statements.save_set, _row(one), one.id)]
        saved += [submit(statements.save_set_prompt, _prompt_row(prompt), prompt.id) for prompt in prompts]
        return saved

    def save_run(self, run: SetRun) -> Saved:
        """Inserts a run; once.

        The future fails with `NotFound` if its set doesn't exist.
        """
        row = list(_row(run))
        row[2] = orjson.dumps(run.setup).decode()
        return self._writer.submit(self._statements.save_run, (*row, self._copy()), run.id)

    def save_cell(self, cell: SetCell) -> Saved:
        """Inserts a cell, or updates it.

        The future fails with `NotFound` if its run doesn't exist.
        """
        row = _row(replace(cell, result=cell.result or ""))  # type: ignore[arg-type]
        return self._writer.submit(self._statements.save_cell, (*row, self._copy()), cell.id)

    def claim(self, run_id: str, claim: str, budget_usd: float | None) -> Saved:
        """Makes a run that does not run ours; whether it is, its `claim` says afterwards."""
        row = (claim, self._copy(), budget_usd, time.time_ns() // 1_000_000, run_id)
        return self._writer.submit(self._statements.claim_run, row, claim)

    def end(self, run_id: str, claim: str, state: RunState, reason: str) -> Saved:
        """Notes that a run of ours does not run any more, and why."""
        row = (state, reason[:500], time.time_ns() // 1_000_000, run_id, claim)
        return self._writer.submit(self._statements.end_run, row, f"end {claim}")

    def ask(self, run_id: str, what: str) -> Saved:
        """Tells whoever runs it what to do: `pause` or `cancel`."""
        return self._writer.submit(self._statements.ask_run, (what, run_id), f"ask {run_id}")

    def forget_failures(self, run_id: str) -> Saved:
        """Lets failed cells wait again, and a finished run with them."""
        return self._writer.submit(self._statements.forget_failures, (run_id,), f"anew {run_id}")

    def delete_run(self, run_id: str) -> Saved:
        """Deletes a run with its cells, from the files as well; its calls keep only their numbers."""
        return self._writer.submit(self._statements.delete_run, (run_id,), run_id)

    def delete_set(self, set_id: str) -> Saved:
        """Deletes a set with its prompts and runs, as `delete_run`."""
        return self._writer.submit(self._statements.delete_set, (set_id,), set_id)


def _row(one: Any) -> tuple[Any, ...]:
    return tuple(getattr(one, field.name) for field in fields(one))


def _prompt_row(one: SetPrompt) -> tuple[Any, ...]:
    *row, _, tags = _row(one)
    return (*row, one.check_kind or "", orjson.dumps(tags).decode())


def _prompt_from(row: Sequence[Any]) -> SetPrompt:
    prompt = SetPrompt(*row)
    kind = CheckKind(prompt.check_kind) if prompt.check_kind else None
    return replace(prompt, check_kind=kind, tags=tuple(prompt.tags))


def _run_from(row: Sequence[Any]) -> SetRun:
    run = SetRun(*row)
    return replace(run, state=RunState(run.state))


def _cell_from(row: Sequence[Any]) -> SetCell:
    return _typed(SetCell(*row))


def _typed(cell: SetCell) -> SetCell:
    cell.state = CellState(cell.state)
    cell.result = CheckResult(cell.result) if cell.result else None
    cell.cost_kind = CostKind(cell.cost_kind)
    return cell


def _only(found: list[R]) -> R:
    if not found:
        raise NotFound("This run or prompt set does not exist, or it was deleted.")
    return found[0]
