"""How long the list of conversations and a search take on a large history, as the sidebar asks for them.

    python -m benchmarks.search --conversations 10000 --messages 200000

On a file, and on PostgreSQL when CONDUCTOR_DATABASE_URL names a database without conversations; they stay there.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from conductor_core.kinds import LaneState
from conductor_core.models import MessageRole
from conductor_core.secret import Secret
from conductor_core.store.database import Store
from conductor_core.store.records import Conversation, StoredMessage

SEED = 20_261_125
PAGE = 41
ROUNDS = 15
QUERIES = ("the", "t", "wor", "word17", "word17 word4", "word9999", "zebra", "the zebra", "word1 word2 word3 w")
"""Common, one letter, a beginning, rare, several, and what is nowhere."""


def conversations(number: int, messages: int) -> Iterator[tuple[Conversation, list[StoredMessage]]]:
    """A history, oldest first; words are as often as in a language (Zipf)."""
    chance = random.Random(SEED)
    words = ["the", *(f"word{place}" for place in range(1, 20_000))]
    weights = [1 / place for place in range(1, len(words) + 1)]
    drawn = iter(chance.choices(words, weights, k=messages * 60 + number * 6))
    for place in range(number):
        id = f"{place:032x}"
        at = 1_700_000_000_000 + place * 60_000
        title = " ".join(next(drawn) for _ in range(6))
        made = Conversation(id, "chat" if place % 10 else "compare", title, {"lanes": []}, at, at)
        said = [
            StoredMessage(
                id=f"{place:016x}{turn:016x}",
                conversation_id=id,
                turn=turn // 2,
                lane=0,
                version=0,
                role=MessageRole.ASSISTANT if turn % 2 else MessageRole.USER,
                content=" ".join(next(drawn) for _ in range(60)),
                thinking="",
                state=LaneState.DONE,
                facts={},
                created_at=at,
            )
            for turn in range(messages // number)
        ]
        yield made, said


def fill(store: Store, number: int, messages: int) -> None:
    """Writes the history."""
    begun = time.perf_counter()
    for conversation, said in conversations(number, messages):
        store.save_conversation(conversation)
        written = [store.save_message(one) for one in said]
        if store.writer.unsaved > 10_000:
            written[-1].result()
    written[-1].result()
    took = time.perf_counter() - begun
    print(f"  wrote {number:,} conversations, {messages:,} messages in {took:.1f} s")


def timed(what: str, act: Callable[[], object]) -> None:
    """Prints the median and the worst of several rounds, in ms."""
    spent = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        act()
        spent.append((time.perf_counter() - begun) * 1e3)
    print(f"  {what:<32} p50 {statistics.median(spent):7.1f} ms   worst {max(spent):7.1f} ms")


def measure(store: Store, number: int) -> None:
    """The sidebar's questions."""
    timed("first page of the list", lambda: store.conversations("chat", PAGE))
    timed("last page of the list", lambda: store.conversations("chat", PAGE, number * 9 // 10 - PAGE))
    timed("archive", lambda: store.conversations("chat", PAGE, archived=True))
    for query in QUERIES:
        timed(f"search {query!r}", lambda query=query: store.search(query, "chat", 31))  # type: ignore[misc]
    timed("search 'the' in comparisons", lambda: store.search("the", "compare", 31))
    begun = time.perf_counter()
    store.delete(f"{number // 2:032x}").result()
    print(f"  {'delete a conversation':<32}     {(time.perf_counter() - begun) * 1e3:7.1f} ms")


def main() -> None:
    """Measures and prints."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--conversations", type=int, default=500)
    options.add_argument("--messages", type=int, default=10_000)
    given = options.parse_args()
    address = os.environ.get("CONDUCTOR_DATABASE_URL")
    with tempfile.TemporaryDirectory() as folder:
        for name, url in [("SQLite", None), *([("PostgreSQL", Secret(address))] if address else [])]:
            print(name)
            store = Store.open(Path(folder), database_url=url)
            fill(store, given.conversations, given.messages)
            measure(store, given.conversations)
            store.close()
        size = (Path(folder) / "conductor.db").stat().st_size
        print(f"file: {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
