"""A Conductor in a process of its own, which a test can kill; forked from a server that has everything imported."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

from conductor_core.conductor import Conductor
from conductor_core.errors import ConductorError
from conductor_core.kinds import RunState
from conductor_core.prompt_sets.reading import Row
from conductor_core.prompt_sets.setup import RunSetup
from conductor_core.settings import Environment, Origin
from conductor_core.turns import LaneSetup

_PATIENCE = 20.0
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])

Told = tuple[str, list[tuple[str, list[tuple[str, str]]]]]
"""A conversation as it is read back: its id, and of every turn the prompt and its answers' states and texts."""


class Killable:
    """The process. `ask` it for one of the methods of `_Answering`, `kill` it, or `close` it in good order."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_main, args=(theirs, variables), daemon=True)
        with _no_main_module():
            self._process.start()
        theirs.close()

    def ask(self, name: str, *arguments: object) -> Any:
        """What the method returns; a refusal is its error's name."""
        self.begin(name, *arguments)
        return self.answer()

    def begin(self, name: str, *arguments: object) -> None:
        """Asks, and does not wait."""
        self._pipe.send((name, arguments))

    def answer(self) -> Any:
        """What the oldest question still open came to."""
        assert self._pipe.poll(_PATIENCE), "the process hangs"
        return self._pipe.recv()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._end()

    def close(self) -> None:
        """Ends it as a server is ended."""
        self._pipe.send(None)
        self._process.join(_PATIENCE)
        assert self._process.exitcode == 0
        self._end()

    def _end(self) -> None:
        self._process.join()
        self._process.close()
        self._pipe.close()


class _Answering:
    """What can be asked."""

    def __init__(self, conductor: Conductor) -> None:
        self._conversations = conductor.conversations
        self._conductor = conductor

    async def start(self, text: str, model: str, conversation_id: str | None, keys: Sequence[str]) -> list[str]:
        """Submits a message once per key, all at once; the conversations it came to be in."""
        setup = LaneSetup(provider="openai", model=model)
        start = self._conversations.start_turn
        begun = (start(text, [setup], conversation_id=conversation_id, idempotency_key=key) for key in keys)
        return [await _told(one) for one in begun] if len(keys) == 1 else await asyncio.gather(*map(_told, begun))

    async def again(self, conversation_id: str, model: str) -> str:
        """Has the last message answered once more."""
        setup = LaneSetup(provider="openai", model=model)
        return await _told(self._conversations.answer_again(conversation_id, {0: setup}))

    async def stop(self, conversation_id: str) -> None:
        """Stops what runs there and waits until it is saved."""
        turn = self._conversations.turn(conversation_id)
        if turn:
            turn.stop()
            await turn.wait()

    async def wait(self, conversation_id: str, characters: int) -> None:
        """Until the answer there is so long, or over."""
        turn = self._conversations.turn(conversation_id)
        while turn and turn.running and len(turn.lanes[0].text) < characters:
            await asyncio.sleep(0.001)

    async def begin_set(self, prompts: int, models: Sequence[str], concurrency: int) -> str:
        """Runs a set of so many prompts over lanes of these models; the run."""
        lanes = tuple(LaneSetup(provider="openai", model=model) for model in models)
        rows = [Row(2 + at, f"Prompt {at}") for at in range(prompts)]
        return await self._conductor.prompt_sets.begin(RunSetup(lanes=lanes, concurrency=concurrency), rows=rows)

    async def set_ended(self, run_id: str, cells: int) -> int:
        """Until so many cells of a run have ended, or nothing of it runs any more; how many have."""
        sets = self._conductor.prompt_sets
        while (view := sets.view(run_id)).progress.ended < cells and view.run.state is RunState.RUNNING:
            await asyncio.sleep(0.01)
        return view.progress.ended

    async def resume_set(self, run_id: str) -> tuple[str, int]:
        """How a run stood, and how many of its cells had been cut off; then it goes on to its end."""
        sets = self._conductor.prompt_sets
        while (before := sets.view(run_id)).run.state is RunState.RUNNING:
            await asyncio.sleep(0.05)  # on PostgreSQL until the dead copy is known to be dead
        await sets.resume(run_id)
        return before.run.state.value, before.progress.cut_off

    async def set_cells(self, run_id: str) -> tuple[str, int, list[tuple[int, int, str, int, str]]]:
        """How a run stands, how many cells were asked again; of each its place, state, interruptions, answer."""
        view = self._conductor.prompt_sets.view(run_id)
        cells = self._conductor.store.sets.cells(run_id)
        told = [(cell.number, cell.lane, cell.state.value, cell.interruptions, cell.answer) for cell in cells]
        return view.run.state.value, view.progress.again, told

    async def delete(self, conversation_id: str) -> None:
        await self._conversations.delete(conversation_id)

    async def read(self) -> list[Told]:
        """Everything there is."""
        return [self._told(one.id) for one in self._conductor.store.conversations("chat", 1000)]

    async def calls(self) -> list[tuple[str, str, int]]:
        """Of every call row: whose answer, its outcome, its number."""
        rows = self._conductor.store.recent_calls(1000)
        return [(row.lane_id or "", row.outcome.value, row.attempt) for row in rows]

    def _told(self, conversation_id: str) -> Told:
        exchanges = self._conversations.transcript(conversation_id).exchanges
        return conversation_id, [
            (exchange.prompt, [(answer.state.value, answer.text) for answer in exchange.answers])
            for exchange in exchanges
        ]


async def _told(begun: Any) -> str:
    try:
        return str((await begun).conversation_id)
    except ConductorError as error:
        return type(error).__name__


@contextmanager
def _no_main_module() -> Iterator[None]:
    """A child runs the main module first; after a test of pages that is the page it ran last."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def environment_of(variables: dict[str, str]) -> Environment:
    """An environment of these variables alone."""
    return Environment({Origin.RUN: {}, Origin.ENVIRONMENT: variables, Origin.PROJECT: {}, Origin.HOME: {}})


def prepared(home: Path) -> None:
    """Makes the database of an installation, so that none of those copied from it has to."""
    asyncio.run(_opened_once(environment_of({"CONDUCTOR_HOME": str(home)})))


async def _opened_once(environment: Environment) -> None:
    await (await Conductor.open(environment)).close()


def _main(pipe: Connection, variables: dict[str, str]) -> None:
    asyncio.run(_serve(pipe, environment_of(variables)))


async def _serve(pipe: Connection, environment: Environment) -> None:
    conductor = await Conductor.open(environment)
    answering = _Answering(conductor)
    while (asked := await asyncio.to_thread(pipe.recv)) is not None:
        name, arguments = asked
        pipe.send(await getattr(answering, name)(*arguments))
    await conductor.close()
