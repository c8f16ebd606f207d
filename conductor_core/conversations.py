"""Conversations: starting turns in them and reading them back, running answers included."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from secrets import token_hex
from typing import Any

from conductor_core.answers import FIRST_MERGE, Merge, Transcript, exchanges_of, kept_of
from conductor_core.deletions import Deletions
from conductor_core.errors import ConductorError, ConversationBusy, InvalidRequest, ProviderError, StoreError, UserError
from conductor_core.kinds import LaneState, Source, Verdict
from conductor_core.models import MAX_CHARACTERS, MessageRole
from conductor_core.prompt import Message, Prompt
from conductor_core.redaction import Redactor
from conductor_core.routing.expectation import NEWEST, Expectation, expected_cost
from conductor_core.routing.gateway import Gateway
from conductor_core.store.database import Store
from conductor_core.store.records import Conversation, StoredMessage, Vote
from conductor_core.store.saved import Saved
from conductor_core.submissions import Submissions
from conductor_core.text import clean_text, is_blank
from conductor_core.turns import SAVE_SECONDS, Begun, Lane, LaneSetup, Turn, end_unsent, run_lane, stored_lane
from conductor_core.votes import vote_of

TITLE_CHARACTERS = 60
MOST_LANES = 8
"""Answers to one prompt of a comparison, at most."""
GO_ON = "Your answer broke off. Go on exactly where it ended, without repeating any of it."
"""What is sent after an answer that broke off, for it to be continued."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a turn goes: its conversation, everything said before its prompt, and the prompt itself."""

    conversation: Conversation
    before: list[StoredMessage]
    prompt: StoredMessage

    @property
    def source(self) -> Source:
        return Source.COMPARE if self.conversation.kind == "compare" else Source.CHAT


class Conversations:
    """The conversations of one installation and the turns running in them, at most one in each."""

    def __init__(self, store: Store, gateway: Gateway, redactor: Redactor) -> None:
        self._store = store
        self._redactor = redactor
        self._gateway = gateway
        self._turns: dict[str, Turn] = {}
        self._busy: set[str] = set()
        self._submissions: Submissions[Turn] = Submissions()
        self.deletions = Deletions(store)

    async def start_turn(
        self,
        text: str,
        lanes: Sequence[LaneSetup],
        *,
        conversation_id: str | None = None,
        kind: str = "chat",
        blind: bool = False,
        in_turn: bool = False,
        idempotency_key: str | None = None,
    ) -> Turn:
        """Sends a prompt to one or more lanes of a conversation, a new one when no id is given.

        Returns once the prompt and the call rows are committed; no byte leaves before. The turn then goes on by itself.

        Args:
            blind: the lanes are shuffled, and who answers is told after a vote.
            in_turn: each lane is asked when the one before has ended; of shuffled lanes in their new order.
            idempotency_key: what is submitted again under the same key within five minutes gets the same turn.

        Raises:
            InvalidRequest: nothing to send, or too much of it.
            ConversationBusy: an answer is still running there.
            NotFound: no such conversation.
        """
        text = _checked(text)
        if len(lanes) > MOST_LANES:
            raise InvalidRequest(f"One prompt gets {MOST_LANES} answers at most; these are {len(lanes)}.", "lanes")
        start = partial(self._start, text, lanes, conversation_id, kind, blind=blind, in_turn=in_turn)
        return await (self._submissions.once(idempotency_key, start) if idempotency_key is not None else start())

    async def _start(
        self,
        text: str,
        lanes: Sequence[LaneSetup],
        conversation_id: str | None,
        kind: str,
        *,
        blind: bool,
        in_turn: bool,
    ) -> Turn:
        with self._claimed(conversation_id or token_hex(16)) as claimed:
            now = time.time_ns() // 1_000_000
            if conversation_id:
                conversation = await asyncio.to_thread(self._store.conversation, conversation_id)
                history = await asyncio.to_thread(self._store.messages, conversation_id)
            else:
                conversation = Conversation(claimed, kind, self._title(text), {}, now, now)
                history = []
            prompt = StoredMessage(
                id=token_hex(16),
                conversation_id=claimed,
                turn=history[-1].turn + 1 if history else 0,
                lane=0,
                version=0,
                role=MessageRole.USER,
                content=text,
                thinking="",
                state=LaneState.DONE,
                facts=_how(len(lanes), blind=blind, in_turn=in_turn),
                created_at=now,
            )
            if kind == "compare":
                conversation.settings = conversation.settings | {"in_turn": in_turn}
            return await self._launch(_Place(conversation, history, prompt), dict(enumerate(lanes)), {})

    async def answer_again(
        self, conversation_id: str, lanes: Mapping[int, LaneSetup], *, going_on: bool = False
    ) -> Turn:
        """Answers the last prompt of a conversation once more in the given lanes; the earlier answers stay stored.

        Args:
            going_on: from where each lane's latest answer broke off: its text is kept, and the new one is added to it.

        Raises:
            ConversationBusy, NotFound: as `start_turn`.
            InvalidRequest: nothing was asked yet.
        """
        with self._claimed(conversation_id):
            conversation = await asyncio.to_thread(self._store.conversation, conversation_id)
            history = await asyncio.to_thread(self._store.messages, conversation_id)
            if not history:
                raise InvalidRequest("There is nothing to answer yet. Send a message first.")
            number = history[-1].turn
            prompt = next(m for m in history if m.turn == number and m.role == MessageRole.USER)
            before = [message for message in history if message.turn < number]
            answers = [m for m in history if m.turn == number and m is not prompt]
            calls = await asyncio.to_thread(self._store.calls_of, conversation_id)
            writers = {call.lane_id: self._gateway.providers.label(call.provider) for call in calls}
            again = {index: _again(index, answers, writers, going_on=going_on) for index in lanes}
            return await self._launch(_Place(conversation, before, prompt), lanes, again)

    async def ask_aside(self, conversation_id: str, number: int, text: str, setup: LaneSetup, merge: Merge) -> Turn:
        """Has something made of the answers to a prompt, beside them: no lane gets to know of it.

        Args:
            number: of the turn that it is made of.
            text: what is sent, without anything said before.

        Raises:
            ConversationBusy, NotFound: as `start_turn`.
            InvalidRequest: no such turn, or too much to send.
        """
        text = _checked(text)
        with self._claimed(conversation_id):
            conversation = await asyncio.to_thread(self._store.conversation, conversation_id)
            history = await asyncio.to_thread(self._store.messages, conversation_id)
            said = [message for message in history if message.turn == number]
            prompt = next((message for message in said if message.role == MessageRole.USER), None)
            if prompt is None:
                raise InvalidRequest("There are no answers to go by.")
            index = max(FIRST_MERGE, 1 + max(message.lane for message in said))
            lane = Lane(token_hex(16), index, 0, setup, merge=merge)
            turn = Turn(conversation_id, number, prompt.content, prompt.id, [lane], prompt.created_at)
            conversation.updated_at = time.time_ns() // 1_000_000
            place = _Place(conversation, [], replace(prompt, content=text))
            return await self._send(turn, place, [self._store.save_conversation(conversation)])

    async def expected_cost(
        self, text: str, lanes: Sequence[LaneSetup], *, conversation_id: str | None = None
    ) -> list[Expectation]:
        """What a prompt may cost in each lane, and what stands against sending it; nothing is sent or reserved.

        Args:
            text: empty while it is not known.
            conversation_id: what was said there before is sent along.
        """
        before = await asyncio.to_thread(self._store.messages, conversation_id) if conversation_id else []
        lengths = await asyncio.to_thread(self._store.completion_lengths, NEWEST)
        prompts = [(setup.provider, _prompt(setup, index, before, text)) for index, setup in enumerate(lanes)]
        return expected_cost(prompts, self._gateway, lengths)

    def turn(self, conversation_id: str) -> Turn | None:
        """The turn running in a conversation, if one is."""
        return self._turns.get(conversation_id)

    def transcript(self, conversation_id: str) -> Transcript:
        """A conversation with everything said in it, running answers as they stand now.

        Raises:
            NotFound: no such conversation.
        """
        turn = self._turns.get(conversation_id)
        running = {lane.id: lane for lane in turn.lanes} if turn else {}
        conversation = self._store.conversation(conversation_id)
        exchanges = exchanges_of(
            self._store.messages(conversation_id),
            self._store.calls_of(conversation_id),
            self._store.votes_of(conversation_id) if conversation.kind == "compare" else {},
        )
        if not turn:
            return Transcript(conversation, exchanges)
        last = exchanges[-1]
        answers, merges = (
            tuple(running[a.id].answer() if a.id in running else a for a in found)
            for found in (last.answers, last.merges)
        )
        return Transcript(conversation, (*exchanges[:-1], replace(last, answers=answers, merges=merges)), turn)

    async def vote(
        self, conversation_id: str, turn: int, verdict: Verdict, best: int | None = None, tags: Iterable[str] = ()
    ) -> Vote:
        """Says what somebody thinks of the answers to a prompt; of two votes on one prompt the first holds.

        Args:
            best: the lane that was picked, with `Verdict.BETTER`.

        Raises:
            InvalidRequest: there is nothing to vote on (yet).
            NotFound: no such conversation.
        """
        transcript = await asyncio.to_thread(self.transcript, conversation_id)
        exchange = next((found for found in transcript.exchanges if found.turn == turn), None)
        if exchange is None:
            raise InvalidRequest("There is nothing to vote on here.")
        if exchange.vote:
            return exchange.vote
        calls = await asyncio.to_thread(self._store.calls_of, conversation_id)
        models = {call.lane_id: (call.provider, call.model) for call in calls if call.lane_id}
        simulated = frozenset(self._gateway.providers.drills())
        vote = vote_of(exchange, conversation_id, models, verdict, best, tags, simulated=simulated)
        await self._store.save_vote(vote)
        return vote

    async def delete(self, conversation_id: str) -> None:
        """Stops what runs there, then deletes the conversation for good; its calls keep only their numbers."""
        await self._end(conversation_id)
        await self._store.delete(conversation_id)

    async def delete_soon(self, conversation_id: str) -> None:
        """Stops what runs there, puts the conversation out of sight, and deletes it in a moment.

        Raises:
            NotFound: no such conversation.
        """
        await asyncio.to_thread(self._store.conversation, conversation_id)
        await self._end(conversation_id)
        await self.deletions.begin(conversation_id)

    async def bring_back(self, conversation_id: str) -> bool:
        """Undoes `delete_soon`; whether it was in time."""
        return await self.deletions.undo(conversation_id)

    async def rename(self, conversation_id: str, title: str) -> None:
        """Gives a conversation another title.

        Raises:
            InvalidRequest: an empty title.
        """
        if is_blank(title):
            raise InvalidRequest("The title is empty. Type at least one visible character.", "title")
        await self._store.rename(conversation_id, self._title(title))

    async def close(self) -> None:
        """Ends running answers as interrupted, waits until they are saved, and erases what was deleted."""
        turns = list(self._turns.values())
        for turn in turns:
            turn.interrupt()
        await asyncio.gather(*(turn.wait() for turn in turns))
        await self.deletions.close()

    async def _end(self, conversation_id: str) -> None:
        turn = self._turns.get(conversation_id)
        if turn:
            turn.stop()
            await turn.wait()

    def _title(self, text: str) -> str:
        return title_of(self._redactor.clean(text[:1000]))

    @contextmanager
    def _claimed(self, conversation_id: str) -> Iterator[str]:
        """Holds a conversation while a turn is being started in it."""
        if conversation_id in self._busy or conversation_id in self._turns:
            raise ConversationBusy
        self._busy.add(conversation_id)
        try:
            yield conversation_id
        finally:
            self._busy.discard(conversation_id)

    async def _launch(
        self, place: _Place, setups: Mapping[int, LaneSetup], again: Mapping[int, tuple[int, Begun]]
    ) -> Turn:
        """Saves the prompt, the answers as far as they are and the call rows; then lets the lanes run."""
        prompt = place.prompt
        first = (0, Begun())
        lanes = [
            Lane(token_hex(16), index, version, setup, begun)
            for index, setup in setups.items()
            for version, begun in [again.get(index, first)]
        ]
        turn = Turn(prompt.conversation_id, prompt.turn, prompt.content, prompt.id, lanes, prompt.created_at)
        place.conversation.updated_at = time.time_ns() // 1_000_000
        place.conversation.settings = place.conversation.settings | {"lanes": _all_setups(place.conversation, setups)}
        saved = [self._store.save_conversation(place.conversation), self._store.save_message(prompt)]
        in_turn = bool(prompt.facts.get("in_turn")) and not again
        return await self._send(turn, place, saved, in_turn=in_turn)

    async def _send(self, turn: Turn, place: _Place, saved: list[Saved], *, in_turn: bool = False) -> Turn:
        """Waits until all is committed, then lets the lanes run: at once, or each when the one before has ended."""
        for lane in turn.lanes:
            if not in_turn:
                lane.state = self._aim(lane, place)
            saved.append(self._store.save_message(stored_lane(lane, turn, lane.state)))
            if lane.request:
                saved.append(lane.request.attempt.saved)
        try:
            await self._committed(saved)
        except BaseException as error:
            for lane in turn.lanes:
                self._unsent(lane, turn, error)
            raise
        self._run(turn, place)
        return turn

    async def _committed(self, saved: Sequence[Saved]) -> None:
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                for save in saved:
                    await save
        except TimeoutError as error:
            trouble = self._store.writer.trouble or "The database is busy."
            raise StoreError(f"{trouble} The message was not sent, because it could not be saved.") from error

    def _aim(self, lane: Lane, place: _Place) -> LaneState:
        """Begins the lane's request and returns its state; a lane that can't be sent fails with its reason."""
        prompt = _prompt(lane.setup, lane.index, place.before, place.prompt.content, lane.begun.text)
        try:
            lane.request = self._gateway.begin(
                lane.setup.provider,
                prompt,
                source=place.source,
                conversation_id=place.conversation.id,
                lane_id=lane.id,
            )
        except (UserError, ProviderError) as error:
            return lane.fail(error)
        return lane.state

    def _unsent(self, lane: Lane, turn: Turn, error: BaseException) -> None:
        """Ends a lane whose rows were not committed in time; they may be later, and must not seem to be running."""
        if lane.request:
            lane.request.drop()
        if lane.state.running:
            state = lane.fail(error) if isinstance(error, ConductorError) else LaneState.INTERRUPTED
            self._store.save_message(stored_lane(lane, turn, state))

    def _run(self, turn: Turn, place: _Place) -> None:
        self._turns[turn.conversation_id] = turn
        before: asyncio.Task[None] | None = None
        for lane in _as_shown(turn, place.prompt):
            if lane.request:
                lane.task = asyncio.create_task(run_lane(lane, turn, self._store))
            elif lane.state.running:
                lane.task = before = asyncio.create_task(self._run_after(before, lane, turn, place))
            if lane.task:
                lane.task.add_done_callback(lambda _: self._forget(turn))
        self._forget(turn)

    async def _run_after(self, before: asyncio.Task[None] | None, lane: Lane, turn: Turn, place: _Place) -> None:
        """Drives a lane to its end once another one has ended; its call row is committed before a byte leaves."""
        state = LaneState.STOPPED
        try:
            if before:
                await asyncio.wait([before])
            state = self._aim(lane, place)
            if lane.request:
                await self._committed([lane.request.attempt.saved])
        except asyncio.CancelledError:
            state = LaneState.INTERRUPTED if lane.interrupted else LaneState.STOPPED
        except ConductorError as error:
            state = lane.fail(error)
        if state.running:
            await run_lane(lane, turn, self._store)
        else:
            await end_unsent(lane, turn, self._store, state)

    def _forget(self, turn: Turn) -> None:
        if not turn.running and self._turns.get(turn.conversation_id) is turn:
            del self._turns[turn.conversation_id]


def _how(lanes: int, *, blind: bool, in_turn: bool) -> dict[str, Any]:
    """What is kept with a prompt of how it was sent: the order of shuffled lanes, and that they took turns."""
    if lanes < 2:
        return {}
    order = {"order": random.SystemRandom().sample(range(lanes), lanes)} if blind else {}
    return order | ({"in_turn": True} if in_turn else {})


def _as_shown(turn: Turn, prompt: StoredMessage) -> Sequence[Lane]:
    """The lanes in the order that readers know them by: who writes first would else tell who is who."""
    places = {lane: place for place, lane in enumerate(prompt.facts.get("order", ()))}
    return sorted(turn.lanes, key=lambda lane: places.get(lane.index, lane.index))


def title_of(text: str) -> str:
    """The first words of a text on one line, at most `TITLE_CHARACTERS`."""
    line = " ".join(clean_text(text[:1000]).split())
    if len(line) <= TITLE_CHARACTERS:
        return line
    return line[:TITLE_CHARACTERS].rsplit(" ", 1)[0] + " …"


def _checked(text: str) -> str:
    text = clean_text(text)
    if is_blank(text):
        raise InvalidRequest("Nothing to send: the message has no visible character.", "message")
    if len(text) > MAX_CHARACTERS:
        raise InvalidRequest(f"The message has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}.", "message")
    return text


def _again(
    index: int, answers: Sequence[StoredMessage], writers: Mapping[str | None, str], *, going_on: bool
) -> tuple[int, Begun]:
    """The version of a lane's next answer, and what there is of it already."""
    earlier = [answer for answer in answers if answer.lane == index]
    if not earlier:
        return 0, Begun()
    last = earlier[-1]
    text = last.content if going_on else ""
    return last.version + 1, Begun(text, writers.get(last.id, ""), kept_of(earlier, text))


def _prompt(setup: LaneSetup, index: int, before: Sequence[StoredMessage], text: str, begun: str = "") -> Prompt:
    """System prompt, all that was said in this lane before (of several answers the latest), and the new message.

    Args:
        begun: the answer as far as it came, to be gone on with.
    """
    latest: dict[tuple[int, str], StoredMessage] = {}
    for message in before:
        if message.turn < setup.first_turn:
            continue
        if message.role == MessageRole.USER or (message.lane == index and message.content):
            latest[message.turn, message.role] = message
    said = [Message.of(message.role, message.content) for message in latest.values()]
    system = [Message.of(MessageRole.SYSTEM, setup.system)] if setup.system else []
    asked = [Message.of(MessageRole.USER, text)]
    if begun:
        asked += [Message.of(MessageRole.ASSISTANT, begun), Message.of(MessageRole.USER, GO_ON)]
    return Prompt(
        messages=(*system, *said, *asked),
        model=setup.model,
        temperature=setup.temperature,
        max_tokens=setup.max_tokens,
        top_p=setup.top_p,
        seed=setup.seed,
    )


def _all_setups(conversation: Conversation, setups: Mapping[int, LaneSetup]) -> list[dict[str, Any]]:
    """The conversation's lanes with the given ones changed, as they are to be opened again."""
    lanes = dict(enumerate(conversation.settings.get("lanes", [])))
    lanes.update({index: setup.model_dump() for index, setup in setups.items()})
    return [lanes[index] for index in sorted(lanes)]
