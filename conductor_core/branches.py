"""Branches: a conversation is a tree of messages, of which one path is shown.

An answer hangs on its prompt, a prompt on the answer before it. Prompts on one answer are edits of each other, answers
on one prompt (and of one lane) its versions; of either the one with the highest `shown` is shown. What was made of the
answers hangs on their prompt too, but nothing follows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from conductor_core.errors import NotFound
from conductor_core.models import MessageRole
from conductor_core.prompt import Content, Message, Prompt
from conductor_core.store.records import StoredMessage

if TYPE_CHECKING:
    from conductor_core.turns import LaneSetup

CONTINUES = "continues"
"""Among an answer's facts: the id of the version it goes on from."""

FIRST_MERGE = 1000
"""From this lane on, what is stored beside the answers to a prompt was made of them: a merge each."""

NO_PARTS: Mapping[str, Content] = MappingProxyType({})

GO_ON = "Your answer broke off. Go on exactly where it ended, without repeating any of it."
"""What is sent after an answer that broke off, for it to be continued."""


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of a path.

    Attributes:
        edits: the prompts in its place, this one among them, oldest first.
        versions: of each lane all answers to this prompt, oldest first.
        answers: of each lane the one that is on the path; no lane, while there is no answer.
        merges: what was made of the answers, oldest first.
    """

    prompt: StoredMessage
    edits: tuple[StoredMessage, ...]
    versions: dict[int, tuple[StoredMessage, ...]]
    answers: dict[int, StoredMessage]
    merges: tuple[StoredMessage, ...] = ()

    @property
    def end(self) -> StoredMessage:
        """What the next prompt hangs on: the first lane's answer."""
        return self.answers[min(self.answers)] if self.answers else self.prompt


class Tree:
    """The messages of one conversation.

    Args:
        messages: by turn and version, prompts before answers, as `Store.messages` reads them.
    """

    def __init__(self, messages: Sequence[StoredMessage]) -> None:
        self._messages = {message.id: message for message in messages}
        self._after: dict[str | None, list[StoredMessage]] = {}
        for message in messages:
            self._after.setdefault(message.parent, []).append(message)

    @property
    def next_turn(self) -> int:
        """The number of a turn to come; on every path numbers rise."""
        return max((message.turn for message in self._messages.values()), default=-1) + 1

    @property
    def branches(self) -> int:
        """How many paths there are."""
        return sum(not self._after.get(message.id) for message in self._messages.values() if self._counts(message))

    def next_shown(self, parent: str | None, lane: int | None = None) -> int:
        """What `shown` has to be for a message to be shown there. `lane`: of an answer."""
        return max((message.shown for message in self._beside(parent, lane)), default=-1) + 1

    def path(self, to: str | None = None) -> list[Step]:
        """The path that is shown, or the one that ends at a message.

        Raises:
            NotFound: there is no such message.
        """
        return list(self._down()) if to is None else list(self._up(self._message(to)))[::-1]

    def showing(self, message_id: str) -> list[tuple[str, int]]:
        """What `shown` has to become of which messages for one to be shown; none where it is.

        Raises:
            NotFound: there is no such message.
        """
        found: list[tuple[str, int]] = []
        message: StoredMessage | None = self._message(message_id)
        while message:
            lane = message.lane if _is_answer(message) else None
            if _shown(self._beside(message.parent, lane)) is not message:
                found.append((message.id, self.next_shown(message.parent, lane)))
            message = self._messages.get(message.parent or "")
        return found

    def _down(self) -> Iterator[Step]:
        prompts = self._beside(None)
        while prompts:
            step = self._step(_shown(prompts))
            yield step
            prompts = self._beside(step.end.id)

    def _up(self, message: StoredMessage | None) -> Iterator[Step]:
        while message:
            if not _is_answer(message):
                step = self._step(message)
            elif _is_merge(message):
                step = self._step(self._message(message.parent or ""))
            else:
                step = self._step(self._message(message.parent or ""), message)
            yield step
            message = self._messages.get(step.prompt.parent or "")

    def _step(self, prompt: StoredMessage, answer: StoredMessage | None = None) -> Step:
        given = [message for message in self._after.get(prompt.id, ()) if _is_answer(message)]
        lanes = sorted({message.lane for message in given if not _is_merge(message)})
        merges = sorted(filter(_is_merge, given), key=lambda message: message.lane)
        versions = {lane: self._beside(prompt.id, lane) for lane in lanes}
        answers = {lane: _shown(of_lane) for lane, of_lane in versions.items()}
        if answer:
            answers[answer.lane] = answer
        return Step(prompt, self._beside(prompt.parent), versions, answers, tuple(merges))

    def told(self, versions: Sequence[StoredMessage], shown: StoredMessage) -> list[StoredMessage]:
        """Versions that are worth looking at: not those that a later one continues, unless a path goes on from them."""
        return [one for one in versions if one is shown or self._after.get(one.id) or not _is_continued(one, versions)]

    def _counts(self, message: StoredMessage) -> bool:
        """Whether a path may end at it."""
        if not _is_answer(message):
            return True
        versions = self._beside(message.parent, message.lane)
        return message.lane == 0 and not _is_continued(message, versions)

    def _beside(self, parent: str | None, lane: int | None = None) -> tuple[StoredMessage, ...]:
        """The prompts there, or the answers of a lane."""
        return tuple(
            message
            for message in self._after.get(parent, ())
            if (message.lane == lane if _is_answer(message) else lane is None)
        )

    def _message(self, id: str) -> StoredMessage:
        if id not in self._messages:
            raise NotFound
        return self._messages[id]


def files_of(prompt: StoredMessage) -> list[str]:
    """The ids of what is attached to a prompt."""
    return [file["id"] for file in prompt.facts.get("files", ())]


def prompt_of(
    setup: LaneSetup,
    index: int,
    before: Sequence[Step],
    text: str,
    begun: str = "",
    attached: Sequence[str] = (),
    parts: Mapping[str, Content] = NO_PARTS,
) -> Prompt:
    """System prompt, all that was said in this lane on the path before, and the new message.

    Args:
        begun: the answer as far as it came, to be gone on with.
        attached: ids of what goes with the new message.
        parts: by its id what is attached, here or on the path; what is not there is left out.
    """

    def said_with(content: str, ids: Sequence[str]) -> Message:
        return Message.of(MessageRole.USER, content, [parts[id] for id in ids if id in parts])

    system = [Message.of(MessageRole.SYSTEM, setup.system)] if setup.system else []
    said = []
    for step in before:
        if step.prompt.turn < setup.first_turn:
            continue
        said.append(said_with(step.prompt.content, files_of(step.prompt)))
        answer = step.answers.get(index)
        if answer and answer.content:
            said.append(Message.of(MessageRole.ASSISTANT, answer.content))
    asked = [said_with(text, attached)]
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


def _is_answer(message: StoredMessage) -> bool:
    return message.role == MessageRole.ASSISTANT


def _is_merge(message: StoredMessage) -> bool:
    return message.lane >= FIRST_MERGE


def _shown(messages: Sequence[StoredMessage]) -> StoredMessage:
    """Of equals the newest."""
    return max(messages, key=lambda message: (message.shown, message.turn, message.version, message.created_at))


def _is_continued(answer: StoredMessage, versions: Sequence[StoredMessage]) -> bool:
    return any(later.facts.get(CONTINUES) == answer.id for later in versions)
