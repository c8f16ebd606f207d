"""A conversation as a tree: which path is shown, what is sent along, and that nothing is ever out of reach."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_core.branches import CONTINUES, Tree, prompt_of
from conductor_core.errors import NotFound
from conductor_core.kinds import LaneState
from conductor_core.models import MessageRole
from conductor_core.store.records import StoredMessage
from conductor_core.turns import LaneSetup


class Grown:
    """A tree and the messages it is made of, in the order of the store."""

    def __init__(self) -> None:
        self.messages: list[StoredMessage] = []

    @property
    def tree(self) -> Tree:
        order = sorted(self.messages, key=lambda m: (m.turn, m.role == MessageRole.ASSISTANT, m.lane, m.version))
        return Tree(order)

    def say(self, text: str, after: str | None = None, shown: int | None = None) -> str:
        shown = self.tree.next_shown(after) if shown is None else shown
        return self._add(f"p{len(self.messages)}", self.tree.next_turn, MessageRole.USER, text, after, 0, shown)

    def answer(self, prompt: str, text: str = "", **facts: object) -> str:
        turn = next(m.turn for m in self.messages if m.id == prompt)
        version = sum(m.parent == prompt and m.role == MessageRole.ASSISTANT for m in self.messages)
        id, shown = f"a{len(self.messages)}", self.tree.next_shown(prompt, 0)
        return self._add(id, turn, MessageRole.ASSISTANT, text or id, prompt, version, shown, **facts)

    def show(self, id: str) -> None:
        changes = dict(self.tree.showing(id))
        self.messages = [replace(m, shown=changes.get(m.id, m.shown)) for m in self.messages]

    def shown(self, to: str | None = None) -> list[str]:
        return [id for step in self.tree.path(to) for id in (step.prompt.id, *(a.id for a in step.answers.values()))]

    def _add(
        self,
        id: str,
        turn: int,
        role: MessageRole,
        text: str,
        parent: str | None,
        version: int,
        shown: int,
        **facts: object,
    ) -> str:
        made = StoredMessage(id, "c", turn, 0, version, role, text, "", LaneState.DONE, facts, 0, parent, shown)
        self.messages.append(made)
        return id


def test_an_edit_begins_a_path_and_the_old_one_can_be_gone_back_to() -> None:
    """With everything that was said after it, also what was chosen there."""
    grown = Grown()
    first = grown.say("First")
    one = grown.answer(first)
    second = grown.say("Second", one)
    two, other = grown.answer(second), grown.answer(second)
    grown.show(two)
    edit = grown.say("Second, otherwise", one)
    edited = grown.answer(edit)
    assert grown.shown() == [first, one, edit, edited]
    assert [edit.id for edit in grown.tree.path()[1].edits] == [second, edit]
    grown.show(second)
    assert grown.shown() == [first, one, second, two]
    assert grown.shown(other) == [first, one, second, other]
    assert grown.tree.branches == 3


def test_another_answer_begins_a_path_and_what_followed_the_first_stays_with_it() -> None:
    """A version in mid-conversation is the end of its own path."""
    grown = Grown()
    first = grown.say("First")
    one = grown.answer(first)
    second = grown.say("Second", one)
    two = grown.answer(second)
    again = grown.answer(first)
    assert grown.shown() == [first, again]
    grown.show(two)
    assert grown.shown() == [first, one, second, two]
    assert grown.tree.showing(two) == []


def test_what_a_later_answer_continues_is_no_branch() -> None:
    """Unless somebody had gone on from it."""
    grown = Grown()
    first = grown.say("First")
    cut = grown.answer(first, "Once")
    whole = grown.answer(first, "Once upon", **{CONTINUES: cut})
    [step] = grown.tree.path()
    assert [one.id for one in grown.tree.told(step.versions[0], step.answers[0])] == [whole]
    assert grown.tree.branches == 1
    grown.say("And?", cut)
    assert [one.id for one in grown.tree.told(step.versions[0], step.answers[0])] == [cut, whole]
    assert grown.tree.branches == 2


def test_only_the_path_is_sent_along() -> None:
    """Nothing of other branches, nothing before the first turn that fits, nothing of other lanes."""
    grown = Grown()
    first = grown.say("First")
    one, _ = grown.answer(first, "One"), grown.answer(first, "One, otherwise")
    second = grown.say("Second", one)
    two = grown.answer(second, "Two")

    def sent(**setup: object) -> list[str]:
        prompt = prompt_of(LaneSetup.model_validate(setup), 0, grown.tree.path(two), "Third")
        return [message.text for message in prompt.messages]

    assert sent() == ["First", "One", "Second", "Two", "Third"]
    assert sent(first_turn=1, system="Be brief.") == ["Be brief.", "Second", "Two", "Third"]
    others = prompt_of(LaneSetup(), 1, grown.tree.path(two), "Third")
    assert [message.text for message in others.messages] == ["First", "Second", "Third"]


def test_what_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        Grown().tree.path("nobody")
    assert Grown().tree.path() == []


@given(st.data())
def test_every_message_can_be_shown_with_all_it_follows(data: st.DataObject) -> None:
    """Random trees: the path to any message is its ancestors, showing it shows them, and each leaf is a path's end."""
    grown = Grown()
    ids: list[str] = []
    for _ in range(data.draw(st.integers(1, 12))):
        answers = [id for id in ids if id[0] == "a"]
        prompts = [id for id in ids if id[0] == "p"]
        if bool(prompts) and data.draw(st.booleans()):
            ids.append(grown.answer(data.draw(st.sampled_from(prompts))))
        else:
            ids.append(grown.say("?", data.draw(st.sampled_from([None, *answers]))))
        if data.draw(st.booleans()):
            grown.show(data.draw(st.sampled_from(ids)))
    parents = {m.id: m.parent for m in grown.messages}
    leaves = set(parents) - set(parents.values())
    assert grown.tree.branches == len(leaves)
    for id in ids:
        ancestors: list[str] = []
        at = parents[id]
        while at is not None:
            ancestors.insert(0, at)
            at = parents[at]
        expected = [*ancestors, id]
        assert grown.shown(id)[: len(expected)] == expected
        grown.show(id)
        assert grown.shown()[: len(expected)] == expected
        assert grown.shown()[-1] in leaves
