"""Search, on both databases: what is found, what is shown of it, and what is left of a deleted word."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from conductor_core.kinds import LaneState
from conductor_core.store.database import Store
from conductor_core.store.words import finds, fold, terms_of, words_of
from tests.conftest import OpenStore
from tests.store.conftest import DatabaseOf
from tests.store.rows import answer, conversation, fresh_id, message

LETTERS = "abÄßΣς京ﾀが😀1½_-'\"*%\\():^&|! \n"
WORDS = "ab ba a\u0301 SS ﬁ İ 東京 タワー か\u3099 한국 ไทย कि 👩\u200d🚀 🇫🇷 AND OR \ue000chat \u0345 \u200b"
PIECES = st.sampled_from([*LETTERS, *WORDS.split(), " "])
TEXTS = st.lists(PIECES, min_size=1, max_size=7).map("".join)
ANYTHING = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def said(store: Store, *contents: str, title: str = "Rivers", kind: str = "chat") -> list[str]:
    """A conversation with these messages; their ids."""
    chat = conversation(title=title, kind=kind)
    store.save_conversation(chat)
    made = [message(chat.id, turn=turn, content=content) for turn, content in enumerate(contents)]
    for one in made:
        store.save_message(one)
    store.writer.submit(store._statements.touch, (1, chat.id), chat.id).result(10)
    return [one.id for one in made]


def found(store: Store, query: str, kind: str = "chat") -> list[str]:
    """The ids of the messages a query finds; empty for a title."""
    return [hit.message_id for hit in store.search(query, kind)]


@pytest.mark.parametrize(
    ("query", "content"),
    [
        ("rhine", "How long is the Rhine?"),
        ("LONG rhi", "How long is the Rhine?"),
        ("koln grusse", "Grüße aus Köln"),
        ("Ko\u0308ln", "KÖLN"),
        ("strasse", "Die Straße"),
        ("ＣＡＦＥ", "Un café"),
        ("京タ", "東京タワーは高い"),
        ("高", "東京タワーは高い"),
        ("🚀", "Ready 👩\u200d🚀 steady"),
        ("ελλαδος", "ΕΛΛΆΔΟΣ"),
        ("100%", "It is 100 percent"),
        ('"quoted', "he is quoted"),
        ("not and or", "and or not"),
        ("3.14", "π is 3.14159"),
    ],
)
def test_words_are_found(store: Store, query: str, content: str) -> None:
    """Whatever their case, width and accents, the last by its beginning; CJK and emoji where no blanks are."""
    [id] = said(store, content)
    assert found(store, query) == [id]


@pytest.mark.parametrize(
    "query", ["hine", "rhine* long", "r_ine", "%", "", " ", '"', "rhine OR elbe", "NOT elbe", "lon rhine"]
)
def test_nothing_is_more_than_its_letters(store: Store, query: str) -> None:
    """Wildcards and operators are text; only the last word may go on; a query without a word finds nothing."""
    said(store, "How long is the Rhine?")
    assert found(store, query) == [] or query == "rhine* long"


def test_titles_come_first_then_the_newest(store: Store) -> None:
    """Each page goes on where the one before ended, and no other kind's texts are in it."""
    first, second = said(store, "the Rhine", "the Rhine again")
    said(store, "nothing", title="Rhine and Ruhr")
    said(store, "the Rhine", kind="compare")
    assert found(store, "rhine") == ["", second, first]
    pages = [store.search("rhine", "chat", 1, offset)[0].message_id for offset in range(3)]
    assert pages == ["", second, first]
    assert store.search("rhine", "chat", 10, 3) == []


def test_a_hit_says_where(store: Store) -> None:
    """Its conversation, its turn, and the words in the text as it was written."""
    said(store, "Nothing here", "Und nun:\n\n  viele Grüße aus *Köln*!")
    [hit] = store.search("koln grusse", "chat")
    assert (hit.conversation.title, hit.turn) == ("Rivers", 1)
    assert [hit.snippet.text[start:end] for start, end in hit.snippet.marks] == ["Grüße", "Köln"]


def test_what_changes_is_found_as_it_is_now(store: Store) -> None:
    """A new title instead of the old one; an answer once it has ended; nothing of what was put away."""
    chat = conversation(title="Old name")
    store.save_conversation(chat)
    grows = answer(chat.id, content="flowing", state=LaneState.STREAMING)
    store.save_message(grows).result(10)
    assert found(store, "flowing") == []
    grows.content, grows.state = "flowing rivers", LaneState.DONE
    store.save_message(grows)
    store.rename(chat.id, "New name").result(10)
    assert (found(store, "flowing rivers"), found(store, "old"), found(store, "new")) == ([grows.id], [], [""])
    store.hide(chat.id, 1).result(10)
    assert found(store, "new") == []
    assert store.conversations("chat") == []
    store.hide(chat.id, None).result(10)
    assert found(store, "new") == [""]
    store.delete(chat.id).result(10)
    assert found(store, "new") == []


def test_a_cut_answer_is_found_after_the_restart(open_store: OpenStore) -> None:
    """As far as it had come."""
    store = open_store()
    chat = conversation()
    store.save_conversation(chat)
    cut = answer(chat.id, content="half an ans", state=LaneState.STREAMING)
    store.save_message(cut).result(10)
    store.close()
    store = open_store()
    hits = found(store, "half")
    store.close()
    assert hits == [cut.id]


def test_pinned_and_archived(store: Store) -> None:
    """Pinned ones lead the list, archived ones have their own; saving a conversation again changes neither."""
    chats = [conversation(updated_at=at) for at in (1, 2, 3)]
    for chat in chats:
        store.save_conversation(chat)
    store.pin(chats[0].id, True)
    store.archive(chats[1].id, True)
    store.save_conversation(chats[0]).result(10)
    assert [(chat.id, chat.pinned) for chat in store.conversations("chat")] == [
        (chats[0].id, True),
        (chats[2].id, False),
    ]
    assert [chat.id for chat in store.conversations("chat", archived=True)] == [chats[1].id]


def test_a_huge_text_is_found_by_its_beginning(store: Store) -> None:
    """A message as long as they get, of different words all over, is saved and found."""
    [id] = said(store, " ".join(f"w{number:x}" for number in range(200_000)))
    assert found(store, "w1 w2 wff") == [id]


@settings(max_examples=40)
@given(
    texts=st.lists(TEXTS | ANYTHING, min_size=1, max_size=4), queries=st.lists(TEXTS | ANYTHING, min_size=1, max_size=6)
)
def test_a_search_finds_what_looking_at_every_text_finds(store: Store, texts: list[str], queries: list[str]) -> None:
    """On random texts and queries: no hit more, no hit less, and each shows why."""
    ids = said(store, *texts)
    for query in [*queries, *texts]:
        hits = {hit.message_id: hit for hit in store.search(query, "chat", 10_000)}
        assert {id for id in ids if id in hits} == {
            id for id, content in zip(ids, texts, strict=True) if finds(query, content)
        }
        assert all(hits[id].snippet.marks for id in ids if id in hits)


@given(ANYTHING)
def test_folding_is_done_once_and_for_all(text: str) -> None:
    """A word is found by itself: what is folded stays as it is, and so do its words."""
    assert fold(fold(text)) == fold(text)
    assert words_of(fold(text)) == words_of(text)
    assert not terms_of(text) or finds(text, text)


def test_no_word_of_a_deleted_conversation_stays_in_the_files(file_store: Store, home: Path) -> None:
    """Neither a text nor its words, folded as the index keeps them, nor what a title was before; others stay found."""
    chat, other = conversation(title="Wrzlbrmft one"), conversation(title="Kept")
    for one in (chat, other):
        file_store.save_conversation(one)
    for turn in range(40):
        file_store.save_message(message(chat.id, turn=turn, content=f"Knrztflx{turn} GRÖBZLX {fresh_id()}")).result(10)
        file_store.save_message(message(other.id, turn=turn, content=f"harmless {fresh_id()}")).result(10)
    file_store.rename(chat.id, "Zlpfmtk two").result(10)
    file_store.delete(chat.id).result(10)
    left = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file()).lower()
    for word in (b"wrzlbrmft", b"knrztflx", b"grobzlx", b"zlpfmtk", b"rzlbrm", b"nrztfl", b"lpfmt"):
        assert word not in left
    assert len(file_store.search("harmless", "chat", 100)) == 40


def test_what_was_there_before_search_is_found(database_of: DatabaseOf, open_store: OpenStore) -> None:
    """Titles and messages of an older database, the newest first; an answer its crash cut off too."""
    before = database_of("0003")
    with before.begin() as connection:
        connection.execute(text("INSERT INTO conversations VALUES ('c', 'chat', 'The Rhine', '{\"lanes\": []}', 1, 1)"))
        row = "INSERT INTO messages VALUES (:id, 'c', :turn, 0, 0, 'user', :said, '', :state, '{}', :turn, 0)"
        for turn, state in enumerate(["done", "done", "streaming"]):
            connection.execute(text(row), {"id": f"m{turn}", "turn": turn, "said": "Rhine", "state": state})
    before.dispose()
    store = open_store()
    hits = found(store, "rhin")
    store.close()
    assert hits == ["", "m2", "m1", "m0"]
