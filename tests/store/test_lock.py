from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conductor_core.errors import AlreadyRunning
from conductor_core.store.database import Store
from tests.store.rows import finished

HOLDER = """
import sys
from pathlib import Path
from conductor_core.store.database import Store
store = Store.open(Path(sys.argv[1]), place="http://127.0.0.1:8501")
print("open", flush=True)
sys.stdin.read()
"""


def hold(home: Path) -> subprocess.Popen[str]:
    """Another process that has the database open, until its stdin closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "open\n"
    return process


def test_a_second_process_is_refused_and_told_who_has_it(home: Path) -> None:
    """The refusal names the first process's pid and address; when that process is killed the data is free again."""
    with hold(home) as holder:
        with pytest.raises(AlreadyRunning) as refusal:
            Store.open(home)
        assert f"process {holder.pid}, http://127.0.0.1:8501" in str(refusal.value)
        holder.kill()
        holder.wait()
        Store.open(home).close()


def test_a_second_opening_in_the_same_process_is_refused(file_store: Store, home: Path) -> None:
    """Not even one process may open the same data twice; the first goes on."""
    with pytest.raises(AlreadyRunning):
        Store.open(home)
    file_store.save_call(finished()).result(5)


def test_closing_twice_leaves_the_next_ones_note(home: Path) -> None:
    """A store closed again takes nothing from whoever opened the data after it."""
    first = Store.open(home)
    first.close()
    second = Store.open(home, place="http://127.0.0.1:9000")
    first.close()
    with pytest.raises(AlreadyRunning, match="9000"):
        Store.open(home)
    second.close()


def test_an_unreadable_note_still_refuses(file_store: Store, home: Path) -> None:
    """Without a readable note the refusal just can't say who."""
    (home / "conductor.lock.json").write_text("{")
    with pytest.raises(AlreadyRunning, match="another process"):
        Store.open(home)
