from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conductor_core.errors import NotFound
from conductor_core.kinds import LaneState, Outcome
from conductor_core.store.database import Store
from conductor_core.store.sqlite import SQLite
from conductor_core.text import is_clean
from tests.conftest import OpenStore
from tests.store.rows import answer, conversation, finished, fresh_id, incident, message, running, until

CANARY = "zanzibar-quetzal-7193"

texts = st.text(max_size=300).filter(is_clean) | st.sampled_from(
    [
        "👩‍👩‍👧‍👦 🇨🇭",
        "日本語のテキスト",
        "שלום עולם",
        "مرحبا\u200f!",
        "e\u0301",
        "\u2028\r\n\t",
        "x" * 70_000,
        "\u202eevil",
    ]
)


def raw_bytes(home: Path) -> bytes:
    """Everything in a data folder's files."""
    return b"".join(path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(content=texts, thinking=texts, fact=texts)
def test_texts_come_back_as_they_were(store: Store, content: str, thinking: str, fact: str) -> None:
    """Any clean text survives the way through the file: emoji, CJK, right-to-left, control characters."""
    chat = conversation()
    store.save_conversation(chat)
    said = message(chat.id, content=content, thinking=thinking, facts={"receipt": [fact, None, 1.5]})
    store.save_message(said).result(5)
    assert store.messages(chat.id) == [said]


def test_a_conversation_comes_back(store: Store) -> None:
    """A saved conversation is read back with its settings."""
    chat = conversation(settings={"lanes": [{"provider": "gemini"}], "top_p": None})
    store.save_conversation(chat).result(5)
    assert store.conversation(chat.id) == chat


def test_an_unknown_conversation_is_not_found(store: Store) -> None:
    """Asking for what isn't there is the caller's mistake, with a sentence."""
    with pytest.raises(NotFound):
        store.conversation(fresh_id())


def test_conversations_are_listed_by_last_use(store: Store) -> None:
    """The list of a kind begins with the last used and can be paged."""
    chats = [conversation(updated_at=time) for time in (10, 30, 20)]
    for chat in [*chats, conversation(kind="compare", updated_at=99)]:
        store.save_conversation(chat)
    store.touch(chats[0].id, 40).result(5)
    assert [chat.updated_at for chat in store.conversations("chat")] == [40, 30, 20]
    assert [chat.updated_at for chat in store.conversations("chat", limit=1, offset=1)] == [30]


def test_renaming_changes_only_the_title(store: Store) -> None:
    """A rename leaves everything else."""
    chat = conversation()
    store.save_conversation(chat)
    store.rename(chat.id, "Seas").result(5)
    chat.title = "Seas"
    assert store.conversation(chat.id) == chat


def test_messages_are_in_reading_order(store: Store) -> None:
    """By turn, the prompt before its answers, then by lane and version, however they were saved."""
    chat = conversation()
    store.save_conversation(chat)
    expected = [
        message(chat.id),
        answer(chat.id),
        answer(chat.id, version=1),
        answer(chat.id, lane=1),
        message(chat.id, turn=1),
        answer(chat.id, turn=1),
    ]
    saving = [store.save_message(one) for one in (expected[i] for i in (5, 3, 0, 2, 4, 1))]
    saving[-1].result(5)
    assert store.messages(chat.id) == expected


def test_saving_twice_is_saving_once(store: Store) -> None:
    """Every save can be repeated; the last values stand."""
    chat, call = conversation(), running()
    said = answer(chat.id, state=LaneState.STREAMING)
    for _ in range(2):
        store.save_conversation(chat)
        store.save_message(said)
        store.save_call(call).result(5)
    end = finished(call)
    for _ in range(2):
        store.save_call(end).result(5)
    assert store.messages(chat.id) == [said]
    assert store.recent_calls(10) == [end]


def test_a_checkpoint_updates_the_answer(store: Store) -> None:
    """A checkpoint changes text and state and nothing else, and a final save after it stands."""
    chat = conversation()
    said = answer(chat.id, content="", state=LaneState.WAITING)
    store.save_conversation(chat)
    store.save_message(said)
    store.checkpoint(said.id, "1,2", "let me see", LaneState.STREAMING).result(5)
    [half] = store.messages(chat.id)
    assert (half.content, half.thinking, half.state) == ("1,2", "let me see", LaneState.STREAMING)
    store.checkpoint(said.id, "1,23", "", LaneState.STREAMING)
    said.content, said.state = "1,233 km.", LaneState.DONE
    store.save_message(said).result(5)
    assert store.messages(chat.id) == [said]


def test_a_message_without_conversation_is_refused(store: Store) -> None:
    """Saving into a deleted conversation fails as not found instead of bringing it back."""
    with pytest.raises(NotFound):
        store.save_message(message(fresh_id())).result(5)


def test_a_value_is_saved_as_it_was_when_asked(store: Store) -> None:
    """Changing a call after `save_call` returned changes nothing that was queued."""
    call = finished()
    future = store.save_call(call)
    call.provider = "changed"
    future.result(5)
    assert store.recent_calls(1)[0].provider == "openai"


def test_calls_are_found_by_time(store: Store) -> None:
    """Ranges are half-open; newest first only where it says so."""
    made = [finished(started_at=time) for time in (100, 200, 300)]
    for call in made:
        store.save_call(call)
    store.save_call(running(started_at=250)).result(5)
    assert [call.started_at for call in store.calls_between(100, 300)] == [100, 200, 250]
    assert [call.started_at for call in store.recent_calls(2, since=150)] == [300, 250]
    assert store.recent_calls(9, since=300) == [made[2]]


def test_charts_read_columns_of_finished_calls(store: Store) -> None:
    """Columns come in the order asked for, oldest first, without calls that still run."""
    for call in (finished(started_at=300), finished(started_at=100, latency_ms=None), running(started_at=200)):
        saved = store.save_call(call)
    saved.result(5)
    rows = store.call_columns(0, 1_000, ["latency_ms", "started_at"])
    assert [tuple(row) for row in rows] == [(None, 100), (812.25, 300)]


def test_the_last_calls_of_each_provider_seed_the_counters(store: Store) -> None:
    """The newest finished n of each provider, oldest first."""
    for time in range(6):
        store.save_call(finished(started_at=time))
    store.save_call(finished(started_at=2, provider="gemini"))
    store.save_call(running(started_at=9)).result(5)
    last = [(call.provider, call.started_at) for call in store.last_calls(3)]
    assert sorted(last) == [("gemini", 2), ("openai", 3), ("openai", 4), ("openai", 5)]
    assert [time for _, time in last] == sorted(time for _, time in last)


def test_calls_of_a_conversation(store: Store) -> None:
    """Only its own attempts, oldest first."""
    chat = conversation()
    mine = [finished(conversation_id=chat.id, lane_id=fresh_id(), started_at=time) for time in (1, 2)]
    for call in (mine[1], mine[0], finished()):
        saved = store.save_call(call)
    saved.result(5)
    assert store.calls_of(chat.id) == mine


def test_what_a_crash_left_running_is_interrupted(open_store: OpenStore) -> None:
    """On opening, running calls and unfinished answers become interrupted; times stay unknown, final rows stay."""
    store = open_store()
    chat = conversation()
    store.save_conversation(chat)
    for version, state in enumerate((LaneState.WAITING, LaneState.STREAMING, LaneState.DONE)):
        store.save_message(answer(chat.id, version=version, state=state))
    store.save_call(finished(started_at=1))
    store.save_call(running(started_at=2)).result(5)
    store.close()
    store = open_store()
    states = [said.state for said in store.messages(chat.id)]
    calls = [(call.outcome, call.latency_ms) for call in store.calls_between(0, 10)]
    store.close()
    assert states == [LaneState.INTERRUPTED, LaneState.INTERRUPTED, LaneState.DONE]
    assert calls == [(Outcome.OK, 812.25), (Outcome.INTERRUPTED, None)]


def test_deleting_leaves_no_trace(file_store: Store, home: Path) -> None:
    """After a delete no file holds a byte of the conversation, also of texts that were replaced or long; the call
    keeps its numbers and loses what leads back."""
    chat, other = conversation(title=f"About {CANARY}", settings={"system": CANARY}), conversation()
    said = answer(chat.id, content=f"{CANARY} " * 2_000, facts={"detail": CANARY})
    call = finished(conversation_id=chat.id, lane_id=said.id, error=f"Blocked: {CANARY}", outcome=Outcome.BLOCKED)
    for one in (chat, other):
        file_store.save_conversation(one)
    file_store.save_message(said)
    file_store.save_call(call).result(5)
    file_store.checkpoint(said.id, f"short {CANARY}", CANARY, LaneState.DONE).result(5)
    assert CANARY.encode() in raw_bytes(home)
    file_store.delete(chat.id).result(5)
    assert CANARY.encode() not in raw_bytes(home)
    assert [c.id for c in file_store.conversations("chat")] == [other.id]
    assert file_store.messages(chat.id) == []
    [kept] = file_store.recent_calls(5)
    call.conversation_id = call.lane_id = call.error = None
    assert kept == call


def test_a_late_end_does_not_lead_back_to_a_deleted_conversation(store: Store) -> None:
    """A call that ends after its conversation was deleted gets its numbers and no conversation."""
    chat = conversation()
    call = running(conversation_id=chat.id, lane_id=fresh_id())
    store.save_conversation(chat)
    store.save_call(call).result(5)
    store.delete(chat.id)
    store.save_call(finished(call)).result(5)
    [kept] = store.recent_calls(5)
    assert (kept.conversation_id, kept.lane_id, kept.outcome) == (None, None, Outcome.OK)


def test_a_reader_in_the_middle_only_delays_the_erasing(file_store: Store, home: Path) -> None:
    """While a reader holds an old snapshot the log can't be emptied; it is as soon as the reader is done."""
    chat = conversation(title=CANARY)
    file_store.save_conversation(chat).result(5)
    with closing(sqlite3.connect(home / "conductor.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT title FROM conversations").fetchall() == [(CANARY,)]
        file_store.delete(chat.id).result(5)
        reader.execute("COMMIT")
    until(lambda: CANARY.encode() not in raw_bytes(home))


async def test_many_tasks_wait_for_their_commits(store: Store) -> None:
    """Tasks of an event loop can wait for any number of rows."""
    calls = [finished(started_at=number) for number in range(200)]

    async def save(number: int) -> None:
        await store.save_call(calls[number])
        assert calls[number] in store.calls_between(number, number + 1)

    await asyncio.gather(*(save(number) for number in range(200)))


def test_readers_can_not_write(store: Store) -> None:
    """The connections that read refuse to write."""
    with store._backend.reading.connect() as connection, pytest.raises(Exception, match=r"read-?only"):
        connection.exec_driver_sql("DELETE FROM calls")


@pytest.mark.parametrize(("durability", "level"), [("normal", 1), ("full", 2)])
def test_durability_sets_when_the_disk_is_flushed(home: Path, durability: str, level: int) -> None:
    """`full` flushes with every commit, `normal` with checkpoints; either way deleted bytes are overwritten."""
    backend = SQLite.open(home, durability=durability)
    with backend.writing.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("synchronous", "journal_mode", "foreign_keys", "secure_delete", "busy_timeout")
        ]
    backend.close()
    assert pragmas == [level, "wal", 1, 1, 5000]


def test_an_incident_comes_back_with_its_end(store: Store) -> None:
    """Saved when it starts and again when it ends, it is one row; what it started with stays."""
    begun = incident(reason="OpenAI is overloaded.")
    store.save_incident(begun).result(5)
    store.save_incident(replace(begun, started_at=5, ended_at=9_000, reason="It failed again.")).result(5)
    assert store.incidents(0, 10_000) == [replace(begun, ended_at=9_000, reason="It failed again.")]


def test_incidents_are_found_by_when_they_lasted(store: Store) -> None:
    """Those begun in the range and those that reach into it, the newest first, at most so many."""
    over, reaching, inside, later = (
        incident(started_at=begin, ended_at=end)
        for begin, end in ((1_000, 2_000), (1_500, 6_000), (5_500, None), (9_000, None))
    )
    lasting = incident(started_at=500)
    for one in (over, reaching, inside, later, lasting):
        saved = store.save_incident(one)
    saved.result(5)
    assert store.incidents(5_000, 9_000) == [inside, reaching, lasting]
    assert store.incidents(5_000, 9_000, limit=1) == [inside]
    assert store.incidents(5_000, 9_000, besides=["openai"]) == []
    assert store.incidents(5_000, 9_000, of=["openai"], limit=1) == [inside]
    assert store.incidents(5_000, 9_000, of=[]) == []


def test_an_incident_ends_with_the_process_that_saw_it(open_store: OpenStore) -> None:
    """What was unfinished is ended at the next start; an end that was known, even ahead, stays."""
    first = open_store()
    known = incident(ended_at=10**15)
    first.save_incident(known)
    first.save_incident(incident()).result(5)
    first.close()
    second = open_store()
    ends = {one.ended_at for one in second.incidents(0, 10**16)}
    second.close()
    assert known.ended_at in ends
    assert None not in ends
    assert len(ends) == 2


def test_lengths_of_answers_are_found_by_model(store: Store) -> None:
    """Whole answers among the newest calls count, under the model that was asked for."""
    store.save_call(finished(completion_tokens=1, started_at=1))
    for tokens, at in ((10, 2), (30, 3)):
        store.save_call(finished(completion_tokens=tokens, started_at=at))
    store.save_call(finished(completion_tokens=99, outcome=Outcome.STREAM_CUT, started_at=4))
    store.save_call(finished(completion_tokens=None, started_at=5)).result(5)
    assert store.completion_lengths(4) == {("openai", "gpt-4o"): [30, 10]}
