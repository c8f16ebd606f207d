"""What is done with a comparison once its answers are there: merge them, go on with one lane, put lanes in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from secrets import token_hex

from conductor_core.answers import Merge, Transcript
from conductor_core.conversations import Conversations
from conductor_core.errors import ConversationBusy, InvalidRequest
from conductor_core.kinds import LaneState, MergeKind
from conductor_core.merges import merge_prompt
from conductor_core.models import MessageRole
from conductor_core.store.database import Store
from conductor_core.store.records import Conversation, StoredMessage
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

    async def as_chat(self, comparison_id: str, lane: int) -> str:
        """Makes a chat of one lane, with what was said in it and what it was asked with; returns the chat's id.

        The comparison stays as it is. What its answers took and cost stays with it, so that it counts once.

        Raises:
            ConversationBusy: an answer is still running there.
            InvalidRequest: a blind vote is awaited, or there is no such lane.
            NotFound: no such comparison.
        """
        transcript = await asyncio.to_thread(self._conversations.transcript, comparison_id)
        if transcript.turn:
            raise ConversationBusy
        if transcript.hidden:
            raise InvalidRequest("This comparison waits for a blind vote. Vote first, then go on with one lane.")
        lanes = transcript.conversation.settings.get("lanes", [])
        if not 0 <= lane < len(lanes):
            raise InvalidRequest(f"There is no lane {lane + 1}; this comparison has {len(lanes)}.", "lane")
        now = time.time_ns() // 1_000_000
        chat = Conversation(token_hex(16), "chat", transcript.conversation.title, {"lanes": [lanes[lane]]}, now, now)
        saved = [self._store.save_conversation(chat)]
        saved += [self._store.save_message(message) for message in _said_in(transcript, lane, chat.id)]
        for save in saved:
            await save
        return chat.id

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


def _said_in(transcript: Transcript, lane: int, chat_id: str) -> list[StoredMessage]:
    """The prompts, and the latest answer of a lane to each, as messages of another conversation."""
    said = []
    for exchange in transcript.exchanges:
        prompt = StoredMessage(
            token_hex(16),
            chat_id,
            exchange.turn,
            0,
            0,
            MessageRole.USER,
            exchange.prompt,
            "",
            LaneState.DONE,
            {},
            exchange.created_at,
        )
        said.append(prompt)
        for answer in exchange.answers:
            if answer.lane != lane:
                continue
            facts = {"setup": answer.setup, "provider": answer.provider, "model": answer.model}
            facts |= {"notices": list(answer.notices)} if answer.notices else {}
            if answer.failure:
                failure = answer.failure
                facts["failure"] = {"sentence": failure.sentence, "detail": failure.detail, "kind": failure.kind}
            said.append(
                replace(
                    prompt,
                    id=token_hex(16),
                    role=MessageRole.ASSISTANT,
                    content=answer.text,
                    thinking=answer.thinking,
                    state=answer.state,
                    facts=facts,
                    created_at=answer.created_at,
                )
            )
    return said
