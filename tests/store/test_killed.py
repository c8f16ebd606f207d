"""What a kill -9 in the middle of writing leaves behind."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from conductor_core.secret import Secret
from conductor_core.store.database import Store
from tests.store.rows import fresh_id

ROUNDS = 5 * int(os.environ.get("CONDUCTOR_TEST_SCALE", "1"))

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from conductor_core.secret import Secret
from conductor_core.store.database import Store
from tests.store.rows import finished
url = Secret(sys.argv[3]) if sys.argv[3:] else None
store = Store.open(Path(sys.argv[1]), durability=sys.argv[2], database_url=url)
while True:
    calls = [finished() for _ in range(20)]
    for future in [store.save_call(call) for call in calls]:
        future.result()
    print(*(call.id for call in calls), flush=True)
"""


def test_a_kill_loses_nothing_on_a_server(home: Path, postgres_url: Secret) -> None:
    """The same on PostgreSQL, where the next process may come before the server has seen the last one go."""
    acknowledged: set[str] = set()
    for _ in range(2):
        acknowledged |= written_until_killed(home, "normal", postgres_url)
    store = Store.open(home, database_url=postgres_url)
    present = [call.id for call in store.recent_calls(10_000_000)]
    store.close()
    assert acknowledged
    assert acknowledged <= set(present)
    assert len(present) == len(set(present))


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_a_kill_loses_nothing_that_was_acknowledged(home: Path, durability: str) -> None:
    """Round after round on the same file: every acknowledged row is there, and the database is sound."""
    acknowledged: set[str] = set()
    for _ in range(ROUNDS):
        acknowledged |= written_until_killed(home, durability)
    store = Store.open(home)
    present = {call.id for call in store.recent_calls(10_000_000)}
    store.close()
    assert acknowledged
    assert acknowledged <= present
    with closing(sqlite3.connect(home / "conductor.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def written_until_killed(home: Path, durability: str, url: Secret | None = None) -> set[str]:
    """The ids a process acknowledged until it was killed, somewhere within its writing."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, str(home), durability, *([url.reveal()] if url else [])],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(5)]
    process.kill()
    lines += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    whole = (line for line in lines if line.endswith("\n"))
    return {id for line in whole for id in line.split() if len(id) == len(fresh_id())}
