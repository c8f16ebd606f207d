"""Deleting in a moment: out of sight at once, brought back in time, erased in the end whatever happens meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from conductor_core.deletions import Deletions
from conductor_core.errors import NotFound
from conductor_core.store.database import Store
from tests.store.rows import conversation, message


async def kept(store: Store) -> str:
    """A conversation with a message; its id."""
    chat = conversation()
    store.save_conversation(chat)
    await store.save_message(message(chat.id))
    return chat.id


async def test_it_is_gone_at_once_and_erased_in_a_moment(store: Store) -> None:
    """No list, search or address shows it; then nothing is left."""
    id = await kept(store)
    deletions = Deletions(store, wait=0.2)
    await deletions.begin(id)
    assert store.conversations("chat") == []
    assert store.search("rhine", "chat") == []
    with pytest.raises(NotFound):
        store.conversation(id)
    assert store.messages(id)
    async with asyncio.timeout(10):
        while store.messages(id):
            await asyncio.sleep(0.01)
    assert store.put_away() == {}
    assert not await deletions.undo(id)


async def test_in_time_it_comes_back(store: Store) -> None:
    """Whole, and it stays when the time is over."""
    id = await kept(store)
    deletions = Deletions(store, wait=0.1)
    await deletions.begin(id)
    assert await deletions.undo(id)
    await deletions.close()
    assert store.conversation(id).id == id
    assert len(store.messages(id)) == 1


async def test_closing_erases_at_once(store: Store) -> None:
    """Whoever deletes and leaves finds nothing at the next start."""
    id = await kept(store)
    deletions = Deletions(store)
    await deletions.begin(id)
    await deletions.close()
    assert store.messages(id) == []


async def test_a_dead_copys_deletions_are_taken_up(store: Store) -> None:
    """After a crash the next start erases what was put away, when its time is over."""
    id = await kept(store)
    await store.hide(id, 1)
    deletions = Deletions(store)
    await deletions.take_up()
    async with asyncio.timeout(10):
        while store.put_away():
            await asyncio.sleep(0.01)
    assert store.messages(id) == []


async def test_what_another_copy_brought_back_is_kept(store: Store) -> None:
    """The time being over, it is looked whether the conversation is still to be deleted."""
    id = await kept(store)
    deletions = Deletions(store)
    await deletions.begin(id)
    await store.hide(id, None)
    await deletions.close()
    assert store.conversation(id).id == id
