"""What is done with a comparison once its answers are there: merge them, put lanes in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from conductor_core.answers import Merge
from conductor_core.conversations import Conversations
from conductor_core.errors import InvalidRequest
from conductor_core.kinds import MergeKind
from conductor_core.merges import merge_prompt
from conductor_core.store.database import Store
from conductor_core.store.records import Conversation
from conductor_core.turns import LaneSetup, Turn


class Comparisons:
    """Comparisons of one installation, which are conversations of several lanes."""

    def __init__(self, store: Store, conversations: Conversations) -> None:
        self._store = store
        self._conversations = conversations

    async def merge(self, comparison_id: str, number: int, kind: MergeKind, setup: LaneSetup) -> Turn:
        """Has a model make something of the answers to a prompt; they stay, and it is a call like any other.

        Args:
            number: of the turn.

        Raises:
            ConversationBusy: an answer is still running there.
            InvalidRequest: there is nothing to merge (yet), or too much to send.
            NotFound: no such comparison.
        """
        transcript = await asyncio.to_thread(self._conversations.transcript, comparison_id)
        exchange = next((found for found in transcript.exchanges if found.turn == number), None)
        if exchange is None:
            raise InvalidRequest("There are no answers to merge.")
        if exchange is not transcript.exchanges[-1]:
            raise InvalidRequest("Only the answers to the last prompt can be merged.")
        earlier = [before.prompt for before in transcript.exchanges if before.turn < number]
        text = merge_prompt(kind, exchange, earlier)
        return await self._conversations.ask_aside(comparison_id, number, text, setup, Merge(kind, text))

    async def arrange(self, comparison_id: str, lanes: Sequence[int]) -> None:
        """Keeps in which order the lanes are shown.

        Raises:
            InvalidRequest: not each of its lanes once.
            NotFound: no such comparison.
        """
        conversation = await asyncio.to_thread(self._store.conversation, comparison_id)
        if sorted(lanes) != list(range(len(conversation.settings["lanes"]))):
            raise InvalidRequest("An order names each lane once.", "lanes")
        conversation.settings = conversation.settings | {"arranged": list(lanes)}
        await self._store.save_conversation(conversation)


def arranged(conversation: Conversation) -> list[int]:
    """The order in which a comparison's lanes are shown."""
    lanes = range(len(conversation.settings.get("lanes", [])))
    kept = conversation.settings.get("arranged", [])
    return kept if sorted(kept) == list(lanes) else list(lanes)
