"""Whole conversations: added all or none, read one after the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conductor_core.errors import NotFound
from conductor_core.store import wholes
from conductor_core.store.database import Store
from conductor_core.store.wholes import AT_ONCE, Whole
from tests.store.rows import answer, conversation, finished, fresh_id, message


def whole(**given: object) -> Whole:
    """A question and its answer."""
    chat = conversation(**given)
    asked = message(chat.id)
    return Whole(chat, [asked, answer(chat.id, parent=asked.id)])


def test_one_that_is_refused_refuses_all(store: Store) -> None:
    """Nothing of the others is left, neither to read nor to find; what is saved beside them is."""
    good, bad = whole(), whole()
    bad.messages[1] = replace(bad.messages[1], conversation_id=fresh_id())
    beside = conversation(title="Beside")
    added, saved = store.add([good, bad]), store.save_conversation(beside)
    with pytest.raises(NotFound):
        added.result(10)
    saved.result(10)
    assert [chat.title for chat in store.conversations("chat")] == ["Beside"]
    assert store.search("rivers", "chat") == []
    store.add([good]).result(10)
    assert wholes.one(store, good.conversation.id).messages == good.messages
    assert len(store.search("rivers", "chat")) == 1


def test_what_is_there_stays_as_it_is(store: Store) -> None:
    """The same twice is once."""
    one = whole()
    store.add([one]).result(10)
    store.rename(one.conversation.id, "Another").result(10)
    store.add([one]).result(10)
    assert store.conversation(one.conversation.id).title == "Another"
    assert len(store.messages(one.conversation.id)) == 2


def test_all_are_read_in_order(store: Store) -> None:
    """More than fit into memory at once, with their calls; deleted ones are not among them."""
    told = [whole(created_at=number // 2) for number in range(AT_ONCE * 2 + 3)]
    store.add(told).result(10)
    call = finished(conversation_id=told[0].conversation.id, lane_id=told[0].messages[1].id)
    store.save_call(call)
    store.hide(told[-1].conversation.id, 10**15).result(10)
    found = list(wholes.every(store))
    assert len(found) == len(told) - 1
    places = [(one.conversation.created_at, one.conversation.id) for one in found]
    assert places == sorted(places)
    [first] = [one for one in found if one.conversation.id == told[0].conversation.id]
    assert first.calls == [call]
    ids = [one.conversation.id for one in told]
    assert wholes.known(store, [*ids, fresh_id()]) == set(ids)
    with pytest.raises(NotFound):
        wholes.one(store, told[-1].conversation.id)
