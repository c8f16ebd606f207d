"""The thread that looks: again and again, whatever a look comes to, until it is stopped."""

from __future__ import annotations

import threading

import pytest

from conductor_core import watch
from conductor_core.errors import StoreError
from conductor_core.watch import Watch


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY", 0.001)


@pytest.mark.parametrize(("fault", "logged"), [(StoreError("away"), False), (ValueError("ours"), True)])
def test_it_goes_on_after_any_look(
    fault: Exception, logged: bool, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A database that is away is said elsewhere; a fault of our own is logged."""
    looks, seen = iter(range(1_000_000)), threading.Event()

    def look() -> None:
        if next(looks) == 0:
            raise fault
        seen.set()

    looking = Watch("keys", look)
    assert not looking.looks
    looking.start()
    assert seen.wait(10)
    assert looking.looks
    looking.stop()
    assert not looking.looks
    # Where it goes depends on whether anything in this process has configured the log.
    assert ("keys could not be looked at" in capsys.readouterr().out + caplog.text) is logged


def test_stopping_waits_for_the_look_under_way() -> None:
    """Then nothing reads the database any more; one that was never started is stopped, too."""
    began, goes_on = threading.Event(), threading.Event()
    ended: list[bool] = []

    def look() -> None:
        began.set()
        ended.append(goes_on.wait(10))

    looking = Watch("keys", look)
    looking.start()
    assert began.wait(10)
    assert not ended
    threading.Timer(0.05, goes_on.set).start()
    looking.stop()
    assert ended[0]
    assert not looking.looks
    Watch("keys", look).stop()
