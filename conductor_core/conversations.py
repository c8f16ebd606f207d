"""Conversations: starting turns in them and reading them back, running answers included."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from secrets import token_hex
from typing import Any

from conductor_core import places
from conductor_core.answers import Answer, Merge, Transcript, exchanges_of
from conductor_core.attachments import File, Shelf, noted, read_all
from conductor_core.branches import FIRST_MERGE, Step, Tree, files_of, prompt_of
from conductor_core.deletions import Deletions
from conductor_core.errors import (
    ConductorError,
    ConversationBusy,
    InvalidRequest,
    NotFound,
    ProviderError,
    StoreError,
    UserError,
)
from conductor_core.feedback import feedback_on
from conductor_core.forks import check_told, copied_files, forked
from conductor_core.kinds import LaneState, Verdict
from conductor_core.metrics.total import total_of
from conductor_core.models import MAX_CHARACTERS
from conductor_core.places import Place
from conductor_core.prompt import Content
from conductor_core.redaction import Redactor
from conductor_core.routing.expectation import NEWEST, Expectation, Lengths, Outlook, expected_cost, outlook_of
from conductor_core.routing.gateway import Gateway
from conductor_core.store.database import Store
from conductor_core.store.records import Attachment, Conversation, StoredMessage, Vote
from conductor_core.store.saved import Saved
from conductor_core.submissions import Submissions
from conductor_core.text import clean_text, is_blank
from conductor_core.turns import SAVE_SECONDS, Lane, LaneSetup, Turn, end_unsent, run_lane, stored_lane
from conductor_core.votes import checked_tags, vote_of

TITLE_CHARACTERS = 60
MOST_LANES = 8
"""Answers to one prompt of a comparison, at most."""
TAGS_AT_MOST = 20
"""Of one conversation."""
REMEMBERED_SECONDS = 5.0
"""So long the usual lengths of answers are taken to be as they were: a box asks while somebody types."""


class Conversations:
    """The conversations of one installation and the turns running in them, at most one in each."""

    def __init__(self, store: Store, gateway: Gateway, redactor: Redactor) -> None:
        self._store = store
        self._redactor = redactor
        self._gateway = gateway
        self._turns: dict[str, Turn] = {}
        self._busy: set[str] = set()
        self._submissions: Submissions[Turn] = Submissions()
        self._lengths: tuple[float, Lengths] = (-REMEMBERED_SECONDS, {})
        self._shelf = Shelf(store.attachments)
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
        after: str | None = None,
        instead_of: str | None = None,
        files: Sequence[File] = (),
        idempotency_key: str | None = None,
    ) -> Turn:
        """Sends a prompt to one or more lanes of a conversation, a new one when no id is given.

        Returns once the prompt and the call rows are committed; no byte leaves before. The turn then goes on by itself.
        It is sent with what was said on its path before, and that path is shown from then on.

        Args:
            blind: the lanes are shuffled, and who answers is told after a vote.
            in_turn: each lane is asked when the one before has ended; of shuffled lanes in their new order.
            after: the message it follows; when not given, the end of the path that is shown.
            instead_of: the prompt it is an edit of: it follows what that one does, and that one stays.
            files: what goes with it.
            idempotency_key: what is submitted again under the same key within five minutes gets the same turn.

        Raises:
            InvalidRequest: nothing to send, too much of it, or a file that can't be taken.
            ConversationBusy: an answer is still running there.
            NotFound: no such conversation, or no such message in it.
        """
        text = _checked(text)
        if len(lanes) > MOST_LANES:
            raise InvalidRequest(f"One prompt gets {MOST_LANES} answers at most; these are {len(lanes)}.", "lanes")

        async def start() -> Turn:
            how = _how(len(lanes), blind=blind, in_turn=in_turn)
            attached = await read_all(files)
            return await self._start(
                text, lanes, conversation_id, kind, how, after, instead_of, attached, in_turn=in_turn
            )

        return await (self._submissions.once(idempotency_key, start) if idempotency_key else start())

    async def _start(
        self,
        text: str,
        lanes: Sequence[LaneSetup],
        conversation_id: str | None,
        kind: str,
        how: Mapping[str, Any],
        after: str | None,
        instead_of: str | None,
        attached: Sequence[Attachment],
        *,
        in_turn: bool,
    ) -> Turn:
        with self._claimed(conversation_id or token_hex(16)) as claimed:
            now = time.time_ns() // 1_000_000
            if conversation_id:
                conversation, tree = await self._read(conversation_id)
            else:
                conversation, tree = Conversation(claimed, kind, self._title(text), {}, now, now), Tree([])
            place = places.of_prompt(
                text,
                conversation,
                tree,
                after=after,
                instead_of=instead_of,
                how=how,
                files=[noted(one) for one in attached],
            )
            if conversation.kind == "compare":
                conversation.settings = conversation.settings | {"in_turn": in_turn}
            return await self._launch(place, dict(enumerate(lanes)), attached)

    async def answer_again(
        self, conversation_id: str, lanes: Mapping[int, LaneSetup], *, of: str | None = None, going_on: bool = False
    ) -> Turn:
        """Answers a prompt once more in the given lanes; the earlier answers stay, and what was said after them.

        Args:
            of: the answer that is to be given once more, or the prompt; when not given, the last one shown.
            going_on: from where each lane's answer broke off: its text is kept, and the new one is added to it.

        Raises:
            ConversationBusy, NotFound: as `start_turn`.
            InvalidRequest: nothing was asked yet.
        """
        with self._claimed(conversation_id):
            conversation, tree = await self._read(conversation_id)
            calls = await asyncio.to_thread(self._store.calls_of, conversation_id)
            writers = {call.lane_id: self._gateway.providers.label(call.provider) for call in calls}
            place = places.of_answer(of, lanes, conversation, tree, writers, going_on=going_on)
            return await self._launch(place, lanes)

    async def show(self, conversation_id: str, message_id: str) -> None:
        """Shows the branch that a message is in; what follows is as it was last shown there.

        Raises:
            NotFound: no such conversation, or no such message in it.
            StoreError: it can't be saved now.
        """
        _, tree = await self._read(conversation_id)
        changes = tree.showing(message_id)
        await self._committed([self._store.show(id, shown) for id, shown in changes], "The branch was not changed")

    async def fork(self, conversation_id: str, answer_id: str) -> str:
        """Copies the path up to an answer, of a comparison its lane, into a new chat; the original is left as it is.

        Returns the new conversation's id.

        Raises:
            InvalidRequest: the answer has not ended, or waits for a blind vote.
            NotFound: no such conversation, or no such message in it.
        """
        conversation, tree = await self._read(conversation_id)
        path = tree.path(answer_id)
        check_told(path, await asyncio.to_thread(self._store.votes_of, conversation_id))
        calls = {call.lane_id: call for call in await asyncio.to_thread(self._store.calls_of, conversation_id)}
        made, messages = forked(conversation, path, answer_id, calls)
        made.title = self._title(made.title)
        files = await asyncio.to_thread(self._store.attachments, [id for step in path for id in files_of(step.prompt)])
        saved = [self._store.save_conversation(made)]
        saved += [self._store.save_attachment(copied) for copied in copied_files(files, messages, made.id)]
        saved += map(self._store.save_message, messages)
        await self._committed(saved, "The fork was not made")
        return made.id

    async def ask_aside(self, conversation_id: str, number: int, text: str, setup: LaneSetup, merge: Merge) -> Turn:
        """Has something made of the answers to a prompt, beside them: no lane gets to know of it.

        Args:
            number: of the turn that it is made of, on the path that is shown.
            text: what is sent, with the prompt's files but without anything said before.

        Raises:
            ConversationBusy, NotFound: as `start_turn`.
            InvalidRequest: no such turn, or too much to send.
        """
        text = _checked(text)
        with self._claimed(conversation_id):
            conversation, tree = await self._read(conversation_id)
            step = next((found for found in tree.path() if found.prompt.turn == number), None)
            if step is None:
                raise InvalidRequest("There are no answers to go by.")
            index = step.merges[-1].lane + 1 if step.merges else FIRST_MERGE
            lane = Lane(token_hex(16), index, setup, merge=merge)
            prompt = step.prompt
            turn = Turn(conversation_id, number, prompt.content, prompt.id, [lane], prompt.created_at)
            conversation.updated_at = time.time_ns() // 1_000_000
            place = Place(
                conversation, [], replace(prompt, content=text), parts=await self._parts([], files_of(prompt))
            )
            return await self._send(turn, place, [self._store.save_conversation(conversation)])

    async def expected_cost(
        self, text: str, lanes: Sequence[LaneSetup], *, conversation_id: str | None = None
    ) -> list[Expectation]:
        """What a prompt may cost in each lane, and what stands against sending it; nothing is sent or reserved.

        Args:
            text: empty while it is not known.
            conversation_id: what was said there before is sent along.
        """
        before = (await self._read(conversation_id))[1].path() if conversation_id else []
        lengths = await asyncio.to_thread(self._store.completion_lengths, NEWEST)
        parts = await self._parts(before)
        prompts = [
            (setup.provider, prompt_of(setup, index, before, text, parts=parts)) for index, setup in enumerate(lanes)
        ]
        return expected_cost(prompts, self._gateway, lengths)

    async def outlook(self, setup: LaneSetup, path: Sequence[Step], characters: int) -> Outlook | None:
        """What a message of so many characters takes, sent after a path; None while nobody may be asked."""
        if time.monotonic() - self._lengths[0] > REMEMBERED_SECONDS:
            self._lengths = time.monotonic(), await asyncio.to_thread(self._store.completion_lengths, NEWEST)
        # Of a text only its length counts here.
        prompt = prompt_of(setup, 0, path, "x" * characters, parts=await self._parts(path))
        return outlook_of(setup.provider, prompt, self._gateway, self._lengths[1])

    def turn(self, conversation_id: str) -> Turn | None:
        """The turn running in a conversation, if one is."""
        return self._turns.get(conversation_id)

    def transcript(self, conversation_id: str) -> Transcript:
        """A conversation along the path that is shown, running answers as they stand now.

        Raises:
            NotFound: no such conversation.
        """
        turn = self._turns.get(conversation_id)
        turn = turn if turn and turn.running else None
        running = {lane.id: lane for lane in turn.lanes} if turn else {}
        conversation = self._store.conversation(conversation_id)
        tree = Tree(self._store.messages(conversation_id))
        path, calls = tuple(tree.path()), self._store.calls_of(conversation_id)
        votes = self._store.votes_of(conversation_id) if conversation.kind == "compare" else {}
        exchanges = exchanges_of(path, tree, calls, votes, self._store.feedback_of(conversation_id))
        shown = Transcript(conversation, exchanges, None, None, tree.branches, path, total_of(calls))
        if not exchanges or not any(one.id in running for one in (*exchanges[-1].answers, *exchanges[-1].merges)):
            return replace(shown, elsewhere=turn)
        *earlier, last = exchanges
        answers, merges = (
            tuple(_as_it_stands(answer, running.get(answer.id)) for answer in found)
            for found in (last.answers, last.merges)
        )
        if turn and not turn.running:
            # It ended meanwhile: what was read is from before, and no page would watch for its end.
            return self.transcript(conversation_id)
        return replace(shown, exchanges=(*earlier, replace(last, answers=answers, merges=merges)), turn=turn)

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

    async def rate(self, conversation_id: str, answer_id: str, good: bool | None, note: str = "") -> None:
        """Says what somebody thinks of an answer, in place of what was said before; None: nothing any more.

        Raises:
            InvalidRequest: this is no answer that has ended, or the note is too long.
            NotFound: no such conversation, or no such message in it.
        """
        messages = await asyncio.to_thread(self._store.messages, conversation_id)
        answer = next((message for message in messages if message.id == answer_id), None)
        if answer is None:
            raise NotFound
        if good is None:
            await self._store.remove_feedback(answer_id)
        else:
            await self._store.save_feedback(feedback_on(answer, good, note))

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
        saved = await asyncio.to_thread(self._store.rename, conversation_id, self._title(title))
        await saved

    async def tag(self, conversation_id: str, tags: Iterable[str]) -> None:
        """Gives a conversation other tags.

        Raises:
            InvalidRequest: too many of them.
        """
        kept = sorted(checked_tags(tags, most=TAGS_AT_MOST, of="conversation"))
        await (await asyncio.to_thread(self._store.tag, conversation_id, kept))

    async def close(self) -> None:
        """Ends running answers as interrupted, waits until they are saved, and erases what was deleted."""
        turns = list(self._turns.values())
        for turn in turns:
            turn.interrupt()
        await asyncio.gather(*(turn.wait() for turn in turns))
        await self.deletions.close()

    async def _read(self, conversation_id: str) -> tuple[Conversation, Tree]:
        """Raises `NotFound`."""
        conversation = await asyncio.to_thread(self._store.conversation, conversation_id)
        return conversation, Tree(await asyncio.to_thread(self._store.messages, conversation_id))

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

    async def _launch(self, place: Place, setups: Mapping[int, LaneSetup], attached: Sequence[Attachment] = ()) -> Turn:
        """Saves the prompt, the answers as far as they are and the call rows; then lets the lanes run."""
        prompt = place.prompt
        lanes = [Lane(token_hex(16), index, setup, place.begun.get(index)) for index, setup in setups.items()]
        turn = Turn(prompt.conversation_id, prompt.turn, prompt.content, prompt.id, lanes, prompt.created_at)
        place.conversation.updated_at = time.time_ns() // 1_000_000
        place.conversation.settings = place.conversation.settings | {"lanes": _all_setups(place.conversation, setups)}
        saved = [self._store.save_conversation(place.conversation)]
        for one in attached:
            self._shelf.put(one)
            saved.append(self._store.save_attachment(replace(one, conversation_id=place.conversation.id)))
        place = replace(place, parts=await self._parts(place.before, files_of(prompt)))
        saved += [self._store.save_message(message) for message in (place.missing, prompt) if message]
        saved += [self._store.show(id, shown) for id, shown in place.showing]
        in_turn = bool(prompt.facts.get("in_turn")) and not place.begun
        return await self._send(turn, place, saved, in_turn=in_turn)

    async def _send(self, turn: Turn, place: Place, saved: list[Saved], *, in_turn: bool = False) -> Turn:
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

    async def _committed(self, saved: Sequence[Saved], undone: str = "The message was not sent") -> None:
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                for save in saved:
                    await save
        except TimeoutError as error:
            trouble = self._store.writer.trouble or "The database is busy."
            raise StoreError(f"{trouble} {undone}, because it could not be saved.") from error

    async def _parts(self, before: Sequence[Step], attached: Sequence[str] = ()) -> dict[str, Content]:
        """By its id all that is attached on a path, as it is sent."""
        ids = [*(id for step in before for id in files_of(step.prompt)), *attached]
        return await self._shelf.parts(ids) if ids else {}

    def _aim(self, lane: Lane, place: Place) -> LaneState:
        """Begins the lane's request and returns its state; a lane that can't be sent fails with its reason."""
        prompt = prompt_of(
            lane.setup,
            lane.index,
            place.before,
            place.prompt.content,
            lane.begun.text,
            files_of(place.prompt),
            place.parts,
        )
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

    def _run(self, turn: Turn, place: Place) -> None:
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

    async def _run_after(self, before: asyncio.Task[None] | None, lane: Lane, turn: Turn, place: Place) -> None:
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


def _as_it_stands(answer: Answer, lane: Lane | None) -> Answer:
    return replace(lane.answer(), versions=answer.versions) if lane else answer


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


def _all_setups(conversation: Conversation, setups: Mapping[int, LaneSetup]) -> list[dict[str, Any]]:
    """The conversation's lanes with the given ones changed, as they are to be opened again."""
    lanes = dict(enumerate(conversation.settings.get("lanes", [])))
    lanes.update({index: setup.model_dump() for index, setup in setups.items()})
    return [lanes[index] for index in sorted(lanes)]
