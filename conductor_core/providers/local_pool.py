"""The models that are loaded: at most two at a time, each started when first used and again when it died."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from conductor_core.providers.local_models import LocalModel
from conductor_core.providers.local_process import LocalProcess, ModelStopped
from conductor_core.providers.local_server import SLOTS

CAPACITY = 2
"""Models loaded at once. A further one takes the place of the one idle longest."""
BACKOFF = (0.0, 1.0, 4.0)
"""Seconds between a death and the first, second and third start after it."""
COOL_DOWN = 60.0
"""Seconds without another try once a model died more often in a row than `BACKOFF` has steps."""


class AllBusy(Exception):
    """No loaded model became idle in time to make room."""


@dataclass(slots=True, eq=False)
class _Place:
    """One model's place in the pool. `deaths` counts since its last whole answer; times are monotonic seconds."""

    model: LocalModel
    starting: asyncio.Task[LocalProcess] | None = None
    process: LocalProcess | None = None
    admitted: bool = False
    loading_since: float | None = None
    users: int = 0
    used_at: float = 0.0
    deaths: int = 0
    died_at: float = 0.0
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SLOTS))

    @property
    def occupied(self) -> bool:
        return self.admitted and (self.process is None or self.process.alive)

    def note_death(self) -> None:
        """Forgets a process that is gone, so that it is counted once, however many were using it."""
        if self.process is not None and not self.process.alive:
            self.deaths, self.died_at = self.deaths + 1, self.process.ended_at or time.monotonic()
            self.starting, self.process, self.admitted = None, None, False


class LocalPool:
    """Lends loaded models.

    Args:
        threads: threads per model.
        patience: seconds to wait for a loaded model to become idle when there is no room.
    """

    def __init__(
        self, threads: int, patience: float, backoff: tuple[float, ...] = BACKOFF, cool_down: float = COOL_DOWN
    ) -> None:
        self._threads = threads
        self._patience = patience
        self._backoff = backoff
        self._cool_down = cool_down
        self._places: dict[str, _Place] = {}
        self._freed = asyncio.Event()

    @property
    def loading_since(self) -> float | None:
        """Since when (monotonic seconds) the longest-loading model loads, or None. For any thread."""
        since = [place.loading_since for place in list(self._places.values())]
        return min((moment for moment in since if moment is not None), default=None)

    def process(self, name: str) -> LocalProcess | None:
        """The process that serves a model now, if there is one."""
        place = self._places.get(name)
        return place.process if place and place.process and place.process.alive else None

    @asynccontextmanager
    async def lease(self, model: LocalModel) -> AsyncIterator[LocalProcess]:
        """The model, loaded, and one of its slots; it stays loaded for as long as this is held.

        Raises:
            ModelStopped: it could not be started, or died too often lately.
            AllBusy: there is no room, and nothing became idle in time.
        """
        place = self._places.setdefault(model.name, _Place(model))
        place.users += 1
        try:
            async with place.slots:
                yield await self._loaded(place)
            place.deaths = 0
        finally:
            place.users -= 1
            place.used_at = time.monotonic()
            self._freed.set()

    async def close(self) -> None:
        """Ends every child, also one that is still loading."""
        places = list(self._places.values())
        self._places.clear()
        for place in places:
            if place.starting is not None:
                place.starting.cancel()
                await asyncio.wait([place.starting])
            if place.process is not None:
                await place.process.close()

    async def _loaded(self, place: _Place) -> LocalProcess:
        place.note_death()
        if place.starting is None:
            place.starting = asyncio.create_task(self._start(place))
            place.starting.add_done_callback(_retrieve)
        try:
            # Shielded: who started it may leave, others wait for the same start.
            return await asyncio.shield(place.starting)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ModelStopped("Conductor is closing") from None  # the start was cancelled, not its user

    async def _start(self, place: _Place) -> LocalProcess:
        try:
            await self._back_off(place)
            await self._admit(place)
            place.loading_since = time.monotonic()
            place.process = await LocalProcess.start(place.model, self._threads)
        except (ModelStopped, AllBusy):
            if place.admitted:
                place.deaths, place.died_at = place.deaths + 1, time.monotonic()
            place.starting, place.admitted = None, False
            self._freed.set()
            raise
        finally:
            place.loading_since = None
        return place.process

    async def _back_off(self, place: _Place) -> None:
        since = time.monotonic() - place.died_at
        if place.deaths > len(self._backoff) and since < self._cool_down:
            again = self._cool_down - since
            raise ModelStopped(f"it stopped {place.deaths} times in a row and is tried again in {again:.0f} seconds")
        step = min(place.deaths, len(self._backoff)) - 1
        if step >= 0:
            await asyncio.sleep(max(0.0, self._backoff[step] - since))

    async def _admit(self, place: _Place) -> None:
        """Waits for room among the loaded models and takes it."""
        try:
            async with asyncio.timeout(self._patience):
                while not (room := self._room()):
                    self._freed.clear()
                    await self._freed.wait()
        except TimeoutError:
            raise AllBusy from None
        place.admitted = True
        if isinstance(room, LocalProcess):
            await room.close()

    def _room(self) -> LocalProcess | bool:
        """True when a place is free; the process to end, already put out, when one is idle; False when all are busy."""
        occupied = [place for place in self._places.values() if place.occupied]
        if len(occupied) < CAPACITY:
            return True
        idle = [place for place in occupied if place.users == 0 and place.process is not None]
        if not idle:
            return False
        oldest = min(idle, key=lambda place: place.used_at)
        process, oldest.process, oldest.starting, oldest.admitted = oldest.process, None, None, False
        assert process is not None
        return process


def _retrieve(task: asyncio.Task[LocalProcess]) -> None:
    """Marks the error of a start nobody waited for as seen."""
    if not task.cancelled():
        task.exception()
