from __future__ import annotations

from pathlib import Path

import pytest

from conductor_core.bridge import Bridge
from dashboard import runtime
from tests.installation import environment_for


async def _answer() -> int:
    return 42


def test_pages_reach_the_conductor_the_server_installed(tmp_path: Path) -> None:
    """`get_conductor` is the installed one, and `run` runs on its loop."""
    bridge = Bridge.in_thread(environment_for(tmp_path, None))
    runtime.install(bridge)
    try:
        assert runtime.get_conductor() is bridge.conductor
        assert runtime.run(_answer()) == 42
    finally:
        runtime.close()


def test_without_a_server_the_first_page_opens_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CONDUCTOR_HOME as it is then; the next page gets the same, and after `close` a new one."""
    monkeypatch.setenv("CONDUCTOR_HOME", str(tmp_path))
    first = runtime.get_conductor()
    assert first.settings.home == tmp_path
    assert runtime.get_conductor() is first
    runtime.close()
    try:
        assert runtime.get_conductor() is not first
    finally:
        runtime.close()
