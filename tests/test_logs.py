from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
import structlog

from conductor_core import logs
from conductor_core.redaction import Redactor
from conductor_core.secret import Secret

CANARY = "canary-5f1c9a7b3e"


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """The log as it would go to stderr; the process's own logging is put back in the end."""
    root = logging.getLogger()
    kept = root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook
    redactor = Redactor()
    redactor.learn(Secret(CANARY))
    stream = io.StringIO()
    logs.configure(redactor, stream)
    logs.catch_uncaught()
    yield stream
    root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook = kept
    logging.captureWarnings(False)
    structlog.reset_defaults()


def _records(output: io.StringIO) -> list[dict[str, object]]:
    """The log's lines, each of which has to be JSON."""
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_record_is_one_json_line(output: io.StringIO) -> None:
    """With time, level, logger and what was bound; a line break in it does not begin a second record."""
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logging.getLogger("conductor_core.x").info("two\nlines", extra={"provider": "openai"})
    record = _records(output)[0]
    assert record["event"] == "two\nlines"
    assert (record["level"], record["logger"], record["request_id"]) == ("info", "conductor_core.x", "r1")
    assert record["provider"] == "openai"
    assert str(record["time"]).endswith("Z")


def test_structlog_writes_the_same_line(output: io.StringIO) -> None:
    """Both ways of logging end in one handler."""
    structlog.get_logger("conductor_core.y").warning("slow", seconds=3)
    assert _records(output)[0] | {"time": ""} == {
        "event": "slow", "seconds": 3, "level": "warning", "logger": "conductor_core.y", "time": "",
    }  # fmt: skip


def _log_everywhere() -> None:
    log = logging.getLogger("conductor_core.z")
    log.warning("message %s", CANARY)
    log.warning("extra", extra={"detail": {"deep": [CANARY]}, CANARY: 1, "object": Secret(CANARY)})
    structlog.get_logger().error("bound", key=CANARY, data=CANARY.encode())
    try:
        raise ValueError(f"https://h.example/?key={CANARY}")
    except ValueError:
        log.exception("failed")
    warnings.warn(CANARY, stacklevel=1)


@pytest.mark.filterwarnings("default")
def test_a_key_is_in_no_record(output: io.StringIO) -> None:
    """In messages, arguments, nested values, names, bytes, exceptions and warnings."""
    _log_everywhere()
    assert len(_records(output)) == 5
    assert "canary" not in output.getvalue()
    assert "Traceback" in output.getvalue()


def test_what_nobody_caught_is_a_record(output: io.StringIO) -> None:
    """Of the process and of a thread: one line without the key, in place of a traceback on stderr."""
    error = RuntimeError(CANARY)
    sys.excepthook(RuntimeError, error, None)
    thread = threading.Thread(target=_raise, args=(error,), name="worker")
    thread.start()
    thread.join()
    records = _records(output)
    assert [record["level"] for record in records] == ["critical", "error"]
    assert "worker" in str(records[1]["event"])
    assert "canary" not in output.getvalue()


def _raise(error: Exception) -> None:
    raise error


def test_other_libraries_log_warnings_only_and_through_us(output: io.StringIO) -> None:
    """Their own handlers are gone; a line per request would name conversations."""
    foreign = logging.getLogger("some.library")
    own = io.StringIO()
    foreign.addHandler(logging.StreamHandler(own))
    logs.capture(foreign)
    foreign.info("GET /?c=123")
    foreign.warning(CANARY)
    assert [record["event"] for record in _records(output)] == ["[key]"]
    assert own.getvalue() == ""


def test_a_huge_value_is_cut_after_it_was_cleaned(output: io.StringIO) -> None:
    """No half of a key is left at the cut, and a record stays readable."""
    logging.getLogger("conductor").warning("%s%s%s", "x" * 16_380, CANARY, "y" * 100_000)
    assert len(output.getvalue()) < 17_000
    assert "canar" not in output.getvalue()


async def test_harmless_lines_are_gathered_in_their_order(output: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are written after a moment, when there are many, and before whatever else is logged."""
    monkeypatch.setattr(logs, "_WAITING_SECONDS", 0.01)
    ours = logging.getLogger("conductor_core.here")

    def written() -> list[object]:
        return [record["event"] for record in _records(output)]

    logs.harmless(ours, "first", status=200)
    assert written() == []
    while not written():
        await asyncio.sleep(0.001)
    logs.harmless(ours, "second", status=200)
    ours.warning("third")
    assert written() == ["first", "second", "third"]
    for number in range(64):
        logs.harmless(ours, f"many {number}", ms=1.5, key=None)
    assert written()[3:] == [f"many {number}" for number in range(64)]
    logs.harmless(ours, "last")
    logging.getLogger().handlers[0].flush()
    assert written()[-1] == "last"
    line = _records(output)[3]
    assert (line["ms"], line["key"], line["level"], line["logger"]) == (1.5, None, "info", "conductor_core.here")
    assert str(line["time"]).endswith("Z")


@pytest.mark.usefixtures("output")
async def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what waits nor what comes next raises into whoever logs it: of a full disk others tell."""

    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(logging, "raiseExceptions", False)
    logs.configure(Redactor(), Full())
    ours = logging.getLogger("conductor_core.here")
    logs.harmless(ours, "waits", status=200)
    ours.warning("comes next")
    for number in range(64):
        logs.harmless(ours, f"many {number}")
