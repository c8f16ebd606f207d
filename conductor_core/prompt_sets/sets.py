"""Prompt sets: saving them, running them, and what a reader sees of a run, whichever copy of the app runs it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex

from pydantic import ValidationError

from conductor_core.conversations import title_of
from conductor_core.errors import InvalidRequest, NotFound, ProviderError, StoreError
from conductor_core.ids import new_id
from conductor_core.kinds import CheckKind, RunState
from conductor_core.prompt_sets.checks import Examiner
from conductor_core.prompt_sets.figures import LaneFigures, Progress, lanes_of, progress_of
from conductor_core.prompt_sets.reading import Reading, Row, read, with_default
from conductor_core.prompt_sets.runner import Runner
from conductor_core.prompt_sets.setup import Expected, RunSetup, Size, check_budget, expected_of, prompt_of
from conductor_core.redaction import Redactor
from conductor_core.routing.expectation import NEWEST
from conductor_core.routing.gateway import Gateway
from conductor_core.store.database import Store
from conductor_core.store.saved import Saved
from conductor_core.store.set_rows import PromptSet, SetCell, SetPrompt, SetRun
from conductor_core.submissions import Submissions

SAVE_SECONDS = 30.0
"""A whole set is saved at once."""


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as its page shows it.

    Attributes:
        cells: those that were begun, without their texts.
        facets: of every prompt its number, its check and its tags.
    """

    name: str
    setup: RunSetup
    progress: Progress
    cells: list[SetCell]
    lanes: list[LaneFigures]
    facets: list[tuple[int, str, tuple[str, ...]]]

    @property
    def run(self) -> SetRun:
        return self.progress.run


class PromptSets:
    """The prompt sets of one installation and the runs this process drives. On the event loop but for what reads."""

    def __init__(self, store: Store, gateway: Gateway, redactor: Redactor) -> None:
        self._store = store
        self._rows = store.sets
        self._gateway = gateway
        self._redactor = redactor
        self._driven: dict[str, tuple[Runner, asyncio.Task[None]]] = {}
        self._submissions: Submissions[str] = Submissions()

    async def read(self, data: bytes | str, name: str = "", check: CheckKind | None = None) -> Reading:
        """What a file or a pasted text comes to, patterns and schemas looked at, too; nothing is saved.

        Args:
            name: the file's.
            check: of rows that name none.
        """
        found = await asyncio.to_thread(read, data, name)
        rows = with_default(found.rows, check)
        examiner = Examiner()
        try:
            problems = await examiner.problems(rows)
        finally:
            await examiner.close()
        wrong = {problem.line for problem in problems}
        return Reading(
            tuple(row for row in rows if row.line not in wrong),
            tuple(sorted((*found.problems, *problems), key=lambda problem: problem.line)),
            found.ignored,
        )

    async def begin(
        self,
        setup: RunSetup,
        *,
        name: str = "",
        rows: Sequence[Row] = (),
        set_id: str | None = None,
        budget_usd: float | None = None,
        key: str | None = None,
    ) -> str:
        """Saves rows as a set of this name, or takes one that was saved before, and runs it; returns the run's id.

        Args:
            budget_usd: the run rests before it costs more.
            key: what is submitted again under the same key within five minutes is one run.

        Raises:
            InvalidRequest: it can't be run like that; nothing was saved.
            NotConfigured, UnknownProvider, NobodyLeft: a lane can't be asked.
            NotFound: no such set.
            StoreError: it could not be saved.
        """

        async def begun() -> str:
            prompts = await asyncio.to_thread(self._rows.prompts, set_id) if set_id else _prompts(token_hex(16), rows)
            checked = _checked(setup)
            await self._check(checked, prompts, budget_usd)
            saves = [] if set_id else self._rows.save(self._named(name, prompts), prompts)
            run = _new_run(prompts, checked, budget_usd)
            await _committed([*saves, self._rows.save_run(run)])
            await self.resume(run.id, budget_usd)
            return run.id

        return await (self._submissions.once(key, begun) if key else begun())

    async def expected(self, size: Size, setup: RunSetup) -> Expected:
        """What a run may cost and what stands against it; nothing is sent or reserved."""
        lengths = await asyncio.to_thread(self._store.completion_lengths, NEWEST)
        return expected_of(size, setup, self._gateway, lengths)

    async def resume(self, run_id: str, budget_usd: float | None = None) -> None:
        """Goes on with a run that rests; cells that were cut off by Conductor's end are asked again.

        Args:
            budget_usd: of the whole run, what it has spent included; None: no limit.

        Raises:
            InvalidRequest: it is over, or another copy of the app was faster.
            NotFound: no such run.
        """
        known = self._driven.get(run_id)
        if known and not known[1].done():
            raise InvalidRequest("Its last answers are still coming in. Resume it when they have ended.")
        run = await asyncio.to_thread(self._rows.run, run_id)
        if not run.state.can_resume:
            raise InvalidRequest(f"This run is {run.state}; there is nothing to resume.")
        claim = token_hex(16)
        await _committed([self._rows.claim(run_id, claim, budget_usd)])
        run = await asyncio.to_thread(self._rows.run, run_id)
        if run.claim != claim:
            raise InvalidRequest("Somebody else has just resumed this run.")
        prompts, cells, spent = await asyncio.to_thread(
            lambda: (self._rows.prompts(run.set_id), self._rows.grid(run_id), self._rows.spent(run_id))
        )
        runner = Runner(run, prompts, cells, spent.usd, self._store, self._gateway)
        task = asyncio.create_task(runner.drive())
        self._driven[run_id] = runner, task
        task.add_done_callback(lambda _: self._forget(run_id, runner))

    async def pause(self, run_id: str) -> None:
        """Begins no more cells of a run; those that run end as usual."""
        await _committed([self._rows.ask(run_id, "pause")])
        if run_id in self._driven:
            self._driven[run_id][0].pause()

    async def cancel(self, run_id: str) -> None:
        """Ends a run for good, what runs of it at once."""
        await _committed([self._rows.ask(run_id, "cancel")])
        known = self._driven.get(run_id)
        if known:
            known[0].cancel()
            await known[1]
            return
        run = await asyncio.to_thread(self._rows.run, run_id)
        if run.state.can_resume:
            claim = token_hex(16)
            await _committed([self._rows.claim(run_id, claim, run.budget_usd)])
            await _committed([self._rows.end(run_id, claim, RunState.CANCELLED, "")])

    async def ask_failed_again(self, run_id: str) -> None:
        """Goes on with a run that rests or is done, its failed cells included.

        Raises:
            InvalidRequest, NotFound: as `resume`.
        """
        run = await asyncio.to_thread(self._rows.run, run_id)
        if not (run.state.can_resume or run.state is RunState.DONE):
            raise InvalidRequest(f"This run is {run.state}; nothing of it can be asked again.")
        await _committed([self._rows.forget_failures(run_id)])
        await self.resume(run_id, run.budget_usd)

    async def delete_run(self, run_id: str) -> None:
        """Stops a run and deletes it for good; its calls keep only their numbers."""
        await self.cancel(run_id)
        await _committed([self._rows.delete_run(run_id)])

    async def delete_set(self, set_id: str) -> None:
        """Stops what runs of a set and deletes it for good, its runs included."""
        for run_id in await asyncio.to_thread(self._rows.runs_of, set_id):
            await self.cancel(run_id)
        await _committed([self._rows.delete_set(set_id)])

    async def wait(self, run_id: str) -> None:
        """Until a run that this process drives rests or is over."""
        if run_id in self._driven:
            await asyncio.shield(self._driven[run_id][1])

    def view(self, run_id: str) -> RunView:
        """A run as it stands. Any thread may ask.

        Raises:
            NotFound: no such run.
        """
        run = self._rows.run(run_id)
        cells = self._rows.grid(run_id)
        setup = RunSetup.model_validate(run.setup)
        return RunView(
            name=self._rows.prompt_set(run.set_id).name,
            setup=setup,
            progress=progress_of(run, cells, self._rows.spent(run_id), _now()),
            cells=cells,
            lanes=lanes_of(cells, len(setup.lanes)),
            facets=self._rows.facets(run.set_id),
        )

    def cell(self, run_id: str, number: int, lane: int) -> tuple[SetPrompt, SetCell]:
        """A prompt, and its cell in a lane with all its texts. Any thread may ask.

        Raises:
            NotFound: no such run or prompt.
        """
        run = self._rows.run(run_id)
        if not 0 <= lane < len(run.setup["lanes"]):
            raise NotFound("This run has no such lane.")
        found = [cell for cell in self._rows.cells(run_id, [number]) if cell.lane == lane]
        return self._rows.prompt(run.set_id, number), found[0] if found else SetCell.of(run_id, number, lane)

    async def close(self) -> None:
        """Cuts off what runs, to be resumed after a restart, and waits until that is saved."""
        driven = list(self._driven.values())
        for runner, _ in driven:
            runner.interrupt()
        await asyncio.gather(*(task for _, task in driven))

    async def _check(self, setup: RunSetup, prompts: Sequence[SetPrompt], budget_usd: float | None) -> None:
        """Refuses what could only fail."""
        if not prompts:
            raise InvalidRequest("There is nothing to ask: the set has no prompt.", "prompts")
        judged = sum(prompt.check_kind is CheckKind.JUDGE for prompt in prompts)
        if judged and setup.judge is None:
            raise InvalidRequest(f"{judged:,} prompts are checked by a judge. Choose a model for it.", "judge")
        for lane in (*setup.lanes, *([setup.judge] if setup.judge and judged else [])):
            try:
                route = self._gateway.routed(lane.provider, prompt_of(lane, prompts[0].prompt))
            except ProviderError as error:
                raise InvalidRequest(str(error), "lanes") from error
            route.provider.require_configured()
        size = Size.of([(prompt.prompt, prompt.expected) for prompt in prompts], judged)
        check_budget(budget_usd, await self.expected(size, setup))

    def _named(self, name: str, prompts: Sequence[SetPrompt]) -> PromptSet:
        title = title_of(self._redactor.clean(name[:1000])) or title_of(self._redactor.clean(prompts[0].prompt[:1000]))
        return PromptSet(prompts[0].set_id, title, _now(), len(prompts))

    def _forget(self, run_id: str, runner: Runner) -> None:
        known = self._driven.get(run_id)
        if known and known[0] is runner:
            del self._driven[run_id]


def _checked(setup: RunSetup) -> RunSetup:
    """The setup with every field looked at: a page changes lanes without."""
    try:
        return RunSetup.model_validate(setup.model_dump())
    except ValidationError as error:
        raise InvalidRequest.from_validation(error) from None


def _prompts(set_id: str, rows: Sequence[Row]) -> list[SetPrompt]:
    return [
        SetPrompt(new_id(), set_id, number, row.line, row.prompt, row.expected, row.check, row.tags)
        for number, row in enumerate(rows)
    ]


def _new_run(prompts: Sequence[SetPrompt], setup: RunSetup, budget_usd: float | None) -> SetRun:
    now = _now()
    return SetRun(
        id=token_hex(16),
        set_id=prompts[0].set_id,
        setup=setup.model_dump(mode="json"),
        budget_usd=budget_usd,
        cells=len(prompts) * len(setup.lanes),
        created_at=now,
        resumed_at=now,
        ended_at=None,
        state=RunState.PAUSED,
        reason="It was saved, and not begun.",
        asked="",
        claim="",
    )


async def _committed(saves: Sequence[Saved]) -> None:
    try:
        async with asyncio.timeout(SAVE_SECONDS):
            for save in saves:
                await save
    except TimeoutError as error:
        raise StoreError("The database is busy: this was not saved. Try again in a moment.") from error


def _now() -> int:
    return time.time_ns() // 1_000_000
