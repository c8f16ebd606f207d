"""Bulkheads: one slow provider fills its own compartment, and the others stay dry.

Each provider has so many places and a bounded queue in front of them; the whole process takes so many requests and no
more. Whoever can't be served in time is told so, and nobody hangs. (Nygard, "Release It!", "Bulkheads"; Google SRE,
"Handling Overload".)
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from conductor_core.settings import Settings


class Crowded(Exception):
    """There is no place: the queue is full, or the wait in it was too long."""


@dataclass(slots=True)
class _Compartment:
    in_flight: int = 0
    queue: deque[asyncio.Future[None]] = field(default_factory=deque)


class Bulkheads:
    """The places of every provider, and of the whole process. On the event loop only; counts may be read anywhere."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.requests = 0
        self.turned_away = 0
        self._compartments: dict[str, _Compartment] = {}

    def admit(self) -> bool:
        """Lets one more request into the process, to be let out by `dismiss`; False when it is full."""
        if self.requests >= self.settings.max_requests:
            self.turned_away += 1
            return False
        self.requests += 1
        return True

    def dismiss(self) -> None:
        """A request has ended."""
        self.requests -= 1

    def enter(self, provider: str) -> bool:
        """Takes a place at once, to be given back by `leave`; False when there is a queue."""
        compartment = self._compartment(provider)
        if compartment.queue or compartment.in_flight >= self.settings.provider_concurrency:
            return False
        compartment.in_flight += 1
        return True

    async def queue(self, provider: str, seconds: float) -> None:
        """Takes a place as soon as one is free, first come first served.

        Raises:
            Crowded: not within `seconds`, or too many wait already.
        """
        compartment = self._compartment(provider)
        if len(compartment.queue) >= self.settings.provider_queue:
            self.turned_away += 1
            raise Crowded
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        compartment.queue.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError as error:
            self._step_out(provider, turn)
            self.turned_away += 1
            raise Crowded from error
        except asyncio.CancelledError:
            self._step_out(provider, turn)
            raise

    def leave(self, provider: str) -> None:
        """Gives a place back: to the first in the queue, if there is one."""
        compartment = self._compartment(provider)
        while compartment.queue:
            turn = compartment.queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        compartment.in_flight -= 1

    def in_flight(self, provider: str) -> int:
        """Calls that run."""
        return self._compartment(provider).in_flight

    def waiting(self, provider: str) -> int:
        """Calls that queue."""
        return len(self._compartment(provider).queue)

    def _step_out(self, provider: str, turn: asyncio.Future[None]) -> None:
        """Leaves the queue; a place that was given in the same moment is passed on."""
        if turn.done() and not turn.cancelled():
            self.leave(provider)
        else:
            turn.cancel()
            queue = self._compartment(provider).queue
            if turn in queue:
                queue.remove(turn)

    def _compartment(self, provider: str) -> _Compartment:
        compartment = self._compartments.get(provider)
        if compartment is None:
            compartment = self._compartments[provider] = _Compartment()
        return compartment
