"""`docs/http.md` is true: its examples run, and its lists are those of the code."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path

import pytest

from conductor_core.api import errors
from conductor_core.api.access import OPEN
from conductor_core.api.app import _ANSWER_HEADERS
from conductor_core.kinds import Outcome
from tests.api.door import TOKEN, Open, opened

PAGE = (Path(__file__).parents[1] / "docs" / "http.md").read_text()
EXAMPLES = [
    command
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    for command in re.split(r"\n(?=curl )", block.strip())
]


async def run(command: str, door: Open) -> str:
    """What an example prints."""
    environment = {"PATH": os.environ["PATH"], "CONDUCTOR": f"http://127.0.0.1:{door.port}", "KEY": TOKEN}
    process = await asyncio.create_subprocess_shell(
        command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return output.decode()


async def test_every_example_runs(tmp_path: Path) -> None:
    """Each as it stands, and none is answered with an error."""
    assert len(EXAMPLES) >= 7
    async with opened(tmp_path, CONDUCTOR_AUTO_PROVIDERS="openai") as door:
        for command in EXAMPLES:
            output = await run(command, door)
            assert "invalid" not in output, command
            if "stream" in command:
                assert output.startswith("event: chunk\ndata: ")
                assert "event: done\n" in output
            else:
                assert "error" not in json.loads(output), command


async def test_a_wrong_example_would_be_noticed(tmp_path: Path) -> None:
    """One with another key prints an error."""
    async with opened(tmp_path) as door:
        assert json.loads(await run(EXAMPLES[0].replace("$KEY", "other"), door))["error"] == "invalid_api_key"


def test_every_code_of_an_error_is_listed() -> None:
    """In the table, with its status."""
    told = re.findall(r"^\| ([\d, ]+) \| ([^|]+) \|", PAGE, re.MULTILINE)
    listed = {
        (int(status), code)
        for statuses, codes in told
        for status in statuses.split(", ")
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert {(status, code) for status, code in errors._UPSTREAM.values()} <= listed
    assert {(status, code) for _, status, code in errors._OURS} <= listed
    assert set(errors._UPSTREAM) <= set(Outcome)


@pytest.mark.parametrize("name", [*_ANSWER_HEADERS, *sorted(OPEN - {"/api/docs/{name}"})])
def test_every_header_and_open_address_is_told_of(name: str) -> None:
    """By its whole name."""
    told = {name for names in re.findall(r"`([^`\n]+)`", PAGE) for name in names.lower().split(": ")}
    assert name in told
