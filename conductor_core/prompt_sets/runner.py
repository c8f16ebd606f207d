"""One stretch of a run: cells asked side by side until all have ended, or something stops it.

Every cell is saved as running, with its call, before a byte of it leaves, and saved again when it has ended. So after
kill -9 the cells that say "running" are exactly those that may have been asked without anybody knowing the answer.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256

import structlog

from conductor_core.budget import dollars
from conductor_core.budgets import highest_cost
from conductor_core.errors import NotFound, ProviderError, StoreError, UserError
from conductor_core.kinds import (
    CellState,
    CheckKind,
    CheckResult,
    CostKind,
    Fault,
    FinishReason,
    Outcome,
    RunState,
    Source,
)
from conductor_core.periods import ROUNDING
from conductor_core.prompt import Prompt
from conductor_core.prompt_sets import judge
from conductor_core.prompt_sets.checks import Examiner
from conductor_core.prompt_sets.setup import RunSetup, prompt_of
from conductor_core.routing.gateway import Gateway
from conductor_core.routing.request import Request
from conductor_core.store.database import Store
from conductor_core.store.leftovers import ENDED
from conductor_core.store.saved import Saved
from conductor_core.store.set_rows import SetCell, SetPrompt, SetRun
from conductor_core.turns import SAVE_SECONDS, LaneSetup, blocked_sentence

LOOK_SECONDS = 1.0
"""How often a run looks whether another copy of the app has something to say to it."""
LONGEST_HOLD = 60.0
MOST_HOLDS = 10
"""After so many waits in a row without an answer a lane is given up for this time."""
BY_YOU = "You paused it."
_UNCHECKED = "The run was cancelled before it was checked."

_log = structlog.get_logger()


class _Held(Exception):
    """Nothing was sent, by a limit of ours or a breaker; soon it may be."""

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds


class _Rest(Exception):
    """The run can't go on; `str()` says why."""


class Runner:
    """Runs what is left of a run; `drive` it once, as a task. On the event loop only.

    Args:
        run: as it was claimed.
        prompts: all of its set.
        cells: those that were begun before, without their texts.
        spent: USD of all its calls so far.
    """

    def __init__(
        self,
        run: SetRun,
        prompts: Sequence[SetPrompt],
        cells: Sequence[SetCell],
        spent: float,
        store: Store,
        gateway: Gateway,
    ) -> None:
        self.run = run
        self._setup = RunSetup.model_validate(run.setup)
        self._store = store
        self._gateway = gateway
        self._prompts = {prompt.number: prompt for prompt in prompts}
        self._cells = {(cell.number, cell.lane): _abandoned(cell) for cell in cells}
        self._todo = [self._left(lane) for lane in range(len(self._setup.lanes))]
        self._purse = _Purse(run.budget_usd, spent)
        self._examiner = Examiner()
        self._requests: set[Request] = set()
        self._workers: list[asyncio.Task[None]] = []
        self._at_work = [0] * len(self._todo)
        self._held_until = [0.0] * len(self._todo)
        self._holds = [0] * len(self._todo)
        self._given_up = ["" for _ in self._todo]
        self._stirred = asyncio.Event()
        self._reason = ""
        self._end: RunState | None = None

    async def drive(self) -> None:
        """Asks until nothing is left or it is stopped, then notes how the run stands. Never raises."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._setup.concurrency)]
        watching = asyncio.create_task(self._watch())
        for ended in await asyncio.gather(*self._workers, return_exceptions=True):
            if isinstance(ended, Exception):
                self._reason = "A fault in Conductor stopped it. Resume it, or look into the log."
                _log.error("a run of a prompt set failed unforeseen", run=self.run.id, exc_info=ended)
        watching.cancel()
        await self._examiner.close()
        await self._note_end()

    def pause(self, reason: str = BY_YOU) -> None:
        """Begins no more cells; those that run end as usual."""
        self._reason = self._reason or reason
        self._stir()

    def cancel(self) -> None:
        """Stops for good, running cells at once; what they had answered is kept."""
        self._cut_off(RunState.CANCELLED)

    def interrupt(self) -> None:
        """The process ends: running cells are cut off, to be asked again after a restart."""
        for request in self._requests:
            request.interrupt()
        self._cut_off(RunState.INTERRUPTED)

    def _cut_off(self, end: RunState) -> None:
        if self._end is None:
            self._end = end
            for worker in self._workers:
                worker.cancel()

    async def _note_end(self) -> None:
        left = any(self._todo) or any(not cell.state.ended for cell in self._cells.values())
        reason = self._reason or next((reason for reason in self._given_up if reason), "")
        if self._end is RunState.INTERRUPTED:
            state, reason = RunState.INTERRUPTED, ENDED
        elif self._end is RunState.CANCELLED:
            state, reason = RunState.CANCELLED, ""
        else:
            state, reason = (RunState.PAUSED, reason) if left else (RunState.DONE, "")
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                await self._store.sets.end(self.run.id, self.run.claim, state, reason)
        except (TimeoutError, StoreError):
            _log.warning("the end of a run could not be saved yet", run=self.run.id)

    def _left(self, lane: int) -> deque[int]:
        """The prompts a lane has not answered yet, in order."""
        known = self._cells
        return deque(
            number
            for number in sorted(self._prompts)
            if (number, lane) not in known or not known[number, lane].state.ended
        )

    async def _watch(self) -> None:
        """Another copy of the app may pause or cancel the run, delete it, or have taken this one for dead."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                seen = await asyncio.to_thread(self._store.sets.run, self.run.id)
            except NotFound:
                self.cancel()
                return
            except StoreError:
                continue
            if seen.asked == "cancel":
                self.cancel()
            elif seen.asked == "pause" or seen.claim != self.run.claim or seen.state is not RunState.RUNNING:
                self.pause()

    async def _work(self) -> None:
        while (place := await self._next()) is not None:
            number, lane = place
            cell = self._cells.setdefault(place, SetCell.of(self.run.id, number, lane))
            try:
                await self._carry_out(cell, self._prompts[number])
                self._holds[lane] = 0
            except _Held as held:
                self._todo[lane].appendleft(number)
                self._hold(lane, held)
            except _Rest as rest:
                self._todo[lane].appendleft(number)
                self.pause(str(rest))
            finally:
                self._at_work[lane] -= 1

    async def _next(self) -> tuple[int, int] | None:
        """The next cell; waits while every lane with cells left is held."""
        while not self._reason and self._end is None:
            lanes = [lane for lane, todo in enumerate(self._todo) if todo and not self._given_up[lane]]
            if not lanes:
                return None
            now = time.monotonic()
            free = [lane for lane in lanes if self._held_until[lane] <= now]
            if free:
                # The lane with the fewest at work: a slow one does not keep all places to itself.
                lane = min(free, key=lambda lane: (self._at_work[lane], self._todo[lane][0]))
                self._at_work[lane] += 1
                return self._todo[lane].popleft(), lane
            self._stirred.clear()
            with_patience = min(self._held_until[lane] for lane in lanes) - now
            try:
                async with asyncio.timeout(with_patience):
                    await self._stirred.wait()
            except TimeoutError:
                continue
        return None

    def _hold(self, lane: int, held: _Held) -> None:
        """Leaves a lane in peace for a while; for good if that does not help."""
        now = time.monotonic()
        if self._held_until[lane] <= now:  # else another cell of the lane has met the same
            self._held_until[lane] = now + min(max(held.seconds, 0.05), LONGEST_HOLD)
            self._holds[lane] += 1
            if self._holds[lane] > MOST_HOLDS:
                self._given_up[lane] = f"Lane {lane + 1} was waited for in vain. {held}"
        self._stir()

    def _stir(self) -> None:
        self._stirred.set()
        self._purse.stir()

    async def _carry_out(self, cell: SetCell, prompt: SetPrompt) -> None:
        """Asks for a cell's answer and checks it, from where it stands."""
        if cell.state is CellState.UNJUDGED:
            (cell,) = [
                found
                for found in await asyncio.to_thread(self._store.sets.cells, self.run.id, [cell.number])
                if found.lane == cell.lane
            ]
            self._cells[cell.number, cell.lane] = cell
        else:
            await self._answer(cell, prompt)
            if cell.state is not CellState.DONE:
                await self._keep(cell)
                return
        try:
            await self._check(cell, prompt)
        except asyncio.CancelledError:
            cell.state = CellState.UNJUDGED
            if self._end is RunState.CANCELLED:
                cell.state, cell.result, cell.note = CellState.DONE, CheckResult.UNCLEAR, _UNCHECKED
        except (_Held, _Rest):
            await self._keep(cell)
            raise
        await self._keep(cell)

    async def _answer(self, cell: SetCell, prompt: SetPrompt) -> None:
        setup = self._setup.lanes[cell.lane]
        try:
            request = await self._begun(cell, setup, prompt_of(setup, prompt.prompt), cell.id, CellState.RUNNING)
        except UserError as error:
            cell.state, cell.failure = CellState.FAILED, str(error)
            return
        state = CellState.DONE
        cell.answer = cell.failure = cell.note = cell.judged = ""
        cell.result = None
        text = io.StringIO()
        try:
            async with aclosing(request.stream()) as chunks:
                async for chunk in chunks:
                    text.write(chunk.text)
        except ProviderError as error:
            self._wait_if_unsent(request, error, cell, CellState.WAITING)
            state, cell.failure = CellState.FAILED, str(error)
        except asyncio.CancelledError:
            state = CellState.INTERRUPTED if request.interrupted else CellState.STOPPED
        finally:
            self._settle(request)
        cell.answer = text.getvalue()
        if request.attempt.call.finish_reason in (FinishReason.SAFETY, FinishReason.RECITATION):
            state, cell.failure = CellState.FAILED, blocked_sentence(request.attempt)
        cell.interruptions += state is CellState.INTERRUPTED
        _take_figures(cell, request)
        cell.state = state

    async def _check(self, cell: SetCell, prompt: SetPrompt) -> None:
        if prompt.check_kind is None:
            return
        if prompt.check_kind is CheckKind.JUDGE:
            await self._judge(cell, prompt)
        else:
            cell.result, cell.note = await self._examiner.rule(prompt.check_kind, prompt.expected, cell.answer)

    async def _judge(self, cell: SetCell, prompt: SetPrompt) -> None:
        """Asks the judge; whatever keeps it from answering, the cell's own answer is kept."""
        setup = self._setup.judge
        cell.state = CellState.UNJUDGED
        if setup is None:
            cell.state, cell.result, cell.note = CellState.DONE, CheckResult.UNCLEAR, "No judge was chosen."
            return
        asked = prompt_of(setup, judge.question(prompt.prompt, prompt.expected, cell.answer))
        try:
            request = await self._begun(cell, setup, asked, _judges_id(cell), CellState.JUDGING)
        except UserError as error:
            cell.state, cell.result, cell.note = CellState.DONE, CheckResult.UNCLEAR, str(error)
            return
        text = io.StringIO()
        cell.state = CellState.DONE
        try:
            async with aclosing(request.stream()) as chunks:
                async for chunk in chunks:
                    text.write(chunk.text)
            cell.result, cell.note = judge.verdict(text.getvalue())
        except ProviderError as error:
            self._wait_if_unsent(request, error, cell, CellState.UNJUDGED)
            cell.result, cell.note = CheckResult.UNCLEAR, f"The judge did not answer. {error}"
        except asyncio.CancelledError:
            if request.interrupted:
                cell.state = CellState.UNJUDGED
                cell.interruptions += 1
            else:
                cell.result, cell.note = CheckResult.UNCLEAR, _UNCHECKED
        finally:
            self._settle(request)
        cell.judged = text.getvalue()
        usd, kind = _cost_of(request)
        cell.cost_usd = None if usd is None or cell.cost_usd is None else cell.cost_usd + usd
        cell.cost_kind = _together(cell.cost_kind, kind)

    async def _begun(self, cell: SetCell, setup: LaneSetup, prompt: Prompt, lane_id: str, state: CellState) -> Request:
        """A request that may leave: it can be paid for, and it and the cell are saved as running.

        Raises:
            UserError: it can't be sent as it is.
            _Held, _Rest: not now.
        """
        before = cell.state if cell.state is not CellState.FAILED else CellState.WAITING
        most = self._most(setup.provider, prompt)
        await self._purse.hold(most)
        try:
            request = self._gateway.begin(
                setup.provider, prompt, source=Source.SET, conversation_id=self.run.id, lane_id=lane_id
            )
        except BaseException as error:
            self._purse.release(most)
            if isinstance(error, ProviderError):  # it was not sent, whatever its kind
                if error.kind is Outcome.BUDGET:
                    raise _Rest(str(error)) from error
                raise _Held(error.retry_after or 1.0, str(error)) from error
            raise
        self._purse.promise(request, most)
        cell.state, cell.started_at, cell.ended_at = state, _now(), None
        cell.provider, cell.model = request.provider.name, request.attempt.call.model
        try:
            await self._saved(request.attempt.saved, self._store.sets.save_cell(cell))
        except BaseException:
            request.drop()
            self._settle(request)
            self._put_back(cell, before)
            raise
        self._requests.add(request)
        return request

    def _most(self, provider: str, prompt: Prompt) -> float | None:
        """USD a request may cost at most, at whoever may be asked; None: unknown.

        Raises:
            UserError: nobody can be asked.
            _Rest: a budget of the installation is used up.
        """
        try:
            route = self._gateway.routed(provider, prompt)
        except ProviderError as error:
            raise _Rest(str(error)) from error
        costs = [highest_cost(one, prompt) for one in route.providers]
        known = [cost for cost in costs if cost is not None]
        return max(known, default=None) if len(known) == len(costs) else None

    def _settle(self, request: Request) -> None:
        self._requests.discard(request)
        self._purse.settle(request, sum(attempt.call.cost_usd or 0.0 for attempt in request.attempts))

    def _wait_if_unsent(self, request: Request, error: ProviderError, cell: SetCell, state: CellState) -> None:
        """Puts a cell back whose request never left, be it that a budget had no room once the row was saved.

        Raises:
            _Held, _Rest: it was.
        """
        if len(request.attempts) > 1:
            return
        if error.kind is Outcome.BUDGET:
            self._put_back(cell, state)
            raise _Rest(str(error)) from error
        if error.fault is Fault.NOT_SENT:
            self._put_back(cell, state)
            raise _Held(error.retry_after or 1.0, str(error)) from error

    def _put_back(self, cell: SetCell, state: CellState) -> None:
        """What was saved as running was not sent after all."""
        cell.state = state
        self._store.sets.save_cell(cell)

    async def _keep(self, cell: SetCell) -> None:
        """Saves a cell that has ended. Its texts are in the store from then on, and nowhere else."""
        cell.ended_at = _now()
        saved = self._store.sets.save_cell(cell)
        cell.answer = cell.judged = ""
        await self._saved(saved)

    async def _saved(self, *saves: Saved) -> None:
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                for save in saves:
                    await save
        except NotFound as error:
            self.cancel()
            raise _Rest("It was deleted.") from error
        except (TimeoutError, StoreError) as error:
            trouble = self._store.writer.trouble or "The database is busy."
            raise _Rest(f"{trouble} Resume the run once it can be saved.") from error


class _Purse:
    """What a run may still spend: the most that running requests may cost is held until what they did cost is known."""

    def __init__(self, limit: float | None, spent: float) -> None:
        self._limit = limit
        self._spent = spent
        self._held = 0.0
        self._promised: dict[Request, float | None] = {}
        self._stirred = asyncio.Event()

    async def hold(self, usd: float | None) -> None:
        """Takes what a request may cost, waiting for running ones to cost less than they might.

        Raises:
            _Rest: there is no room, and nothing runs that could make some.
        """
        if self._limit is None or usd == 0.0:
            return
        if usd is None:
            raise _Rest("The price of a model is unknown, and the run's budget needs one.")
        while self._spent + self._held + usd > self._limit + ROUNDING:
            if not self._held:
                raise _Rest(
                    f"Its budget of {dollars(self._limit)} has no room for the next call: {dollars(self._spent)} is "
                    f"spent, and it may cost {dollars(usd)}. Raise the budget to go on."
                )
            self._stirred.clear()
            await self._stirred.wait()
        self._held += usd

    def promise(self, request: Request, usd: float | None) -> None:
        """What is held is this request's."""
        self._promised[request] = usd

    def release(self, usd: float | None) -> None:
        """Gives back what nothing was asked for."""
        if self._limit is not None and usd:
            self._held = max(0.0, self._held - usd)
            if self._held < ROUNDING:
                self._held = 0.0
        self.stir()

    def settle(self, request: Request, usd: float) -> None:
        """Puts what a request did cost in place of what it might have."""
        self._spent += usd
        self.release(self._promised.pop(request, None))

    def stir(self) -> None:
        """Has everybody who waits look again."""
        self._stirred.set()


def _abandoned(cell: SetCell) -> SetCell:
    """A cell that is said to be running while its run did not: nobody knows what became of it."""
    after = {CellState.RUNNING: CellState.INTERRUPTED, CellState.JUDGING: CellState.UNJUDGED}.get(cell.state)
    return cell if after is None else replace(cell, state=after, interruptions=cell.interruptions + 1)


def _take_figures(cell: SetCell, request: Request) -> None:
    call = request.attempt.call
    cell.provider, cell.model = call.provider, call.model_served or call.model
    cell.request_id = call.request_id
    cell.ttft_ms, cell.latency_ms = call.ttft_ms, call.latency_ms
    cell.prompt_tokens, cell.completion_tokens = call.prompt_tokens, call.completion_tokens
    cell.cost_usd, cell.cost_kind = _cost_of(request)


def _cost_of(request: Request) -> tuple[float | None, CostKind]:
    """What all attempts of a request cost together."""
    calls = [attempt.call for attempt in request.attempts]
    kind = calls[0].cost_kind
    for call in calls[1:]:
        kind = _together(kind, call.cost_kind)
    costs = [call.cost_usd for call in calls]
    known = [cost for cost in costs if cost is not None]
    return (sum(known) if len(known) == len(costs) else None), kind


def _together(one: CostKind, other: CostKind) -> CostKind:
    """How a sum is known: no better than the worse known of its parts."""
    for kind in (CostKind.UNKNOWN, CostKind.ESTIMATED, CostKind.REPORTED):
        if kind in (one, other):
            return kind
    return CostKind.FREE


def _judges_id(cell: SetCell) -> str:
    """The `lane_id` of the call that judges a cell."""
    return sha256(f"judge {cell.id}".encode()).hexdigest()[:32]


def _now() -> int:
    return time.time_ns() // 1_000_000
