"""Tags of conversations: kept, listed, and found by."""

from __future__ import annotations

import pytest

from conductor_core.store.database import Store
from tests.store.rows import conversation

NASTY = ["%", '"', "\\", "_", "50% off", 'say "work"', "работа", "مهم", "work"]


@pytest.mark.parametrize("tag", NASTY)
def test_a_list_is_of_one_tag_alone(store: Store, tag: str) -> None:
    """Every character is literal."""
    for other in NASTY:
        chat = conversation(title=f"Title of {other}", tags=[other])
        store.save_conversation(chat).result(10)
    assert [chat.tags for chat in store.conversations("chat", tag=tag)] == [[tag]]
    assert store.tags("chat") == sorted(NASTY)
    assert store.tags("compare") == []


def test_a_conversation_is_found_by_its_tags(store: Store) -> None:
    """As long as it has them, also after its title changed and after it was used again."""
    chat = conversation(title="Rivers")
    store.save_conversation(chat)
    store.tag(chat.id, ["geography", "work"]).result(10)
    assert [hit.conversation.id for hit in store.search("geogr", "chat")] == [chat.id]
    store.rename(chat.id, "Lakes").result(10)
    assert [hit.conversation.title for hit in store.search("geography lakes", "chat")] == ["Lakes"]
    store.save_conversation(store.conversation(chat.id)).result(10)
    assert store.search("geography", "chat")
    assert store.conversation(chat.id).tags == ["geography", "work"]
    store.tag(chat.id, ["work"]).result(10)
    assert store.search("geography", "chat") == []
    assert store.search("lakes", "chat")


def test_tags_of_what_is_gone(store: Store) -> None:
    """It stays gone."""
    store.tag("f" * 32, ["work"]).result(10)
    assert store.tags("chat") == []
