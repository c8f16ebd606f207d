"""Deleting a conversation in a moment: at once it is out of sight, until then it can be brought back.

What was deleted stays deleted: closing Conductor meanwhile deletes at once, and after a crash the next start does.
"""

from __future__ import annotations

import asyncio
import time

from conductor_core.store.database import Store

UNDO_SECONDS = 10.0
"""How long a deleted conversation can be brought back."""


class Deletions:
    """What is to be deleted in a moment. Other copies of the app on the same database see it gone, too."""

    def __init__(self, store: Store, wait: float = UNDO_SECONDS) -> None:
        self._store = store
        self._wait = wait
        self._due: dict[str, asyncio.Task[None]] = {}

    async def begin(self, conversation_id: str) -> None:
        """Puts a conversation out of sight, and deletes it for good after a while."""
        await self._store.hide(conversation_id, _now() + round(self._wait * 1000))
        self._schedule(conversation_id, self._wait)

    async def undo(self, conversation_id: str) -> bool:
        """Brings a conversation back; whether it still could be."""
        task = self._due.pop(conversation_id, None)
        if task:
            task.cancel()
        if conversation_id not in await asyncio.to_thread(self._store.put_away):
            return False
        await self._store.hide(conversation_id, None)
        return True

    async def take_up(self) -> None:
        """Deletes, in its time, what a copy that died had put away."""
        for id, erase_at in (await asyncio.to_thread(self._store.put_away)).items():
            self._schedule(id, max(0.0, (erase_at - _now()) / 1000))

    async def close(self) -> None:
        """Deletes at once what is still to be deleted."""
        due, self._due = self._due, {}
        for id, task in due.items():
            task.cancel()
            await self._erase(id)

    def _schedule(self, conversation_id: str, seconds: float) -> None:
        self._due[conversation_id] = asyncio.create_task(self._erase_in(conversation_id, seconds))

    async def _erase_in(self, conversation_id: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._due.pop(conversation_id, None)
        await self._erase(conversation_id)

    async def _erase(self, conversation_id: str) -> None:
        """Unless another copy of the app brought it back."""
        if conversation_id in await asyncio.to_thread(self._store.put_away):
            await self._store.delete(conversation_id)


def _now() -> int:
    return time.time_ns() // 1_000_000
