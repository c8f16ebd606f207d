"""Random histories of one installation: messages sent, failed, stopped, doubled; the process killed and opened again.

A real database, a real process that is really killed, a real upstream. After every step what is read back is what the
history says: no message lost, none doubled, no answer anybody else's.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.beside import upstream_beside
from tests.conftest import SCALE
from tests.installation import environment_for
from tests.killable import Killable, Told, prepared
from tests.upstream import Plan, Upstream

HISTORIES = 1000 if SCALE >= 20 else 4 * SCALE
STEPS = 15

MANNERS = {
    "words-12": {"done"},
    "words-1": {"done"},
    "status-400": {"failed"},
    "status-500": {"failed"},
    "cut-0": {"failed"},
    "cut-3": {"incomplete"},
    "stall-3": {"stopped"},
    "silent": {"stopped"},
    "gap-5-words-40": {"done", "stopped"},
}
"""How an answer may go, in the words of the tests' upstream, and how it may end while the process lives."""
ENDLESS = {"stall-3", "silent"}
ATTEMPTS = {"status-500": 3, "cut-0": 2}
RUNNING = {"waiting", "streaming"}

manners = st.sampled_from(sorted(MANNERS))
clicks = st.integers(1, 3)
which = st.integers(0, 11)
"""A conversation, of however many there are: what is drawn must not depend on how a kill went."""


@dataclass
class Said:
    """One message, and the manners in which it was answered, one after the other.

    Attributes:
        before: the messages of its conversation up to it.
        running: its answer may still be running.
        interrupted: the process ended while it may have been.
    """

    text: str
    before: list[str]
    manners: list[str]
    running: bool = True
    interrupted: bool = False


@dataclass
class Story:
    """One conversation."""

    id: str
    said: list[Said] = field(default_factory=list)

    @property
    def last(self) -> Said:
        return self.said[-1]

    @property
    def texts(self) -> list[str]:
        return [said.text for said in self.said]


class Histories(RuleBasedStateMachine):
    """What a person and a bad day can do to an installation.

    Attributes:
        unsure: what was being submitted when the process was killed: where, and the message.
        fresh: the messages whose submission this process knows.
    """

    upstream: Upstream
    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(mkdtemp(dir=self.template.parent))
        shutil.copytree(self.template, self.home, dirs_exist_ok=True)
        self.first_request = len(self.upstream.requests)
        self.stories: list[Story] = []
        self.everything: dict[str, Said] = {}
        self.unsure: list[tuple[Story | None, Said]] = []
        self.fresh: set[str] = set()
        self.process: Killable | None = None

    @initialize()
    def open(self) -> None:
        self.process = Killable(environment_for(self.home, self.upstream).merged())
        self.fresh = set()

    @precondition(lambda self: self.process is None)
    @rule()
    def reopen(self) -> None:
        """What was being submitted is there once or not at all; everything else is as it was."""
        self.open()
        for story in self.stories:
            story.last.interrupted = story.last.interrupted or story.last.running
            story.last.running = False
        for id, exchanges in self.alive.ask("read"):
            if not exchanges:  # killed when only the conversation's own row was committed
                assert any(story is None for story, _ in self.unsure)
                self.alive.ask("delete", id)
        for place, said in self.unsure:
            everything: list[Told] = self.alive.ask("read")
            found = [id for id, exchanges in everything if said.text in [prompt for prompt, _ in exchanges]]
            assert len(found) <= 1
            if found and place is None:
                self.stories.append(Story(found[0], [said]))
            elif found and place is not None:
                assert found == [place.id]
                place.said.append(said)
            else:
                assert not self.requests_for(said.text)
        self.unsure = []

    @precondition(lambda self: self.process)
    @rule(manner=manners, clicks=clicks)
    def create(self, manner: str, clicks: int) -> None:
        """A new conversation; its message is submitted once, or several times at once."""
        said = self.new(None, manner)
        [id] = set(self.alive.ask("start", said.text, f"any-{manner}", None, [said.text] * clicks))
        self.stories.append(Story(id, [said]))

    @precondition(lambda self: self.process)
    @rule(which=which, manner=manners, clicks=clicks)
    def send(self, which: int, manner: str, clicks: int) -> None:
        """A further message; while an answer is running it is refused, and then it is nowhere."""
        story = self.pick(which)
        if story is None:
            return
        said = self.new(story, manner)
        [told] = set(self.alive.ask("start", said.text, f"any-{manner}", story.id, [said.text] * clicks))
        if told == "ConversationBusy":
            assert story.last.running
            said.manners = []
            return
        assert told == story.id
        story.last.running = False
        story.said.append(said)

    @precondition(lambda self: self.process)
    @rule(which=which)
    def submit_once_more(self, which: int) -> None:
        """The last message of a conversation, under the key it had: nothing happens."""
        story = self.pick(which)
        if story is None:
            return
        if story.last.text in self.fresh:
            told = self.alive.ask("start", story.last.text, "any", story.id, [story.last.text])
            assert told == [story.id]

    @precondition(lambda self: self.process)
    @rule(which=which, manner=manners)
    def answer_again(self, which: int, manner: str) -> None:
        """The last message once more, unless its answer is running."""
        story = self.pick(which)
        if story is None:
            return
        told = self.alive.ask("again", story.id, f"any-{manner}")
        if told == "ConversationBusy":
            assert story.last.running
            return
        assert told == story.id
        story.last.manners.append(manner)
        story.last.running, story.last.interrupted = True, False

    @precondition(lambda self: self.process)
    @rule(which=which)
    def stop(self, which: int) -> None:
        """The user's own end of an answer."""
        story = self.pick(which)
        if story is None:
            return
        self.alive.ask("stop", story.id)
        story.last.running = False

    @precondition(lambda self: self.process)
    @rule(which=which, characters=st.sampled_from([1, 10, 100_000]))
    def wait(self, which: int, characters: int) -> None:
        """For a part of an answer, or all of it."""
        story = self.pick(which)
        if story is None:
            return
        if story.last.manners[-1] not in ENDLESS:
            self.alive.ask("wait", story.id, characters)
            story.last.running = story.last.running and characters < 100_000

    @precondition(lambda self: self.process)
    @rule(which=which)
    def delete(self, which: int) -> None:
        """Gone for good."""
        story = self.pick(which)
        if story is None:
            return
        self.alive.ask("delete", story.id)
        self.stories.remove(story)

    @precondition(lambda self: self.process)
    @rule()
    def close(self) -> None:
        """As a server is closed."""
        self.alive.close()
        self.process = None

    @precondition(lambda self: self.process)
    @rule()
    def kill(self) -> None:
        """Between two steps; answers may be running."""
        self.alive.kill()
        self.process = None

    @precondition(lambda self: self.process)
    @rule(which=which, manner=manners, milliseconds=st.integers(0, 20), clicks=clicks, new=st.booleans())
    def kill_in_a_submission(self, which: int, manner: str, milliseconds: int, clicks: int, new: bool) -> None:
        """Nobody has been told yet that the message was taken."""
        story = None if new else self.pick(which)
        said = self.new(story, manner)
        self.alive.begin("start", said.text, f"any-{manner}", story and story.id, [said.text] * clicks)
        time.sleep(milliseconds / 1000)
        self.kill()
        if story:
            story.last.interrupted = story.last.interrupted or story.last.running
        said.running, said.interrupted = False, True
        self.unsure.append((story, said))

    @invariant()
    def all_is_as_told(self) -> None:
        """What can be read is the history; what upstream was asked is it too."""
        self.nothing_was_sent_twice()
        if self.process is None:
            return
        told: list[Told] = self.alive.ask("read")
        assert sorted(id for id, _ in told) == sorted(story.id for story in self.stories)
        found = dict(told)
        for story in self.stories:
            assert [prompt for prompt, _ in found[story.id]] == story.texts
            for said, (_, answers) in zip(story.said, found[story.id], strict=True):
                check_answer(said, answers)
        attempts = Counter((lane, number) for lane, _, number in self.alive.ask("calls") if lane)
        assert set(attempts.values()) <= {1}

    def nothing_was_sent_twice(self) -> None:
        """Every message went out at most as often as it was to be answered, after those before it and no others."""
        for said in self.everything.values():
            received = self.requests_for(said.text)
            assert len(received) <= sum(ATTEMPTS.get(manner, 1) for manner in said.manners)
            assert all(texts == [*said.before, said.text] for texts in received)

    def requests_for(self, text: str) -> list[list[str]]:
        """The messages of the user in every request that ended in this one."""
        asked = [
            [message["content"] for message in received.body["messages"] if message["role"] == "user"]
            for received in self.upstream.requests[self.first_request :]
        ]
        return [texts for texts in asked if texts[-1] == text]

    @property
    def alive(self) -> Killable:
        assert self.process
        return self.process

    def new(self, story: Story | None, manner: str) -> Said:
        """A message nobody has sent before."""
        text = f"message {len(self.everything)} of {self.home.name}"
        self.everything[text] = said = Said(text, story.texts if story else [], [manner])
        self.fresh.add(text)
        return said

    def pick(self, which: int) -> Story | None:
        return self.stories[which % len(self.stories)] if self.stories else None

    def teardown(self) -> None:
        """Closed and opened once more, all is still there."""
        try:
            if self.process:
                self.close()
            if self.home.exists():
                self.reopen()
                self.all_is_as_told()
        finally:
            if self.process:
                self.process.kill()
            shutil.rmtree(self.home)


def check_answer(said: Said, answers: list[tuple[str, str]]) -> None:
    """One answer, in a state its manner allows, with its own text as far as that came."""
    [(state, text)] = answers
    manner = said.manners[-1]
    allowed = MANNERS[manner] | (RUNNING if said.running else set()) | ({"interrupted"} if said.interrupted else set())
    if not text:
        allowed = allowed | {"failed"}  # after many faults its provider is not asked for a while
    if manner == "cut-3" or said.running or state == "stopped":
        allowed = allowed | {"stopped"}  # before it came to that
    assert state in allowed
    whole = "" if manner.startswith("status") else Plan.of(manner).text
    assert whole.startswith(text)
    if state == "done":
        assert text == whole


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with upstream_beside() as beside:
        yield beside.upstream


@pytest.mark.timeout(60 + 4 * HISTORIES)
def test_no_message_is_lost_or_doubled(tmp_path: Path, upstream: Upstream) -> None:
    """Whatever happens, in whatever order."""
    template = tmp_path / "template"
    prepared(template)
    machine = type("Machine", (Histories,), {"upstream": upstream, "template": template})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=HISTORIES, stateful_step_count=STEPS, print_blob=False)
    )
