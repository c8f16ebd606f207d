"""Whether an answer is what was expected. What somebody else's pattern or schema decides is decided in a child process.

A pattern like `(a+)+$` takes longer than the universe on some answers, and holds the interpreter lock all the while.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from conductor_core.child import bare_environment
from conductor_core.kinds import CheckKind, CheckResult
from conductor_core.prompt_sets import examiner_process
from conductor_core.prompt_sets.reading import MOST_PROBLEMS, Problem, Row

CHECK_SECONDS = 2.0
"""How long one check may take."""
START_SECONDS = 20.0
_OF_THE_CHILD = (CheckKind.REGEX, CheckKind.JSON_SCHEMA)
_REPLY_BYTES = 1_000_000

Ruling = tuple[CheckResult, str]
"""What a check came to, and why it did not pass."""


class Examiner:
    """Carries out checks, one after the other. Close it in the end; its child is started when it is first needed.

    Args:
        seconds: how long one check may take.
    """

    def __init__(self, seconds: float = CHECK_SECONDS) -> None:
        self._seconds = seconds
        self._process: asyncio.subprocess.Process | None = None
        self._one_by_one = asyncio.Lock()

    async def rule(self, kind: CheckKind, expected: str, answer: str) -> Ruling:
        """Whether an answer passes. (The judge's checks are `judge.py`'s.)"""
        if kind is CheckKind.CONTAINS:
            found = expected.strip().casefold() in answer.casefold()
            return _ruling(found, "The expected text is not in it.")
        if kind is CheckKind.EQUALS:
            return _ruling(_even(answer) == _even(expected), "It is another text than the expected one.")
        told = await self._ask({"kind": kind, "expected": expected, "answer": answer})
        if told is None:
            what = "pattern" if kind is CheckKind.REGEX else "schema"
            return CheckResult.UNCLEAR, f"The {what} took longer than {self._seconds:g} s on this answer."
        if told["passed"] is None:
            return CheckResult.UNCLEAR, str(told["note"])
        return _ruling(told["passed"], str(told["note"]))

    async def problems(self, rows: Sequence[Row]) -> list[Problem]:
        """Of which rows the pattern or the schema can't be used."""
        found = []
        for row in rows:
            if row.check not in _OF_THE_CHILD:
                continue
            told = await self._ask({"kind": row.check, "expected": row.expected})
            fault = f"can't be read within {self._seconds:g} s" if told is None else told["fault"]
            if fault:
                found.append(Problem(row.line, f"Line {row.line:,}: expected {fault}."))
            if len(found) >= MOST_PROBLEMS:
                break
        return found

    async def close(self) -> None:
        """Ends the child."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if process.stdin:
            process.stdin.close()

    async def _ask(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """What the child says; None when it took too long, or died of it."""
        async with self._one_by_one:
            process = self._process or await self._started()
            assert process.stdin
            assert process.stdout
            try:
                async with asyncio.timeout(self._seconds):
                    process.stdin.write(orjson.dumps(asked) + b"\n")
                    await process.stdin.drain()
                    reply = await process.stdout.readline()
                    return dict(orjson.loads(reply))
            except (TimeoutError, OSError, ValueError):
                await self.close()
                return None
            except BaseException:  # cancelled: a reply to come would be taken for the next one's
                await self.close()
                raise

    async def _started(self) -> asyncio.subprocess.Process:
        """A child that has answered once, so that its start is not counted as a check's time."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", examiner_process.__file__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_REPLY_BYTES,
            env=bare_environment(),
        )
        self._process = process
        assert process.stdin
        assert process.stdout
        process.stdin.write(b'{"kind": "json_schema", "expected": "{}"}\n')
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await process.stdout.readline()
        return process


def _even(text: str) -> str:
    """Without what nobody sees: white space at the ends, and how much of it there is between words."""
    return " ".join(text.split())


def _ruling(passed: bool, note: str) -> Ruling:
    return (CheckResult.PASS, "") if passed else (CheckResult.FAIL, note)
